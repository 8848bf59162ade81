"""Schemas derived from the declarations: one model, one module per schema language."""
