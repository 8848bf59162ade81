"""Whether a record of a message may hold another of itself: the values of such a message have no depth of their own."""

from __future__ import annotations

from collections.abc import Iterator

from partita.schemas.fields.reading import Reading
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, WireType


def is_recursive(reading: Reading) -> bool:
    """Whether a record may hold another of itself."""
    held = {name: {n for e in record.entries for n in _held_by(e.type)} for name, record in reading.records.items()}
    while held:
        # A record that holds none of the others is no part of a circle.
        ends = [name for name, names in held.items() if not names]
        if not ends:
            return True
        held = {name: names.difference(ends) for name, names in held.items() if name not in ends}
    return False


def _held_by(kind: WireType) -> Iterator[str]:
    match kind:
        case Bounded(of) | Items(of) | Entries(of):
            yield from _held_by(of)
        case OneOf(members, _):
            for member in members:
                yield from _held_by(member)
        case Nested(name):
            yield name
