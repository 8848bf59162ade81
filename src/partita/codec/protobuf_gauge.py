"""The size of a decoded Protobuf value, known before it is decoded: half a million records of two bytes may unfold to gigabytes.

For most values the number of bytes alone shows that they are small enough. Else the gauge walks over the bytes and builds
nothing. The same walk finds what a decoder passes over in silence: a field that is written as another type, and an unknown member
of a union.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from partita.codec.avro_gauge import WEIGHT_MAX, TooMuch
from partita.codec.avro_values import DEPTH_MAX
from partita.schemas.protobuf.layout import CHOICE
from partita.schemas.protobuf.proto_file import ProtoEnum, ProtoField, ProtoMessage

_RECORD = 3
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_WIRE = {
    **dict.fromkeys("int32 int64 uint32 uint64 sint32 sint64 bool".split(), _VARINT),
    **dict.fromkeys("double fixed64 sfixed64".split(), _FIXED64),
    **dict.fromkeys("float fixed32 sfixed32".split(), _FIXED32),
    "string": _LENGTH,
    "bytes": _LENGTH,
}
_SIZES = {_FIXED64: 8, _FIXED32: 4}
_LAST_BYTES = bytes(range(128, 256))
"""Bytes that do not end a varint; without them, those left are its number of values."""


class _Field(NamedTuple):
    """A field: its name, its wire type, whether its values may be packed, and the message that it holds."""

    name: str
    wire: int
    is_packed: bool
    message: str


class _Plan(NamedTuple):
    """A message: its weight without its fields, its fields by number; a union has no others."""

    weight: int
    fields: Mapping[int, _Field]
    is_union: bool


class ProtobufGauge:
    """The gauge of a message of a file. `filled` is the weight of the defaults that a reader may add to each message,
    by its full name; weights are those of `avro_gauge`."""

    def __init__(
        self, types: Mapping[str, ProtoMessage | ProtoEnum], full_name: str, filled: Mapping[str, int]
    ) -> None:
        self._types = types
        self._root = full_name
        self._plans: dict[str, _Plan] = {}
        for name, held in self._types.items():
            if isinstance(held, ProtoMessage):
                self._plans[name] = self._plan(name, held, filled.get(name, 0))
        heaviest = max(plan.weight for plan in self._plans.values())
        # A field takes a byte at least, a message two: its number and its length.
        self._per_byte = max(1.0, (heaviest + 1) / 2)
        self._own = self._plans[self._root].weight

    def is_light(self, data: bytes, weight_max: int = WEIGHT_MAX) -> bool:
        """Whether the bytes alone show that a value is within the limit."""
        return self._own + len(data) * self._per_byte <= weight_max

    def check(self, data: bytes, weight_max: int = WEIGHT_MAX) -> None:
        """Walk over a value.

        Raises:
            ValueError, IndexError: it is no value of the message, has a field in another wire type, or unfolds to too much.
        """
        _Walk(data, self._plans, weight_max).message(0, len(data), self._root, DEPTH_MAX)

    def _plan(self, name: str, message: ProtoMessage, filled: int) -> _Plan:
        fields = {field.number: self._field(name, field) for field in message.fields}
        is_union = bool(fields) and all(field.oneof == CHOICE for field in message.fields)
        return _Plan(_RECORD + filled, fields, is_union)

    def _field(self, message: str, field: ProtoField) -> _Field:
        if field.map_key is not None:
            entry = f"{message}.{field.name}:"  # no message has such a name
            kinds = (("key", 1, field.map_key), ("value", 2, field.type))
            inner = {number: self._field(entry, ProtoField(name=n, number=number, type=t)) for n, number, t in kinds}
            self._plans[entry] = _Plan(1, inner, is_union=False)
            return _Field(field.name, _LENGTH, is_packed=False, message=entry)
        held = self._types.get(field.type)
        if isinstance(held, ProtoMessage):
            return _Field(field.name, _LENGTH, is_packed=False, message=field.type)
        wire = _VARINT if isinstance(held, ProtoEnum) else _WIRE[field.type]
        return _Field(field.name, wire, is_packed=field.label == "repeated" and wire != _LENGTH, message="")


class _Walk:
    """One walk over the bytes of a value; `_left` may still be unfolded."""

    def __init__(self, data: bytes, plans: Mapping[str, _Plan], weight_max: int) -> None:
        self._data = data
        self._plans = plans
        self._left = weight_max

    def message(self, at: int, end: int, name: str, depth: int) -> None:
        """Walk over a message that fills the bytes from `at` to `end`."""
        if not depth:
            raise TooMuch(f"it is nested more than {DEPTH_MAX} levels deep")
        plan = self._plans[name]
        self._take(plan.weight)
        while at < end:
            tag, at = self._varint(at)
            number, wire = tag >> 3, tag & 7
            field = plan.fields.get(number)
            self._take(1)
            if field is None:
                if plan.is_union:
                    raise ValueError(f"the member {number} of a union is unknown here")
            elif wire != field.wire and not (wire == _LENGTH and field.is_packed):
                raise ValueError(f"its field {field.name} is written as another type")
            begin, at = self._span(at, end, wire)
            if field is not None and field.message:
                self.message(begin, at, field.message, depth - 1)
            elif field is not None and field.is_packed and wire == _LENGTH:
                self._take(self._values(begin, at, field.wire))

    def _span(self, at: int, end: int, wire: int) -> tuple[int, int]:
        """The begin and the end of a value."""
        if wire == _VARINT:
            begin, at = at, self._varint(at)[1]
        elif wire == _LENGTH:
            size, begin = self._varint(at)
            at = begin + size
        elif wire in _SIZES:
            begin, at = at, at + _SIZES[wire]
        else:
            raise ValueError(f"the wire type {wire} is none of proto3")
        if at > end:
            raise ValueError("it ends before its end")
        return begin, at

    def _values(self, at: int, end: int, wire: int) -> int:
        if wire in _SIZES:
            return (end - at) // _SIZES[wire]
        return len(self._data[at:end].translate(None, _LAST_BYTES))

    def _take(self, weight: int) -> None:
        self._left -= weight
        if self._left < 0:
            raise TooMuch("it unfolds to more than a message may hold")

    def _varint(self, at: int) -> tuple[int, int]:
        data, found = self._data, 0
        for shift in range(0, 70, 7):
            byte = data[at]
            at += 1
            found |= (byte & 0x7F) << shift
            if byte < 0x80:
                return found, at
        raise ValueError("a number of more than ten bytes")
