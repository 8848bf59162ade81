"""Avro's whole numbers in bytes: zigzag, then seven bits a byte, the lowest first (Avro 1.12, "Binary encoding")."""

from __future__ import annotations

import struct

_ONE = [bytes((i,)) for i in range(0x100)]
_CONTINUED = [low + high for high in _ONE[0x80:] for low in _ONE[0x80:]]
"""Fourteen bits with more behind them."""
LAST = _ONE[:0x80] + [low + high for high in _ONE[1:0x80] for low in _ONE[0x80:]]
"""Fourteen bits with nothing behind them."""
SHORT = [(i >> 1) ^ -(i & 1) for i in range(0x80)]
"""The numbers that take one byte, by that byte."""
_EIGHT = struct.Struct("<Q").unpack_from
WHOLE = range(-(2**63), 2**63)


def to_bytes(number: int) -> bytes:
    """A number within `WHOLE` as bytes. Fourteen bits at a time are looked up."""
    n = number << 1 if number >= 0 else ~(number << 1)
    if n < 1 << 14:
        return LAST[n]
    if n < 1 << 28:
        return _CONTINUED[n & 0x3FFF] + LAST[n >> 14]
    if n < 1 << 42:
        return _CONTINUED[n & 0x3FFF] + _CONTINUED[n >> 14 & 0x3FFF] + LAST[n >> 28]
    low = _CONTINUED[n & 0x3FFF] + _CONTINUED[n >> 14 & 0x3FFF] + _CONTINUED[n >> 28 & 0x3FFF]
    return low + LAST[n >> 42] if n < 1 << 56 else low + _CONTINUED[n >> 42 & 0x3FFF] + LAST[n >> 56]


def read(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a position, and the position behind it.

    Raises:
        ValueError: it has more than 64 bits, or more bytes than they need at most. IndexError: the data ends within it.
    """
    n = data[at]
    if n < 0x80:
        return (n >> 1) ^ -(n & 1), at + 1
    byte = data[at + 1]
    if byte < 0x80:
        n = n & 0x7F | byte << 7
        return (n >> 1) ^ -(n & 1), at + 2
    third = data[at + 2]
    if third < 0x80:
        n = n & 0x7F | (byte & 0x7F) << 7 | third << 14
        return (n >> 1) ^ -(n & 1), at + 3
    if len(data) - at >= 8:
        # Times in microseconds have eight bytes: their groups of seven bits are pushed together in three steps.
        eight = _EIGHT(data, at)[0]
        if eight & 0x8080808080808080 == 0x0080808080808080:
            eight = eight & 0x007F007F007F007F | (eight & 0x7F007F007F007F00) >> 1
            eight = eight & 0x00003FFF00003FFF | (eight & 0x3FFF00003FFF0000) >> 2
            n = eight & 0xFFFFFFF | eight >> 32 << 28
            return (n >> 1) ^ -(n & 1), at + 8
    return _long(data, at)


def _long(data: bytes, at: int) -> tuple[int, int]:
    n, shift = 0, 0
    for here in range(at, at + 10):
        byte = data[here]
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            if n >> 64:
                break
            return (n >> 1) ^ -(n & 1), here + 1
        shift += 7
    raise ValueError("a number of more than 64 bits")
