"""Personal data in a message: the paths of the marked fields, also within its records, and whether it says whose data it is."""

from __future__ import annotations

from collections.abc import Iterator

from partita.schemas.fields.reading import Reading, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, WireType


def personal_in(shape: Shape) -> tuple[str, ...]:
    """The paths of the fields that are marked `PII`: `email`, `receiver.street`."""
    reading = read(shape)
    return tuple(_paths(reading, reading.root.name, "", ()))


def has_subject(shape: Shape) -> bool:
    """Whether a field, also one within a record, is marked `Subject`."""
    return any(entry.field.is_subject for record in read(shape).records.values() for entry in record.entries)


def _paths(reading: Reading, record: str, before: str, within: tuple[str, ...]) -> Iterator[str]:
    for entry in reading.records[record].entries:
        path = f"{before}{entry.name}"
        if entry.field.is_pii:
            yield path
            continue
        for name in _records(entry.type):
            if name not in within and name != record:
                yield from _paths(reading, name, f"{path}.", (*within, record))


def _records(kind: WireType) -> Iterator[str]:
    match kind:
        case Nested(name):
            yield name
        case Items(of) | Entries(of) | Bounded(of):
            yield from _records(of)
        case OneOf(members):
            for member in members:
                yield from _records(member)
