"""Sagas: declared as steps, checked at import, decided by a pure engine. Here are the parts that few sagas need: timers of steps,
steps that are sent together or for each item of a list, and events that a saga hears."""

from partita.sagas.for_each import each
from partita.sagas.listener import Cancel, cancel, on
from partita.sagas.step import parallel
from partita.sagas.timer import after

__all__ = ["Cancel", "after", "cancel", "each", "on", "parallel"]
