"""JSON from elsewhere: in any form that means one thing it is read, and what two readers may take for two values is refused."""

from __future__ import annotations

import datetime as dt
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from time import process_time
from typing import Annotated, Any, Literal

import msgspec
import pytest

from partita.codec.json import JsonCodec
from partita.errors import DeclarationError, Malformed, UnknownSchema
from partita.schemas import Alias
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import Flat, Tagged


class Line(msgspec.Struct, rename="camel"):
    sku_code: str
    price: Decimal = Decimal("1.50")


class Order(msgspec.Struct, rename="camel"):
    order_id: str
    count: int = 0
    rate: float = 0.0
    lines: list[Line] = []
    tags: dict[str, str] = {}
    at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    clock: dt.time | None = None
    inner: Order | None = None


class Part(msgspec.Struct):
    size: Annotated[int, Alias("length"), Alias("len")]


class Whole(msgspec.Struct):
    one: Part | None
    many: list[Part]
    by: dict[str, Part | str]


ORDER = Shape("Order", "test", Order, "json")
CPU_S, MEMORY_BYTES = 5.0, 60_000_000
"""A bomb takes minutes; a busy machine takes ten times as long as a quiet one for the same work."""


def decoded(data: bytes) -> Any:
    codec = JsonCodec()
    return codec.decode(ORDER, codec.learn(ORDER), data)


@contextmanager
def flat() -> Iterator[None]:
    """Neither time nor memory."""
    tracemalloc.start()
    begun = process_time()
    yield
    took, (_, peak) = process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < CPU_S and peak < MEMORY_BYTES, f"{took:.1f} s, {peak:,} bytes"


def test_a_value_has_one_form() -> None:
    """Exact for every reader: decimals as texts without an exponent, instants in UTC, and each field is written."""
    value = Order(
        "o",
        rate=1.0,
        lines=[Line("a", Decimal("1E+3")), Line("b", Decimal("0E-30"))],
        at=dt.datetime(2026, 11, 29, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        clock=dt.time(9, 30),
    )
    _, data = JsonCodec().encode(ORDER, value)
    assert json.loads(data) == {
        "orderId": "o",
        "count": 0,
        "rate": 1.0,
        "lines": [{"skuCode": "a", "price": "1000"}, {"skuCode": "b", "price": "0.000000000"}],
        "tags": {},
        "at": "2026-11-29T10:00:00Z",
        "clock": "09:30:00",
        "inner": None,
    }


def test_a_record_that_leaves_out_defaults_or_has_a_tag_is_written_with_its_fields_alone() -> None:
    """A default that changes later must not change a value that was sent before."""
    codec = JsonCodec()
    struct = msgspec.defstruct("Held", [("flat", Flat), ("tagged", Tagged)])
    shape = Shape("Held", "test", struct, "json")
    _, data = codec.encode(shape, struct(Flat(), Tagged(3)))
    assert json.loads(data) == {
        "flat": {"at": "2026-01-01T00:00:00Z", "price": "1.50", "raw": "/w==", "day": "2026-01-01"},
        "tagged": {"n": 3},
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b' { "orderId" : "o" } ', Order("o")),
        (b'{"count":3,"orderId":"o"}', Order("o", count=3)),
        (b'{"orderId":"o","unknown":{"a":[1,{"b":null}]}}', Order("o")),
        (b'{"orderId":"\\u006f"}', Order("o")),
        (b'{"orderId":"o","rate":1}', Order("o", rate=1.0)),
        (b'{"orderId":"o","lines":[{"skuCode":"a","price":19.99}]}', Order("o", lines=[Line("a", Decimal("19.99"))])),
        (b'{"orderId":"o","at":"2026-01-01T02:00:00.000+02:00"}', Order("o")),
        (b'{"orderId":"a\\u0000b"}', Order("a\0b")),
        (b'{"orderId":"o","inner":{"orderId":"i"}}', Order("o", inner=Order("i"))),
    ],
)
def test_another_form_of_a_value_is_read(data: bytes, expected: Order) -> None:
    """Another program's spaces, order and escapes."""
    assert decoded(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b'{"orderId":"o","orderId":"p"}',
        b'{"orderId":"o","tags":{"a":"1","a":"2"}}',
        b'{"orderId":"o","unknown":{"a":1,"a":2}}',
        b'{"orderId":"o","unknown":[{"a":1,"\\u0061":2}]}',
        b'{"orderId":"o","count":9007199254740993}',
        b'{"orderId":"o","count":1.5}',
        b'{"orderId":"o","count":%s}' % (b"9" * 4_000),
        b'{"orderId":"o","count":%s}' % (b"9" * 900_000),
        b'{"orderId":"o","rate":1e999}',
        b'{"orderId":"o","rate":NaN}',
        b'{"orderId":"o","rate":-Infinity}',
        b'{"orderId":"o","rate":"1"}',
        b'{"orderId":"\\ud800"}',
        b'{"orderId":"\xff"}',
        b'{"orderId":null}',
        b'{"orderId":"o","at":"2026-01-01T00:00:00"}',
        b'{"orderId":"o","at":1767225600}',
        b'{"orderId":"o","clock":"09:30:00Z"}',
        b'{"orderId":"o","lines":[{"skuCode":"a","price":"NaN"}]}',
        b'{"orderId":"o","lines":[{"skuCode":"a","price":"1E+999999999"}]}',
        b'{"orderId":"o","lines":[{"skuCode":"a","price":"%s"}]}' % (b"9" * 900_000),
        b'{"orderId":"o","lines":[{"skuCode":"a","price":0.30000000000000004}]}',
        b'{"orderId":"o"}x',
        b'\xef\xbb\xbf{"orderId":"o"}',
        b'["o"]',
        b"null",
        b"",
        b'{"orderId":"o","inner":' + b'{"orderId":"i","inner":' * 200 + b"null" + b"}" * 201,
        b'{"orderId":"o","unknown":' + b"[" * 400_000 + b"]" * 400_000 + b"}",
        b'{"orderId":"o","unknown":' + b"[" * 200 + b"]" * 200 + b"}",
    ],
    ids=lambda data: ascii(data[:60]),
)
def test_bytes_that_are_no_value_or_may_be_two_are_malformed(data: bytes) -> None:
    """A dead letter with its bytes, at once: neither a crash nor a stall, and no handler sees another value."""
    with flat(), pytest.raises(Malformed):
        decoded(data)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Order("o", count=2**53), "Order.count is a whole number beyond 2\\^53"),
        (Order("o", rate=float("inf")), "Order.rate is not a number"),
        (Order("o", rate=float("nan")), "Order"),
        (Order("o", tags={"a": "\ud800"}), "surrogates"),
        (Order("o", lines=[Line("a"), Line("b", Decimal("1E-10"))]), "Order"),
        (Order("o", clock=dt.time(1, tzinfo=dt.UTC)), "Order.clock is a time of day with a time zone"),
        (
            Order("o", inner=Order("i", at=dt.datetime.fromisoformat("2026-01-01T00:00:00"))),
            "Order.inner.at is a time without",
        ),
    ],
    ids=str,
)
def test_a_value_that_json_cannot_say_exactly_is_refused_where_it_is_sent(value: Order, why: str) -> None:
    """With its place: a reader in another language would take it for another value."""
    with pytest.raises(Malformed, match=why):
        JsonCodec().encode(ORDER, value)


