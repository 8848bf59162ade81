"""A message of Google's `protobuf` as a plain value: of a class of ours by its layout, of another writer by its file.

Fields that are absent stay absent, so that the class fills in its own default, or refuses the value.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any

from partita.schemas.avro_default import decimal_bytes
from partita.schemas.exact_value import SCALE
from partita.schemas.fields.reading import Reading, Record
from partita.schemas.fields.wire_type import Nested, Scalar, Symbols
from partita.schemas.protobuf.identifiers import wire_name
from partita.schemas.protobuf.layout import (
    CHOICE,
    ENTRIES,
    ITEMS,
    Boxed,
    Choice,
    Form,
    Mapped,
    Placed,
    Repeated,
    fields_of,
)
from partita.schemas.protobuf.numbers import Numbers
from partita.schemas.protobuf.proto_file import SCALARS, ProtoEnum, ProtoField, ProtoMessage

Read = Callable[[Any], Any]
Types = Mapping[str, ProtoMessage | ProtoEnum]
TIMESTAMP = "google.protobuf.Timestamp"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECIMAL = re.compile(r"-?[0-9]{1,29}(\.[0-9]{1,40})?", re.ASCII)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?", re.ASCII)


def read_of(reading: Reading, numbers: Numbers, without_presence: frozenset[tuple[str, str]] = frozenset()) -> Read:
    """The function that makes plain values of messages. It raises `ValueError`, or another error of a value that does not
    fit. `without_presence` are fields whose absence means 0 at the writer, by record and name in the file."""
    return _Compiler(reading, numbers, without_presence).record(reading.root)


class _Compiler:
    """Compiles one reading. `_records` are its records so far, so that one within itself is found when it is used."""

    def __init__(self, reading: Reading, numbers: Numbers, without_presence: frozenset[tuple[str, str]]) -> None:
        self._reading = reading
        self._numbers = numbers
        self._without_presence = without_presence
        self._records: dict[str, Read] = {}

    def record(self, record: Record) -> Read:
        singular: list[tuple[str, str, Read | None, bool]] = []
        others: list[tuple[str, str, Read]] = []

        def read(message: Any) -> Any:
            found = {}
            has = message.HasField
            for name, field, inner, is_needed in singular:
                if has(field):
                    held = getattr(message, field)
                    found[name] = held if inner is None else inner(held)
                elif is_needed:
                    found[name] = None
            for name, field, inner in others:
                found[name] = inner(getattr(message, field))
            return found

        self._records[record.name] = read
        for placed in fields_of(record):
            inner = self.of(placed.form)
            if isinstance(placed.form, Repeated | Mapped):
                others.append((placed.entry.name, placed.name, inner or list))
            elif (record.name, placed.name) in self._without_presence:
                is_none_at_0 = placed.none_is_absent and isinstance(placed.form, Symbols)
                found_at = _none_at_0(inner) if is_none_at_0 and inner is not None else inner or _as_it_is
                others.append((placed.entry.name, placed.name, found_at))
            else:
                singular.append((placed.entry.name, placed.name, inner, _is_none_when_absent(placed)))
        return read

    def of(self, form: Form) -> Read | None:
        """The function of a form; None = its values are plain already."""
        match form:
            case Scalar():
                return _SCALARS.get(form)
            case Symbols(name, values):
                numbers = self._numbers.of(name)
                return {numbers[value]: value for value in values}.__getitem__
            case Nested(name):
                return self._records.get(name) or self.record(self._reading.records[name])
            case Repeated(of):
                return _each(self.of(of))
            case Mapped(of):
                return _each_value(self.of(of))
            case Boxed(_, held_form):
                field, inner = ITEMS if isinstance(held_form, Repeated) else ENTRIES, self.of(held_form)
                assert inner is not None
                return lambda message: inner(getattr(message, field))
            case Choice():
                return self._choice(form)

    def _choice(self, choice: Choice) -> Read:
        members = {member.name: self.of(member.form) for member in choice.members}

        def read(message: Any) -> Any:
            name = message.WhichOneof(CHOICE)
            if name is None:
                if choice.or_none:
                    return None
                raise ValueError("a union has no member")
            inner = members[name]
            held = getattr(message, name)
            return held if inner is None else inner(held)

        return read


def _none_at_0(inner: Read) -> Read:
    """An enum's value, and none for 0: a writer without presence has no other word for none."""
    return lambda held: inner(held) if held else None


