"""The wire format of Protobuf, as far as a descriptor needs it: varints and lengths. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
Value = int | bytes


def varint(number: int) -> bytes:
    """A whole number; a negative one has ten bytes."""
    left, found = number % 2**64, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def written(fields: Iterable[tuple[int, int | bool | str | bytes | None]]) -> bytes:
    """A message of fields by their numbers; None = absent."""
    found: list[bytes] = []
    for number, value in fields:
        if isinstance(value, int):
            found += [varint(number << 3 | VARINT), varint(int(value))]
        elif value is not None:
            data = value.encode() if isinstance(value, str) else value
            found += [varint(number << 3 | LENGTH), varint(len(data)), data]
    return b"".join(found)


def read(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message in their order: a number, or the bytes of a length. Fixed numbers are passed over.

    Raises:
        ValueError: it is no message.
    """
    at = 0
    while at < len(data):
        tag, at = _number(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < 2**29:
            raise ValueError(f"{number} is no number of a field")
        if kind == VARINT:
            value, at = _number(data, at)
            yield number, value
        elif kind == LENGTH:
            size, at = _number(data, at)
            if size > len(data) - at:
                raise ValueError("a field ends behind the message")
            yield number, data[at : at + size]
            at += size
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
            if at > len(data):
                raise ValueError("a field ends behind the message")
        else:
            raise ValueError(f"{kind} is no kind of a field here")


def signed(number: int) -> int:
    """A varint as an int32."""
    number &= 2**32 - 1
    return number - 2**32 if number >= 2**31 else number


def _number(data: bytes, at: int) -> tuple[int, int]:
    found = 0
    for count in range(10):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return found % 2**64, at
    raise ValueError("a number does not end")
