"""The Avro format: one value in Avro's binary encoding has the attributes and the data.

Source: CloudEvents 1.0.3-wip, its Avro event format. The schema is fixed, so its values are read here without one: no count
or length in them is believed beyond the bytes that are there, and no depth beyond the limit. Text and schema file of the
specification name the record differently (`CloudEvent`, `AvroCloudEvent`); the encoding has no names.

| value | its branches, by their numbers in the encoding |
|---|---|
| an attribute | null, boolean, int, string, bytes |
| the data | bytes, null, boolean, an object, a list of objects, double, string |
| a value in the data's object | null, boolean, an object of values, double, string |
| a value in an object of values | null, boolean, an object of such objects, a list of such objects, double, string |
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from partita.cloudevents.cloud_event import CloudEvent, NoCloudEvent

DEPTH_MAX = 100
EXACT_MAX = 2**53
_LONG_BITS = 64
_INT_MIN, _INT_MAX = -(2**31), 2**31 - 1


def read(value: bytes) -> CloudEvent:
    """The event in these bytes. Data that is no binary is written as JSON.

    Raises:
        NoCloudEvent: they are no value of the schema.
    """
    reader = _Reader(value)
    try:
        attributes = {
            name.lower(): text for name, text in reader.object_of(reader.attribute).items() if text is not None
        }
        data = reader.data()
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        why = str(error) if type(error) is ValueError else "it ends early, or has bytes that are no text"
        raise NoCloudEvent("body", f"it is no Avro of a CloudEvent: {why}") from error
    if reader.left:
        raise NoCloudEvent("body", f"it is no Avro of a CloudEvent: {reader.left:,} bytes are left over")
    if isinstance(data, bytes) or data is None:
        return CloudEvent(attributes, data or b"")
    if isinstance(data, str) and "datacontenttype" in attributes:
        return CloudEvent(attributes, data.encode())
    attributes.setdefault("datacontenttype", "application/json")
    return CloudEvent(attributes, msgspec.json.encode(data))


def written(attributes: Mapping[str, str], data: bytes) -> bytes:
    """An event in this format. The attributes are texts, and the data are bytes, whose form `datacontenttype` names."""
    parts = [_long(len(attributes))]
    for name, text in attributes.items():
        parts += [_sized(name.encode()), _long(3), _sized(text.encode())]
    parts += [_long(0), _long(0), _sized(data)]
    return b"".join(parts)


def _sized(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(number: int) -> bytes:
    """A number from 0 on, in Avro's zigzag form."""
    left, found = number << 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


class _Reader:
    """Reads values one after the other. Any: JSON has all kinds of values."""

    def __init__(self, value: bytes) -> None:
        self._value = value
        self._at = 0
        self._depth = 0

    @property
    def left(self) -> int:
        """The bytes that are not read."""
        return len(self._value) - self._at

    def attribute(self) -> str | None:
        """An attribute as its canonical text; None = it is absent."""
        branch = self._long()
        if branch == 0:
            return None
        if branch == 1:
            return "true" if self._boolean() else "false"
        if branch == 2:
            number = self._long()
            if not _INT_MIN <= number <= _INT_MAX:
                raise ValueError("an integer has more than 32 bits")
            return str(number)
        if branch == 3:
            return self._bytes().decode()
        if branch == 4:
            return base64.b64encode(self._bytes()).decode()
        raise ValueError(f"no attribute has the branch {branch}")

    def data(self) -> Any:
        """The data: bytes, None, or a value of JSON."""
        return self._branch(
            self._bytes,
            _null,
            self._boolean,
            lambda: self.object_of(self._field),
            lambda: self._list_of(self._record),
            self._double,
            lambda: self._bytes().decode(),
        )

    def object_of(self, value: Callable[[], Any]) -> dict[str, Any]:
        """An object, in blocks."""
        found: dict[str, Any] = {}
        for _ in self._items():
            name = self._bytes().decode()
            if name in found:
                raise ValueError(f"{name!r:.40} is there twice")
            found[name] = value()
        return found

    def _list_of(self, value: Callable[[], Any]) -> list[Any]:
        return [value() for _ in self._items()]

    def _field(self) -> Any:
        return self._branch(_null, self._boolean, self._record, self._double, lambda: self._bytes().decode())

    def _record(self) -> dict[str, Any]:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ValueError(f"it is nested deeper than {DEPTH_MAX} levels")
        found = self.object_of(
            lambda: self._branch(
                _null,
                self._boolean,
                lambda: self.object_of(self._record),
                lambda: self._list_of(self._record),
                self._double,
                lambda: self._bytes().decode(),
            )
        )
        self._depth -= 1
        return found

    def _branch(self, *readers: Callable[[], Any]) -> Any:
        number = self._long()
        if not 0 <= number < len(readers):
            raise ValueError(f"there is no branch {number}")
        return readers[number]()

    def _items(self) -> Any:
        """One turn for each item of all blocks. Each item takes a byte at least, so a count beyond the bytes is no count."""
        while count := self._long():
            if count < 0:
                count = -count
                self._long()  # the size of the block in bytes
            if count > self.left:
                raise ValueError(f"a block has {count:,} items in {self.left:,} bytes")
            yield from range(count)

    def _long(self) -> int:
        number = 0
        for shift in range(0, _LONG_BITS, 7):
            byte = self._value[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
        raise ValueError("a number has more than 64 bits")

    def _bytes(self) -> bytes:
        size = self._long()
        if not 0 <= size <= self.left:
            raise ValueError(f"a text has {size:,} bytes where {self.left:,} are left")
        self._at += size
        return self._value[self._at - size : self._at]

    def _boolean(self) -> bool:
        byte = self._value[self._at]
        self._at += 1
        if byte > 1:
            raise ValueError("a truth value is neither 0 nor 1")
        return bool(byte)

    def _double(self) -> int | float:
        (number,) = struct.unpack_from("<d", self._value, self._at)
        self._at += 8
        if not math.isfinite(number):
            raise ValueError(f"{number} is no number of JSON")
        # The format has no other numbers, and JSON has one kind: a 5.0 is a 5.
        return int(number) if number.is_integer() and abs(number) <= EXACT_MAX else float(number)


def _null() -> None:
    return None
