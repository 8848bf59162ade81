"""Sagas: declared as steps, checked at import, decided by a pure engine. Here are the parts of a step that few sagas need."""

from partita.sagas.timer import after

__all__ = ["after"]
