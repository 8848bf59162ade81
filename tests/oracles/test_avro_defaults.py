"""Apache Avro's own reader fills in the defaults that our reader fills in, where bytes are older than a field."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import io
import json
import uuid
from random import Random
from typing import Annotated, Any, Literal

import fastavro
import msgspec
import pytest

from partita import Event, Key, Service
from partita.catalog.contract import contract_of
from partita.codec.avro import AvroCodec
from partita.schemas import Millis, Money
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import message_class

pytestmark = pytest.mark.oracles
avro_io = pytest.importorskip("avro.io", reason="make oracles installs the package avro")
avro_schema = pytest.importorskip("avro.schema")

CASES = 300
UTC = dt.UTC


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = -3


class Line(msgspec.Struct, frozen=True, rename="camel"):
    sku_code: str
    price: decimal.Decimal = decimal.Decimal("1.50")
    raw: bytes = b"\x00\xff"


class Tree(msgspec.Struct, frozen=True):
    name: str = "root"
    inner: tuple[Tree, ...] = ()


class Old(msgspec.Struct):
    id: str


DEFAULTS: tuple[tuple[Any, Any], ...] = (
    (decimal.Decimal, decimal.Decimal(0)),
    (decimal.Decimal, decimal.Decimal("-12.000000001")),
    (decimal.Decimal | None, decimal.Decimal("0.1")),
    (bytes, b"\x00\xff"),
    (bytes | None, bytes(range(256))),
    (dt.date, dt.date(1969, 12, 31)),
    (dt.datetime, dt.datetime(2026, 11, 29, 1, 2, 3, 4, tzinfo=UTC)),
    (dt.datetime | None, dt.datetime(1960, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    (Annotated[dt.datetime, Millis], dt.datetime(2026, 11, 29, 1, 2, 3, 4_000, tzinfo=UTC)),
    (dt.time, dt.time(23, 59, 59, 999_999)),
    (dt.time | None, dt.time(0)),
    (uuid.UUID, uuid.UUID(int=7)),
    (str | None, "a"),
    (str | None, None),
    (str | int | None, 5),
    (str | bool, False),
    (float | int, 2**40),
    (float, 1),
    (float, -1.5e300),
    (int, -(2**63)),
    (bool, True),
    (str, "\0é😀\u2028"),
    (Colour, Colour.BLUE),
    (Colour | None, Colour.BLUE),
    (Size, Size.SMALL),
    (Literal["new", "used"], "used"),
    (Annotated[int, msgspec.Meta(ge=3)], 3),
    (Line, Line("x")),
    (Line | None, Line("x", raw=b"\x80")),
    (Tree, Tree("top", (Tree(), Tree("leaf", (Tree("deep"),))))),
    (Money, Money.of("12.50", "EUR")),
    (list[decimal.Decimal], [decimal.Decimal(0), decimal.Decimal("2.5")]),
    (list[Line], [Line("a"), Line("b", decimal.Decimal(0))]),
    (list[str] | None, ["a"]),
    (frozenset[int], frozenset({3, 1, 2})),
    (dict[str, dt.date], {"a": dt.date(2026, 1, 1)}),
    (dict[str, list[bytes]], {"": [b"\xff"], "z": []}),
    (list[int] | dict[str, int] | str, {"a": 1}),
)


def declared(annotation: Any, default: Any) -> type[msgspec.Struct]:
    field: Any = msgspec.field(default_factory=lambda: default)
    return msgspec.defstruct("Made", [("id", str), ("field", annotation, field)], namespace={"__doc__": "A record."})


def both_read(shape: Shape, older: Shape, value: Any, reader: Any = None) -> tuple[Any, Any]:
    """Old bytes, as read by Apache Avro and by us."""
    codec, writer = AvroCodec(), AvroCodec()
    fingerprint, data = writer.encode(older, value)
    text = writer.schema_text(fingerprint) or ""
    codec.teach(fingerprint, text)
    theirs = theirs_of(
        json.loads(text), json.loads(codec.schema_text(codec.learn(shape)) or ""), data, reader or avro_io.DatumReader
    )
    ours = codec.decode(shape, fingerprint, data)
    return msgspec.convert(theirs, shape.struct), ours


def theirs_of(writer: Any, reader: Any, data: bytes, read_with: Any) -> Any:
    """Old bytes as Apache Avro's Python reader reads them. All but the writer's fields is filled in by it.

    Two deviations of that reader are undone. It fills in the underlying value of a logical type, the number of a date: what it
    filled in is written again, and it reads that with the logical types. It encodes the text of a bytes default as
    UTF-8, where the specification says that code points 0 to 255 are bytes ("Complex Types", Records, default).
    """
    plain = avro_schema.parse(json.dumps(_without_logical(reader)))
    filled = read_with(avro_schema.parse(json.dumps(writer)), plain).read(decoder_of(data))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(_without_logical(reader)), _as_code_points(filled))
    return avro_io.DatumReader(avro_schema.parse(json.dumps(reader))).read(decoder_of(out.getvalue()))


def decoder_of(data: bytes) -> Any:
    return avro_io.BinaryDecoder(io.BytesIO(data))


class AnyBranch(avro_io.DatumReader):  # type: ignore[misc]  # Apache's reader has no types
    """Reads a default of a union as of whichever branch it fits, as Avro 1.12 says; Apache's Python reader takes the first. And
    it takes a null within a record's default for a field that is not given."""

    def _read_default_value(self, field_schema: Any, default_value: Any) -> Any:
        if isinstance(field_schema, avro_schema.UnionSchema):
            field_schema = next(s for s in field_schema.schemas if avro_io.validate(s, _underlying(s, default_value)))
        if isinstance(field_schema, avro_schema.RecordSchema):
            fields = {field.name: field for field in field_schema.fields}
            given = {name: default_value.get(name, field.default) for name, field in fields.items()}
            return {name: self._read_default_value(fields[name].type, held) for name, held in given.items()}
        return super()._read_default_value(field_schema, default_value)


