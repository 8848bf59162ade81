"""Values in Protobuf as other programs write them, byte by byte, and an order with numbers."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import msgspec

from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.numbering import give_numbers


class State(enum.Enum):
    NEW = "new"
    GONE = "in-transit"


class Line(msgspec.Struct):
    sku: str
    count: int = 1


class Order(msgspec.Struct, rename="camel"):
    order_id: str
    state: State = State.NEW
    rate: float = 0.0
    lines: list[Line] = []
    at: dt.datetime | None = None
    price: Decimal | None = None
    clock: dt.time | None = None
    amount: int | str | list[int] | None = 7
    tags: dict[str, int] = {}
    numbers: list[int] = []


def numbered(shape: Shape, folder: Path) -> Shape:
    give_numbers(folder, [shape])
    return replace(shape, home=folder)


def varint(number: int) -> bytes:
    number &= 2**64 - 1
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def text(number: int, held: bytes | str) -> bytes:
    data = held.encode() if isinstance(held, str) else held
    return tag(number, 2) + varint(len(data)) + data


def whole(number: int, held: int) -> bytes:
    return tag(number, 0) + varint(held)


ID = text(1, "o")