def test_a_field_has_an_earlier_name_also_in_lists_maps_and_unions() -> None:
    """At every place where the record may be."""

    codec, shape = JsonCodec(), Shape("Whole", "test", Whole, "json")
    codec.learn(shape)
    codec.teach("json:older", "{}")
    data = b'{"one":{"len":1},"many":[{"length":2},{"size":3}],"by":{"a":{"len":4},"b":"c","len":"d"}}'
    expected = Whole(Part(1), [Part(2), Part(3)], {"a": Part(4), "b": "c", "len": "d"})
    assert codec.decode(shape, "json:older", data) == expected
    with pytest.raises(Malformed, match="there twice"):
        codec.decode(shape, "json:older", data.replace(b'"len":1', b'"len":1,"len":2'))


SCHEMAS = {
    "to a file": '{"$ref":"file:///etc/passwd"}',
    "to the network": '{"properties":{"a":{"items":[{"$ref":"http://schemas.example/a.json"}]}}}',
    "deep": "[" * 301 + "]" * 301,
    "long": json.dumps({"description": "x" * 200_001}),
    "a list": "[]",
    "twice": "{} {}",
    "NaN": '{"const":NaN}',
}


@pytest.mark.parametrize("text", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_that_leads_outside_or_has_no_end_is_refused(text: str) -> None:
    """Nothing is fetched, and no pattern of it is ever run."""
    codec = JsonCodec()
    with flat(), pytest.raises(UnknownSchema):
        codec.teach("json:1", text)
    with pytest.raises(Malformed):
        codec.decode(ORDER, "json:1", b"{}")


def test_small_objects_that_unfold_to_gigabytes_of_defaults_are_refused() -> None:
    """Three bytes each, to which the reader adds sixty lists; and as many without such defaults are read."""
    fields: list[Any] = [(f"f{n}", list[int], msgspec.field(default_factory=lambda: [1, 2, 3])) for n in range(60)]
    part = msgspec.defstruct("Part", [("flag", bool | None, None), *fields])
    plain = msgspec.defstruct("Plain", [("flag", bool | None, None)])
    whole = msgspec.defstruct("Whole", [("parts", list[part], []), ("plain", list[plain], [])])  # type: ignore[valid-type]
    codec, shape = JsonCodec(), Shape("Whole", "test", whole, "json")
    fingerprint = codec.learn(shape)
    for count in (3_500, 300_000):
        with flat(), pytest.raises(Malformed, match="unfolds"):
            codec.decode(shape, fingerprint, b'{"parts":[' + b",".join([b"{}"] * count) + b"]}")
    read: Any = codec.decode(shape, fingerprint, b'{"plain":[' + b",".join([b"{}"] * 100_000) + b"]}")
    assert len(read.plain) == 100_000
    read = codec.decode(shape, fingerprint, b'{"parts":[' + b",".join([b"{}"] * 1_000) + b"]}")
    assert read.parts[7].f59 == [1, 2, 3]


@pytest.mark.parametrize(
    "annotation",
    [
        Literal[2**53],
        Annotated[str, msgspec.Meta(pattern=r"(?P<year>\d+)")],
        Annotated[str, msgspec.Meta(pattern=r"\A[a-z]\Z")],
        Annotated[str, msgspec.Meta(pattern="(?i)a")],
    ],
    ids=str,
)
def test_what_json_cannot_say_is_refused_where_it_is_declared(annotation: Any) -> None:
    """Readers of other languages would take a number for another, or a pattern for another or none."""
    struct = msgspec.defstruct("Held", [("value", annotation)])
    with pytest.raises(DeclarationError) as refused:
        JsonCodec().learn(Shape("Held", "test", struct, "json"))
    assert refused.value.hint


def test_a_text_that_is_no_name_in_avro_is_a_value_in_json() -> None:
    """Each language refuses what it cannot say itself, and no more."""
    struct: Any = msgspec.defstruct("Held", [("state", Literal["in-transit", "äöü"])])
    codec, shape = JsonCodec(), Shape("Held", "test", struct, "json")
    assert codec.decode(shape, *codec.encode(shape, struct("in-transit"))) == struct("in-transit")
