"""The form of a value in JSON: exact for every reader, or refused.

A record is compiled to one function that takes a plain value and returns that form. Decimals are texts in plain notation,
instants are in UTC, and a field that a class leaves out is written. Whole numbers end at 2^53: JavaScript reads a larger one as
another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from partita.schemas.exact_value import (
    Unsayable,
    Write,
    decimal_text,
    each,
    each_value,
    instant,
    instant_millis,
    time_of_day,
)
from partita.schemas.fields.reading import Reading, Record
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

WHOLE_MAX = 2**53 - 1
"""The largest whole number that every reader of JSON reads as it is: they read numbers as floats."""

_MISSING = object()


def write_of(reading: Reading) -> Write:
    """The function that gives values of a message their form in JSON. It raises `Unsayable`."""
    return _Compiler(reading).record(reading.root)


def defaults_of(reading: Reading) -> dict[str, dict[str, Any]]:
    """The defaults of each record's fields in their form in JSON, by record and field.

    Raises:
        ValueError: JSON cannot say one of them.
    """
    compiler = _Compiler(reading)
    compiler.record(reading.root)
    found: dict[str, dict[str, Any]] = {}
    for name, record in reading.records.items():
        given = [(entry, compiler.of(entry.type)) for entry in record.entries if not entry.field.required]
        said = {entry.name: entry.default if write is None else write(entry.default) for entry, write in given}
        found[name] = msgspec.to_builtins(said, order="deterministic")
    return found


class _Compiler:
    """Compiles one reading. `_records` are its records so far, so that one within itself is found when it is used."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._records: dict[str, Write] = {}

    def record(self, record: Record) -> Write:
        fields: list[tuple[str, Write | None, Any]] = []

        def write(value: Any) -> Any:
            found = {}
            for name, inner, default in fields:
                held = value.get(name, _MISSING)
                if held is _MISSING:
                    held = default
                if inner is not None:
                    try:
                        held = inner(held)
                    except Unsayable as error:
                        raise error.within(f".{name}") from None
                found[name] = held
            return found

        self._records[record.name] = write
        fields += [(entry.name, self.of(entry.type), entry.default) for entry in record.entries]
        return write

    def of(self, kind: WireType) -> Write | None:
        """The function of a type; None = its values are in their form already."""
        match kind:
            case Scalar():
                return _SCALARS.get(kind)
            case Symbols():
                return None
            case Bounded(of):
                return self.of(of)
            case Items(of):
                return each(self.of(of))
            case Entries(of):
                return each_value(self.of(of))
            case Nested(name):
                return self._records.get(name) or self.record(self._reading.records[name])
            case OneOf(members, _):
                return self._one_of(members)

    def _one_of(self, members: tuple[WireType, ...]) -> Write | None:
        if len(members) == 1:
            inner = self.of(members[0])
            return None if inner is None else lambda value: None if value is None else inner(value)
        chosen: dict[type, Write | None] = {}
        for member in members:
            written = self.of(member)
            for kind in _kinds(member):
                chosen.setdefault(kind, written)

        def write(value: Any) -> Any:
            inner = chosen.get(type(value))
            return value if inner is None else inner(value)

        return write


def _kinds(member: WireType) -> tuple[type, ...]:
    """The types of the plain values of a member of a union; the more specific member comes first."""
    match member:
        case Bounded(of):
            return _kinds(of)
        case Items():
            return (list, tuple)
        case Entries() | Nested():
            return (dict,)
        case Scalar.REAL:
            return (float, int)
        case Scalar.WHOLE:
            return (int,)
    return (bool, str)[member is Scalar.TEXT :][:1]


def _whole(value: Any) -> Any:
    if -WHOLE_MAX <= value <= WHOLE_MAX:
        return value
    raise Unsayable("is a whole number beyond 2^53, which readers of JSON take for another one")


def _real(value: Any) -> Any:
    if value.__class__ not in (float, int):
        raise Unsayable("is no float")
    if value - value == 0:
        return value
    raise Unsayable("is not a number, or infinite: JSON has no word for it")


_SCALARS: Mapping[Scalar, Write] = {
    Scalar.WHOLE: _whole,
    Scalar.REAL: _real,
    Scalar.DECIMAL: decimal_text,
    Scalar.INSTANT: instant,
    Scalar.INSTANT_MILLIS: instant_millis,
    Scalar.TIME: time_of_day,
}
