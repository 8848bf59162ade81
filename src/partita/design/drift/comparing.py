"""Compares two designs: every change that a reader of the document has to know, by section."""

from __future__ import annotations

from partita.design.drift.change import Change
from partita.design.drift.delivery import delivery_changes
from partita.design.drift.messages import message_changes
from partita.design.drift.parties import party_changes
from partita.design.drift.sagas import saga_changes
from partita.design.model.design import Design


def changes(old: Design, new: Design) -> tuple[Change, ...]:
    """The changes from `old` to `new`, by section; within one the harmful first. Places and origins count for nothing."""
    found = [
        *message_changes(old, new),
        *party_changes(old, new),
        *saga_changes(old, new),
        *delivery_changes(old, new),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (each.section, not each.harm, each.what)))
