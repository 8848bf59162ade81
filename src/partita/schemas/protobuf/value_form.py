"""The form of a value in Protobuf, as dicts of fields by their names in the .proto file: exact for every reader, or refused.

A record is compiled to one function that takes a plain value and returns that form. Each field is written, also one that its
class leaves out: a default that changes later changes no value that was sent before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

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
from partita.schemas.fields.wire_type import Nested, Scalar, Symbols
from partita.schemas.protobuf.layout import Boxed, Choice, Form, Mapped, Member, Placed, Repeated, fields_of
from partita.schemas.protobuf.numbers import Numbers

_MISSING = object()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def write_of(reading: Reading, numbers: Numbers) -> Write:
    """The function that gives values of a message their form. It raises `Unsayable`."""
    return _Compiler(reading, numbers).record(reading.root)


def check_defaults(reading: Reading, numbers: Numbers) -> None:
    """Check that each default could be written.

    Raises:
        ValueError: Protobuf cannot say one of them.
    """
    compiler = _Compiler(reading, numbers)
    for record in reading.records.values():
        for placed in fields_of(record):
            if not placed.entry.field.required and placed.entry.default is not None:
                write = compiler.of(placed.form)
                try:
                    held = placed.entry.default if write is None else write(placed.entry.default)
                except Unsayable as error:
                    raise error.within(f"{record.name}.{placed.entry.name}") from None
                _check_text(held)


def _check_text(held: Any) -> None:
    """A text that is no text in UTF-8 has no form."""
    if isinstance(held, str):
        held.encode()
    elif isinstance(held, dict | list):
        for inner in [*held, *held.values()] if isinstance(held, dict) else held:
            _check_text(inner)


class _Compiler:
    """Compiles one reading. `_records` are its records so far, so that one within itself is found when it is used."""

    def __init__(self, reading: Reading, numbers: Numbers) -> None:
        self._reading = reading
        self._numbers = numbers
        self._records: dict[str, Write] = {}

    def record(self, record: Record) -> Write:
        fields: list[tuple[str, str, Write | None, Any, bool]] = []

        def write(value: Any) -> Any:
            found = {}
            for name, field, inner, default, none_is_absent in fields:
                held = value.get(name, _MISSING)
                if held is _MISSING:
                    held = default
                if held is None and none_is_absent:
                    continue
                if inner is not None:
                    try:
                        held = inner(held)
                    except Unsayable as error:
                        raise error.within(f".{name}") from None
                found[field] = held
            return found

        self._records[record.name] = write
        fields += [self._field(placed) for placed in fields_of(record)]
        return write

    def _field(self, placed: Placed) -> tuple[str, str, Write | None, Any, bool]:
        entry = placed.entry
        return entry.name, placed.name, self.of(placed.form), entry.default, placed.none_is_absent

    def of(self, form: Form) -> Write | None:
        """The function of a form; None = its values are in their form already."""
        match form:
            case Scalar():
                return _SCALARS.get(form)
            case Symbols(name, _):
                return self._numbers.of(name).__getitem__
            case Nested(name):
                return self._records.get(name) or self.record(self._reading.records[name])
            case Repeated(of):
                return each(self.of(of))
            case Mapped(of):
                return each_value(self.of(of))
            case Boxed(_, inner):
                return _in_message("items" if isinstance(inner, Repeated) else "entries", self.of(inner))
            case Choice(_, members, _):
                return self._choice(members)

    def _choice(self, members: tuple[Member, ...]) -> Write:
        if len(members) == 1:
            within = _in_message(members[0].name, self.of(members[0].form))
            return lambda value: {} if value is None else within(value)
        chosen: dict[type, Write] = {}
        for member in members:
            write = _in_message(member.name, self.of(member.form))
            for kind in _kinds(member.form):
                chosen.setdefault(kind, write)
        return lambda value: {} if value is None else chosen[type(value)](value)


def _kinds(form: Form) -> tuple[type, ...]:
    """The types of the plain values of a union's member; the more specific member comes first."""
    match form:
        case Boxed(_, Repeated()):
            return (list, tuple)
        case Boxed() | Nested():
            return (dict,)
        case Scalar.REAL:
            return (float, int)
        case Scalar.WHOLE:
            return (int,)
    return (bool, str)[form is Scalar.TEXT :][:1]


def _in_message(field: str, inner: Write | None) -> Write:
    if inner is None:
        return lambda value: {field: value}
    return lambda value: {field: inner(value)}


def _whole(value: Any) -> Any:
    if -(2**63) <= value < 2**63:
        return value
    raise Unsayable("is a whole number of more than 64 bits")


def _real(value: Any) -> Any:
    if value.__class__ not in (float, int):
        raise Unsayable("is no float")
    if value != value:
        raise Unsayable("is not a number: it equals nothing, not even itself")
    return value


def _timestamp(value: dt.datetime) -> dict[str, int]:
    since = instant(value) - _EPOCH
    return {"seconds": since.days * 86_400 + since.seconds, "nanos": since.microseconds * 1_000}


def _timestamp_millis(value: dt.datetime) -> dict[str, int]:
    return _timestamp(instant_millis(value))


_SCALARS: Mapping[Scalar, Write] = {
    Scalar.WHOLE: _whole,
    Scalar.REAL: _real,
    Scalar.DECIMAL: decimal_text,
    Scalar.INSTANT: _timestamp,
    Scalar.INSTANT_MILLIS: _timestamp_millis,
    Scalar.DAY: lambda value: value.isoformat(),
    Scalar.TIME: lambda value: time_of_day(value).isoformat(),
    Scalar.UUID: str,
}
