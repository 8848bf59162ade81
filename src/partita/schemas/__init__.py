"""Schemas derived from the declarations: one model, one module per schema language. Here are the notes that a field may have."""

from partita.schemas.fields.marks import PII, Alias, Millis, Subject
from partita.schemas.money import Money

__all__ = ["PII", "Alias", "Millis", "Money", "Subject"]