def _underlying(schema: Any, default: Any) -> Any:
    """A default as a value that Apache's check of a branch knows: bytes of a text, and of a float no whole number."""
    if isinstance(schema, avro_schema.RecordSchema) and isinstance(default, dict):
        return {field.name: _underlying(field.type, default.get(field.name, field.default)) for field in schema.fields}
    if isinstance(schema, avro_schema.ArraySchema) and isinstance(default, list):
        return [_underlying(schema.items, item) for item in default]
    if isinstance(schema, avro_schema.MapSchema) and isinstance(default, dict):
        return {key: _underlying(schema.values, item) for key, item in default.items()}
    if isinstance(schema, avro_schema.UnionSchema):
        fitting = [s for s in schema.schemas if avro_io.validate(s, _underlying(s, default))]
        return _underlying(fitting[0], default) if fitting else default
    if schema.type == "bytes" and isinstance(default, str):
        return default.encode("latin-1")
    return default


def _without_logical(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: held for key, held in schema.items() if key not in ("logicalType", "precision", "scale")}
    return {
        key: _without_logical(held) if key in ("type", "items", "values", "fields") else held
        for key, held in kept.items()
    }


def _as_code_points(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_code_points(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_as_code_points(held) for held in value]
    return value.decode().encode("latin-1") if isinstance(value, bytes) else value


@pytest.mark.parametrize(("annotation", "default"), DEFAULTS, ids=str)
def test_another_reader_fills_in_the_default_that_is_declared(annotation: Any, default: Any) -> None:
    """A default is text in a schema: decimals, bytes and times have forms of their own there."""
    shape = Shape("Made", "test", declared(annotation, default))
    theirs, ours = both_read(shape, Shape("Made", "test", Old), Old("k"))
    assert theirs == ours
    assert shape.struct("k") == ours, "the class itself fills in another"


def test_defaults_of_generated_messages_are_read_by_another_reader() -> None:
    """Every type that a field may have, in every place."""
    read = 0
    for seed in range(CASES):
        newer: Any = message_class(Service("gen", namespace="gen"), Random(seed), "Made", with_default=1.0)

        class Made(Event, of=Service("gen", namespace="gen")):
            id: Key[str]

        if any(f.required and f.name != "id" for f in msgspec.structs.fields(newer)):
            continue
        theirs, ours = both_read(contract_of(newer).shape, contract_of(Made).shape, Made(id="k"), AnyBranch)
        assert theirs == ours, f"seed {seed}"
        read += 1
    assert read > CASES * 3 // 4


def test_a_default_that_is_a_list_or_a_map_is_not_shared() -> None:
    """A handler that changes the list of one message must not change what is filled into the next."""
    struct = msgspec.defstruct(
        "Made",
        [
            ("id", str),
            ("seen", list[str], msgspec.field(default_factory=lambda: ["a"])),
            ("by", dict[str, list[int]], msgspec.field(default_factory=lambda: {"x": [1]})),
        ],
    )
    shape, older, codec, writer = Shape("Made", "test", struct), Shape("Made", "test", Old), AvroCodec(), AvroCodec()
    fingerprint, data = writer.encode(older, Old("k"))
    codec.teach(fingerprint, writer.schema_text(fingerprint) or "")
    for _ in range(3):
        value: Any = codec.decode(shape, fingerprint, data)
        assert (value.seen, value.by) == (["a"], {"x": [1]})
        value.seen.append("b")
        value.by["x"].append(2)
        value.by["y"] = []
    theirs, _ = both_read(shape, older, Old("k"))
    assert (theirs.seen, theirs.by) == (["a"], {"x": [1]})
    assert json.loads(codec.schema_text(codec.learn(shape)) or "")["fields"][1]["default"] == ["a"]
