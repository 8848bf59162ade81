"""The meaning of a message and of its key, in the words of their declarations."""

from __future__ import annotations

from typing import Any, NewType, get_args

from partita.catalog.contract import Contract
from partita.schemas.fields.annotation import notes_of
from partita.schemas.fields.field import fields_of
from partita.schemas.fields.notes import doc_of


def meaning_of(contract: Contract) -> str:
    """The first paragraph of the docstring of a message's class."""
    return doc_of(contract.cls)


def key_meaning(contract: Contract) -> str:
    """The meaning of a key: its description, else the type that the owner named for it: `OrderId`. Empty where there is none."""
    field = next((each for each in fields_of(contract.shape.struct) if each.name == contract.key_field), None)
    return "" if field is None else field.doc or _named_type(field.annotation)


def _named_type(annotation: Any) -> str:
    inner = get_args(annotation)[0] if notes_of(annotation) else annotation
    return inner.__name__ if isinstance(inner, NewType) else ""