def _as_it_is(held: Any) -> Any:
    return held


def _each(inner: Read | None) -> Read:
    return list if inner is None else lambda held: [inner(item) for item in held]


def _each_value(inner: Read | None) -> Read:
    return dict if inner is None else lambda held: {key: inner(item) for key, item in held.items()}


def _is_none_when_absent(placed: Placed) -> bool:
    """Whether an absent field is none although its class has no default."""
    return placed.none_is_absent and placed.entry.field.required


def _real(value: float) -> float:
    if value != value:
        raise ValueError("a number that is none")
    return value


def _timestamp(message: Any) -> dt.datetime:
    if not 0 <= message.nanos < 1_000_000_000:
        raise ValueError(f"an instant with {message.nanos} nanoseconds")
    return _EPOCH + dt.timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


def _decimal(text: str) -> decimal.Decimal:
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r:.60} is no decimal in plain notation")
    value = decimal.Decimal(text)
    decimal_bytes(value, SCALE)
    return value


def _time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r:.60} is no time of day without a zone")
    return text


_SCALARS: Mapping[Scalar, Read] = {
    Scalar.REAL: _real,
    Scalar.DECIMAL: _decimal,
    Scalar.INSTANT: _timestamp,
    Scalar.INSTANT_MILLIS: _timestamp,
    Scalar.TIME: _time,
}


def shown(message: Any, name: str, types: Types, texts: Mapping[tuple[str, str], str]) -> Any:
    """A message as its writer saw it, by the file of the writer. `name` is its full name, `texts` are those of enum values, by
    the enum and the value's name in the file. Of a list or a union that lies in a message of ours, its content is shown.
    """
    declared = types[name]
    assert isinstance(declared, ProtoMessage)
    if name == TIMESTAMP:
        return _timestamp(message)
    if declared.fields and all(field.oneof == CHOICE for field in declared.fields):
        member = message.WhichOneof(CHOICE)
        if member is None:
            return None
        chosen = next(field for field in declared.fields if field.name == member)
        return _shown_field(message, chosen, types, texts)
    if len(declared.fields) == 1 and _is_box(name, declared.fields[0]):
        return _shown_field(message, declared.fields[0], types, texts)
    return {wire_name(field): _shown_field(message, field, types, texts) for field in declared.fields}


def _is_box(name: str, field: ProtoField) -> bool:
    if field.name == ITEMS:
        return name.endswith("Items") and field.label == "repeated"
    return field.name == ENTRIES and name.endswith("Entries") and field.map_key is not None


def _shown_field(message: Any, field: ProtoField, types: Types, texts: Mapping[tuple[str, str], str]) -> Any:
    held = getattr(message, field.name)
    if field.map_key is not None:
        return {key: _shown_value(item, field.type, types, texts) for key, item in held.items()}
    if field.label == "repeated":
        return [_shown_value(item, field.type, types, texts) for item in held]
    # A scalar without a label has no presence: 0 is its value.
    has_presence = field.label != "" or field.oneof is not None or isinstance(types.get(field.type), ProtoMessage)
    if has_presence and not message.HasField(field.name):
        return None
    return _shown_value(held, field.type, types, texts)


def _shown_value(held: Any, kind: str, types: Types, texts: Mapping[tuple[str, str], str]) -> Any:
    if kind in SCALARS:
        return held
    declared = types[kind]
    if isinstance(declared, ProtoMessage):
        return shown(held, kind, types, texts)
    name = next((name for name, number in declared.values if number == held), None)
    return held if name is None else texts.get((kind, name), name)
