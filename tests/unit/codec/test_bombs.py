"""Bombs: a few bytes that expand to gigabytes or minutes. Each is refused before it is decoded, and memory stays
flat."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from random import Random
from time import process_time
from typing import Any

import fastavro
import msgspec
import pytest

from partita.codec.avro import AvroCodec
from partita.codec.avro_gauge import Gauge
from partita.errors import DeclarationError, Malformed, MessageTooLarge, PartitaError, UnknownSchema
from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import Tree
from partita.testing.generators.values import struct_of

CPU_S = 5.0
"""A bomb takes minutes; a busy machine takes ten times as long as a quiet one for the same work."""
MEMORY_BYTES = 30_000_000


class Price(msgspec.Struct):
    """A price."""

    amount: Decimal = Decimal(0)


PRICE = Shape("Price", "test", Price)
TREE = Shape("Tree", "test", Tree)


def record(name: str, **fields: Any) -> dict[str, Any]:
    """An Avro record."""
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields.items()]}


def written(schema: Any, value: Any) -> bytes:
    """A value as another program writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


@contextmanager
def flat() -> Iterator[None]:
    """The block takes neither time nor memory."""
    tracemalloc.start()
    begun = process_time()
    yield
    took, (_, peak) = process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < CPU_S and peak < MEMORY_BYTES, f"{took:.1f} s, {peak:,} bytes"


@pytest.mark.parametrize("size", [17, 10_000, 200_000, 900_000])
def test_a_decimal_of_many_digits_is_refused(size: int) -> None:
    """A number of 200 kB took seconds, in which the process did no other work."""
    codec = AvroCodec()
    fingerprint = codec.learn(PRICE)
    length = written({"type": "bytes"}, b"\x7f" * size)
    with flat(), pytest.raises(Malformed, match="a decimal of"):
        codec.decode(PRICE, fingerprint, length)
    fixed = {"type": "fixed", "name": "F", "size": size, "logicalType": "decimal", "precision": 38, "scale": 0}
    codec.teach("fixed", json.dumps(record("Price", amount=fixed)))
    with flat(), pytest.raises(Malformed, match="a decimal of"):
        codec.as_written("fixed", b"\x7f" * size)


