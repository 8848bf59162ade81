"""Protobuf from elsewhere: what another program may write is read, and what two readers may take for two values is refused."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from time import process_time
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.unit.codec.proto_wire import ID, Line, Order, State, numbered, tag, text, varint, whole

from partita.codec.connect import connect_codec
from partita.codec.protobuf import ProtobufCodec
from partita.errors import DeclarationError, Malformed, MessageTooLarge
from partita.schemas import Millis
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.lock import write_lock
from partita.testing.generators.declarations import Tree
from partita.testing.generators.values import struct_of

CPU_S, MEMORY_BYTES = 5.0, 60_000_000
"""A bomb takes minutes; a busy machine takes ten times as long as a quiet one for the same work."""


@contextmanager
def flat() -> Iterator[None]:
    """Neither time nor memory."""
    tracemalloc.start()
    begun = process_time()
    yield
    took, (_, peak) = process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < CPU_S and peak < MEMORY_BYTES, f"{took:.1f} s, {peak:,} bytes"


@pytest.fixture
def order(tmp_path: Path) -> Shape:
    return numbered(Shape("Order", "test", Order, "protobuf"), tmp_path)


def decoded(shape: Shape, data: bytes) -> Any:
    codec = ProtobufCodec()
    return codec.decode(shape, codec.learn(shape), data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ID, Order("o")),
        (text(1, "p") + ID, Order("o")),
        (ID + whole(2, 2), Order("o", state=State.GONE)),
        (whole(99, 5) + ID + text(100, "new"), Order("o")),
        (ID + text(4, text(1, "a")) + text(4, text(1, "b") + whole(2, 0)), Order("o", lines=[Line("a"), Line("b", 0)])),
        (
            ID + text(5, whole(1, -1) + whole(2, 999_999_999)),
            Order("o", at=dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC)),
        ),
        (ID + text(5, b""), Order("o", at=dt.datetime(1970, 1, 1, tzinfo=dt.UTC))),
        (ID + text(6, "1.500000000000000000000000"), Order("o", price=Decimal("1.5"))),
        (ID + text(7, "09:30:00.5"), Order("o", clock=dt.time(9, 30, 0, 500_000))),
        (ID + text(8, b""), Order("o", amount=None)),
        (ID + text(8, text(4, "x")), Order("o", amount="x")),
        (ID + text(8, whole(2, 3) + text(5, whole(1, 4))), Order("o", amount=[4])),
        (ID + text(9, text(1, "a") + whole(2, 1)) * 2, Order("o", tags={"a": 1})),
        (ID + text(9, text(1, "a")), Order("o", tags={"a": 0})),
        (ID + whole(10, 1) + text(10, varint(2) + varint(-3)) + whole(10, 4), Order("o", numbers=[1, 2, -3, 4])),
        (b"\x0a\x81\x00o", Order("o")),
    ],
    ids=lambda each: each.hex() if isinstance(each, bytes) else "",
)
def test_another_form_of_a_value_is_read(data: bytes, expected: Order, order: Shape) -> None:
    """As other programs write it: fields in any order, of a newer revision, numbers packed or not, to the nanosecond."""
    assert decoded(order, data) == expected


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "orderId"),
        (whole(2, 1), "orderId"),
        (whole(1, 5), "written as another type"),
        (ID + whole(2, 0), "0"),
        (ID + whole(2, 3), "3"),
        (ID + whole(2, -1), "Order"),
        (ID + text(2, "x"), "written as another type"),
        (ID + whole(3, 1), "written as another type"),
        (ID + tag(3, 1) + bytes.fromhex("000000000000f87f"), "none"),
        (ID + whole(4, 1), "written as another type"),
        (ID + text(4, whole(2, 1)), "sku"),
        (ID + text(4, text(1, "a") + text(2, "b")), "written as another type"),
        (text(1, b"\xff\xfe"), "Order"),
        (text(1, b"\xed\xa0\x80"), "Order"),
        (ID + text(5, whole(1, 253_402_300_800)), "Order"),
        (ID + text(5, whole(1, 2**62)), "Order"),
        (ID + text(5, whole(2, 1_000_000_000)), "nanoseconds"),
        (ID + text(5, whole(2, -1)), "nanoseconds"),
        (ID + text(6, "1E+3"), "plain notation"),
        (ID + text(6, "NaN"), "plain notation"),
        (ID + text(6, "0.0000000001"), "decimal"),
        (ID + text(6, "9" * 900_000), "plain notation"),
        (ID + text(7, "09:30:00Z"), "zone"),
        (ID + text(7, "0930"), "zone"),
        (ID + text(7, "24:00:00"), "Order"),
        (ID + text(8, whole(9, 1)), "member 9 of a union is unknown"),
        (ID + text(8, text(2, "x")), "written as another type"),
        (ID + text(9, text(1, b"\xff")), "Order"),
        (ID + text(9, whole(1, 5) + whole(2, 1)), "written as another type"),
        (ID + b"\x00", "Order"),
        (ID + tag(99, 3), "Order"),
        (ID + tag(99, 3) + tag(99, 4), "wire type"),
        (ID + tag(99, 6) + b"\x00", "Order"),
        (ID + tag(1, 2) + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "Order"),
        (ID + tag(1, 2) + varint(2**31), "Order"),
        (ID[:-1], "Order"),
        (ID + tag(10, 0) + b"\xff" * 10 + b"\x01", "Order"),
        (ID + tag(10, 0) + b"\xff" * 900_000, "Order"),
        (ID + text(99, b"\xff")[:-1], "Order"),
    ],
    ids=lambda each: ascii(each[:24]) if isinstance(each, bytes) else "",
)
def test_bytes_that_are_no_value_or_may_be_another_are_malformed(data: bytes, why: str, order: Shape) -> None:
    """A dead letter with its bytes, at once: neither a crash nor a stall, and no handler sees another value."""
    with flat(), pytest.raises(Malformed, match=why):
        decoded(order, data)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Order("o", rate=float("nan")), "Order"),
        (Order("o", lines=[Line("a"), Line("b", 2**63)]), "Order"),
        (Order("\ud800"), "surrogates"),
        (Order("o", tags={"\udfff": 1}), "surrogates"),
        (Order("o", price=Decimal("1E-10")), "Order"),
        (
            Order("o", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC).replace(tzinfo=None)),
            "Order.at is a time without a time zone",
        ),
        (Order("o", clock=dt.time(1, tzinfo=dt.UTC)), "Order.clock is a time of day with a time zone"),
    ],
    ids=lambda each: "" if isinstance(each, str) else "value",
)
def test_a_value_that_protobuf_cannot_say_exactly_is_refused_where_it_is_sent(
    value: Order, why: str, order: Shape
) -> None:
    """Not at a reader, to which the sender cannot answer."""
    with pytest.raises(Malformed, match=why):
        ProtobufCodec().encode(order, value)


def test_an_instant_in_milliseconds_is_no_finer_where_it_is_sent(tmp_path: Path) -> None:
    """The millisecond is a promise of the sender."""
    struct: Any = msgspec.defstruct("Held", [("at", Annotated[dt.datetime, Millis])])
    shape, codec = numbered(Shape("Held", "test", struct, "protobuf"), tmp_path), ProtobufCodec()
    with pytest.raises(Malformed, match="Held.at is an instant in milliseconds, and has a part of one"):
        codec.encode(shape, struct(dt.datetime(2026, 1, 1, 0, 0, 0, 1, dt.UTC)))


def test_a_value_is_written_with_each_of_its_fields(order: Shape) -> None:
    """A default that changes later must not change a value that was sent before; 0 and "" are there."""
    _, data = ProtobufCodec().encode(order, Order("", rate=0.0, amount=0))
    assert data == text(1, "") + whole(2, 1) + tag(3, 1) + bytes(8) + text(8, whole(2, 0))


def test_small_records_that_unfold_to_gigabytes_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    """Two bytes each, to which the reader adds sixty lists; and as many without such defaults are read."""
    fields: list[Any] = [(f"f{n}", list[int], msgspec.field(default_factory=lambda: [1, 2, 3])) for n in range(60)]
    part = msgspec.defstruct("Part", [("flag", bool | None, None), *fields])
    plain = msgspec.defstruct("Plain", [("flag", bool | None, None)])
    whole_: Any = msgspec.defstruct("Whole", [("parts", list[part], []), ("plain", list[plain], [])])  # type: ignore[valid-type]
    shape = numbered(Shape("Whole", "test", whole_, "protobuf"), tmp_path)
    codec = ProtobufCodec()
    fingerprint = codec.learn(shape)
    for count in (3_500, 400_000):
        with flat(), pytest.raises(Malformed, match="unfolds"):
            codec.decode(shape, fingerprint, text(1, b"") * count)
        with flat(), pytest.raises(Malformed, match="unfolds"):
            codec.as_written(fingerprint, text(1, b"") * 400_000)
    read: Any = codec.decode(shape, fingerprint, text(2, b"") * 100_000)
    assert len(read.plain) == 100_000
    read = codec.decode(shape, fingerprint, text(1, b"") * 1_000)
    assert read.parts[7].f59 == [1, 2, 3]
    with pytest.raises(MessageTooLarge, match="unfolds"):
        codec.encode(shape, whole_(plain=[plain()] * 200_000))


@pytest.mark.parametrize("levels", [101, 5_000, 300_000])
def test_a_value_too_deep_within_itself_is_refused(levels: int, tmp_path: Path) -> None:
    """The decoder ends at a hundred levels, of which a map takes three: a sender counts as it does."""
    shape, codec = numbered(Shape("Tree", "test", Tree, "protobuf"), tmp_path), ProtobufCodec()
    fingerprint, data = codec.learn(shape), text(1, "n")
    for _ in range(min(levels, 5_000)):
        data = text(1, "n") + text(2, data)
    with flat(), pytest.raises(Malformed):
        codec.decode(shape, fingerprint, data[:900_000] if levels < 10_000 else b"\x12\x7f" * levels)
    deep = Tree(name="leaf")
    for _ in range(32):
        deep = Tree(name="n", by_name={"a": deep})
    assert codec.decode(shape, *codec.encode(shape, deep)) == deep
    for _ in range(8):
        deep = Tree(name="n", by_name={"a": deep})
    with pytest.raises(Malformed, match="deep"):
        codec.encode(shape, deep)


def test_the_gauge_takes_each_value_that_is_sent(tmp_path: Path) -> None:
    """Walked to its last byte: it agrees with the writer about where each value ends."""
    shape, codec = numbered(Shape("Tree", "test", Tree, "protobuf"), tmp_path), ProtobufCodec()
    codec.learn(shape)
    gauge = codec._shapes[shape.full_name].gauge
    for n in range(200):
        _, data = codec.encode(shape, struct_of(Tree, Random(n)))
        gauge.check(data)
        with pytest.raises((ValueError, IndexError)):
            gauge.check(data[:-1])


def test_people_see_a_value_of_ours_as_its_class_has_it(order: Shape) -> None:
    """A union and a list that lie in messages of ours are shown as what is in them, an enum's value as its text."""
    codec = ProtobufCodec()
    value = Order("o", state=State.GONE, amount=[1, 2], lines=[Line("a")], tags={"a": 1}, clock=dt.time(1))
    assert codec.as_written(*codec.encode(order, value)) == {
        "orderId": "o",
        "state": "in-transit",
        "rate": 0.0,
        "lines": [{"sku": "a", "count": 1}],
        "at": None,
        "price": None,
        "clock": "01:00:00",
        "amount": [1, 2],
        "tags": {"a": 1},
        "numbers": [],
    }


