"""Bytes from outside: an object or a clear error, within bounded time; never an endless loop, a crash or another
error."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from partita.codec.avro import AvroCodec
from partita.errors import DeclarationError, Malformed, UnknownSchema
from partita.schemas.fields.shape import Shape


class Line(msgspec.Struct):
    """A line."""

    sku: str
    quantity: int


class Order(msgspec.Struct):
    """Lines and an optional note."""

    name: str
    lines: list[Line]
    note: str | None = None


class Nothing(msgspec.Struct):
    """No fields at all."""


class Nothings(msgspec.Struct):
    """A list of items that take no bytes."""

    items: list[Nothing]


ORDER = Shape("Order", "test", Order)


def record(name: str, **fields: Any) -> dict[str, Any]:
    """An Avro record."""
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields.items()]}


def array(items: Any) -> dict[str, Any]:
    """An Avro array."""
    return {"type": "array", "items": items}


ENDLESS = [
    record("R", a=array("null")),
    record("R", a=array(record("E"))),
    record("R", e=record("E"), a=array("E")),
    record("R", a=["null", array({"type": "fixed", "name": "F", "size": 0})]),
    record("R", m={"type": "map", "values": array(record("E", n="null"))}),
    record("R", a=array(record("P", e=record("E"), n="null"))),
]
BOUNDED = [
    record("R", a=array("long")),
    record("N", children=array("N")),
    record("N", next=["null", "N"], all=array("N")),
    record("R", m={"type": "map", "values": "null"}),
    record("R", a=array({"type": "long", "logicalType": "timestamp-millis"})),
]


@pytest.mark.parametrize("schema", ENDLESS)
def test_a_schema_with_which_ten_bytes_are_endless_is_refused(schema: dict[str, Any]) -> None:
    """2^60 items of no bytes would keep the reader busy for ever, so such a schema is never used."""
    codec = AvroCodec()
    with pytest.raises(UnknownSchema, match="take no bytes"):
        codec.teach("f1", json.dumps(schema))
    with pytest.raises(Malformed, match="take no bytes"):
        codec.as_written("f1", b"\x80\x80\x80\x80\x80\x80\x80\x80\x01\x00")


@pytest.mark.parametrize("schema", BOUNDED)
def test_a_schema_whose_items_take_bytes_is_taken(schema: dict[str, Any]) -> None:
    """The bytes bound the number of items, also for records that hold themselves."""
    codec = AvroCodec()
    codec.teach("f1", json.dumps(schema))
    assert codec.schema_text("f1") is not None


def test_a_message_with_items_of_no_bytes_is_refused_when_it_is_declared() -> None:
    """No reader could read it safely."""
    with pytest.raises(DeclarationError, match="empty records"):
        AvroCodec().learn(Shape("Nothings", "test", Nothings))


def test_mutated_bytes_are_an_object_or_malformed() -> None:
    """Flipped, cut, doubled: 5,000 values, none of which raises anything else."""
    codec, dice = AvroCodec(), random.Random(7)
    order = Order(name="ann", lines=[Line(sku=f"s{n}", quantity=n) for n in range(5)], note="fragile")
    fingerprint, data = codec.encode(ORDER, order)
    read = refused = 0
    for _ in range(5_000):
        changed = bytearray(data)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(changed))
            changed[at : at + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 3))
            changed = changed or bytearray(b"\0")
        try:
            assert isinstance(codec.decode(ORDER, fingerprint, bytes(changed)), Order)
            read += 1
        except Malformed:
            refused += 1
    assert read > 100 and refused > 100


def test_a_value_of_a_million_nested_records_is_malformed() -> None:
    """A decoder in C would overflow its stack: the depth is counted before."""
    codec = AvroCodec()
    codec.teach("deep", json.dumps(record("N", children=array("N"))))
    with pytest.raises(Malformed, match="levels deep"):
        codec.as_written("deep", b"\x02" * 900_000)