@pytest.mark.parametrize(("precision", "scale"), [(1_000_000, 0), (38, 39), (38, -1), (0, 0), ("38", 0)])
def test_a_schema_of_decimals_beyond_38_digits_is_refused(precision: Any, scale: int) -> None:
    """Its scale alone would make a number of a million digits."""
    amount = {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    with pytest.raises(UnknownSchema):
        AvroCodec().teach("f", json.dumps(record("Price", amount=amount)))


def test_a_decimal_that_would_be_long_is_refused_where_it_is_sent() -> None:
    """One digit and an exponent of a billion."""
    codec = AvroCodec()
    for text in ("1E+999999999", "1E-999999999", "9" * 1_000_000, f"0.{'9' * 100_000}"):
        with flat(), pytest.raises(Malformed):
            codec.encode(PRICE, Price(amount=Decimal(text)))


@pytest.mark.parametrize("size", [11, 900_000])
def test_a_number_of_many_bytes_in_a_record_within_itself_is_refused(size: int) -> None:
    """A number has ten bytes at most."""
    codec = AvroCodec()
    codec.teach("deep", json.dumps(record("N", n="long", children={"type": "array", "items": "N"})))
    with flat(), pytest.raises(Malformed, match="more than ten bytes"):
        codec.as_written("deep", b"\xff" * size + b"\x01\x00")


@pytest.mark.parametrize("data", [b"\x02" * 900_000, b"\x02" * 300, b"\x02\x02" * 200], ids=len)
def test_a_value_too_deep_within_itself_is_refused(data: bytes) -> None:
    """A decoder in C would overflow its stack, and the process would die."""
    codec = AvroCodec()
    codec.teach("deep", json.dumps(record("N", next=["null", "N"])))
    codec.teach("list", json.dumps(record("N", children={"type": "array", "items": "N"})))
    codec.teach("map", json.dumps(record("N", children={"type": "map", "values": "N"})))
    for fingerprint in ("deep", "list", "map"):
        with flat(), pytest.raises(Malformed):
            codec.as_written(fingerprint, data)


def test_items_that_the_readers_defaults_make_large_are_refused() -> None:
    """A megabyte of items of one byte each, to which the reader adds sixty fields: two gigabytes."""
    fields: list[Any] = [(f"field_{n}", list[int], msgspec.field(default_factory=lambda: [1, 2, 3])) for n in range(60)]
    part = msgspec.defstruct("Part", [("flag", bool), *fields])
    shape = Shape("Whole", "test", msgspec.defstruct("Whole", [("parts", list[part])]))  # type: ignore[valid-type]
    codec = AvroCodec()
    small = record("Whole", parts={"type": "array", "items": record("Part", flag="boolean")})
    codec.teach("small", json.dumps(small))
    just_too_many = written(small, {"parts": [{"flag": True}] * 3_500})
    with flat(), pytest.raises(Malformed, match="more than a message may hold"):
        codec.decode(shape, "small", just_too_many)
    many = written(small, {"parts": [{"flag": True}] * 900_000})
    with flat(), pytest.raises(Malformed, match="more than a message may hold"):
        codec.decode(shape, "small", many)
    in_blocks = b"".join([b"\x02\x01"] * 400_000) + b"\x00"
    with flat(), pytest.raises(Malformed, match="more than a message may hold"):
        codec.decode(shape, "small", in_blocks)
    few: Any = codec.decode(shape, "small", written(small, {"parts": [{"flag": True}] * 1_000}))
    assert len(few.parts) == 1_000 and few.parts[0].field_59 == [1, 2, 3]


def doubling(levels: int, *, leaf: Any = "long") -> Any:
    """Records that hold the one below twice: the number of values doubles with each level."""
    inner: Any = record("R0", x=leaf)
    for n in range(1, levels):
        inner = record(f"R{n}", a=inner, b=f"R{n - 1}")
    return inner


def nested(levels: int) -> str:
    """A schema of records within each other, as text: JSON's own writer would not go that deep."""
    opened = "".join(f'{{"type":"record","name":"R{n}","fields":[{{"name":"a","type":' for n in range(levels))
    return f'{opened}"long"{"}]}" * levels}'


SCHEMAS = {
    "doubling": json.dumps(doubling(24)),
    "doubling nothing": json.dumps(doubling(24, leaf="null")),
    "doubling far": json.dumps(doubling(90)),
    "nested 30,000": nested(30_000),
    "nested 500": nested(500),
    "brackets": "[" * 100_000,
    "long": json.dumps(record("R", **{f"f{n}": "long" for n in range(20_000)})),
    "a million digits": "1" * 1_000_000,
    "wide": json.dumps(record("R", e=record("E"), **{f"f{n}": "E" for n in range(60_000)})),
}
ODD = [
    '""',
    "5",
    "null",
    "[]",
    "{}",
    '{"type":5}',
    '{"type":"record"}',
    '{"type":{"type":[]}}',
    '{"type":"record","name":5,"fields":[]}',
    '{"type":"record","name":"R","fields":5}',
    '{"type":"record","name":"R","fields":[5]}',
    '{"type":"fixed","name":"F","size":-1}',
    '{"type":"fixed","name":"F","size":"a"}',
    '{"type":"enum","name":"E","symbols":5}',
    '{"type":"array"}',
    '{"type":"map","values":7}',
    '"Nowhere"',
    '{"type":"array","items":"null"}',
    '[["null"]]',
    '{"type":"record","name":"R","fields":[{"name":"a"}]}',
    "\ud800",
    "NaN",
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_that_unfolds_is_refused_at_once(name: str) -> None:
    """24 records took 26 seconds, and one nested 30,000 deep was never a letter."""
    codec = AvroCodec()
    with flat(), pytest.raises(UnknownSchema):
        codec.teach("f", SCHEMAS[name])
    with pytest.raises(Malformed):
        codec.as_written("f", b"\x00")


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_a_text_that_is_no_schema_is_told_as_one(text: str) -> None:
    """A valid schema is accepted: a text from outside raises no other error."""
    codec = AvroCodec()
    try:
        codec.teach("f", text)
    except UnknownSchema:
        return
    with pytest.raises(PartitaError):
        codec.decode(PRICE, "f", b"\x02\x02\x02")


def test_a_schema_with_parts_cut_out_or_changed_is_a_schema_or_told_as_none() -> None:
    """2,000 schemas with changed parts."""
    dice, read = Random(5), 0
    text = json.dumps(
        record(
            "R",
            a=["null", record("P", x="long")],
            b={"type": "array", "items": "P"},
            c={"type": "map", "values": "int"},
        )
    )
    parts = ["null", '"null"', "[]", "{}", '"P"', "5", '{"type":"array","items":"P"}', '"long"', "true", '""']
    spots = [n for n, c in enumerate(text) if c == '"']
    for _ in range(2_000):
        a, b = sorted(dice.sample(spots, 2))
        codec = AvroCodec()
        try:
            codec.teach("f", text[:a] + dice.choice(parts) + text[b + dice.randint(0, 1) :])
        except UnknownSchema:
            continue
        read += 1
        try:
            codec.as_written("f", dice.randbytes(20))
        except Malformed:
            continue
    assert read > 5


def test_a_message_of_ours_that_unfolds_is_refused_when_it_is_declared_or_learned() -> None:
    """No reader could read it."""
    inner: Any = msgspec.defstruct("R0", [("x", int)])
    for n in range(1, 24):
        inner = msgspec.defstruct(f"R{n}", [("a", inner), ("b", inner)])
    with flat(), pytest.raises(DeclarationError, match="too large or too deep"):
        AvroCodec().learn(Shape("Top", "test", inner))


def test_what_is_sent_can_be_read() -> None:
    """The sender counts as the reader does, and leaves room for the defaults of later days."""
    shape = Shape(
        "Flags", "test", msgspec.defstruct("Flags", [("flags", list[msgspec.defstruct("F", [("on", bool)])])])
    )  # type: ignore[misc]
    flag: Any = msgspec.inspect.type_info(shape.struct).fields[0].type.item_type.cls  # type: ignore[attr-defined]  # of a struct
    codec = AvroCodec()
    value = shape.struct(flags=[flag(on=True)] * 50_000)
    assert codec.decode(shape, *codec.encode(shape, value)) == value
    with pytest.raises(MessageTooLarge, match="unfolds"):
        codec.encode(shape, shape.struct(flags=[flag(on=True)] * 200_000))


def test_the_gauge_takes_each_value_that_is_sent() -> None:
    """Walked to its last byte: it agrees with the writer about where each value ends."""
    codec = AvroCodec()
    for n in range(200):
        value = struct_of(Tree, Random(n))
        _, data = codec.encode(TREE, value)
        gauge = Gauge(fastavro.parse_schema(json.loads(codec.schema_text(codec.learn(TREE)) or "")))
        gauge.check(data)
        with pytest.raises((ValueError, IndexError)):
            gauge.check(data[:-1])


def test_headers_nested_without_end_are_no_envelope() -> None:
    """They never became a dead letter: the error passed every handler of errors."""
    plain = envelope_to_bytes(Envelope(id="1", source="s", type="t", time_us=1, correlation_id="1"))
    endless = b"\x91" * 5_000 + b"\x00"
    named = (
        b"\x86"
        + msgspec.msgpack.encode({"id": "1", "source": "s", "type": "t", "time_us": 1, "correlation_id": "1"})[1:]
    )
    for deep in (
        bytes([plain[0] + 1]) + plain[1:] + endless,  # one more field
        named + msgspec.msgpack.encode("odd") + endless,
        b"\x92\x02" + endless,  # of a newer version
    ):
        with flat(), pytest.raises(msgspec.MsgspecError):
            envelope_from_bytes(deep)