def test_a_message_without_numbers_is_refused_when_the_app_starts(tmp_path: Path) -> None:
    """It is imported, since the command that gives numbers imports it; no byte is written with a number that is not given."""
    shape = Shape("Order", "test", Order, "protobuf", tmp_path)
    with pytest.raises(DeclarationError, match=r"Order\.orderId") as refused:
        ProtobufCodec().learn(shape)
    assert "partita schema export" in refused.value.hint
    write_lock(tmp_path, {"test.Order": {"Order": {"orderId": 1}}})
    with pytest.raises(DeclarationError, match=r"for Order\.state, "):
        ProtobufCodec().encode(shape, Order("o"))


def test_a_message_that_has_left_protobuf_is_read_with_the_numbers_that_it_had(tmp_path: Path) -> None:
    """Its later fields have no numbers, and are in no bytes of that time."""
    older: Any = msgspec.defstruct("Made", [("b", int), ("a", str)])
    newer: Any = msgspec.defstruct("Made", [("a", str), ("c", int, 5), ("b", int)], kw_only=True)
    codec = connect_codec()
    fingerprint, data = codec.encode(numbered(Shape("Made", "test", older, "protobuf"), tmp_path), older(7, "x"))
    today, reader = Shape("Made", "test", newer, "avro", tmp_path), connect_codec()
    reader.teach(fingerprint, codec.schema_text(fingerprint) or "")
    assert reader.decode(today, fingerprint, data) == newer(a="x", b=7)
    lost, reader = replace(today, home=None), connect_codec()
    reader.teach(fingerprint, codec.schema_text(fingerprint) or "")
    assert reader.decode(lost, fingerprint, data) == newer(a="x", b=7), "by the names in the writer's file"
    odd: Any = msgspec.defstruct("Made", [("a", Literal["äöü"])])
    with pytest.raises(Malformed, match="cannot be read from Protobuf"):
        connect_codec().decode(Shape("Made", "test", odd, "avro", tmp_path), fingerprint, data)
