"""A fingerprint names what a reader needs of a schema: with another sentence in its docs it stays, with another meaning it does not."""

import datetime as dt
import enum
import json
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from partita.codec.avro import AvroCodec
from partita.schemas.avro import avro_record, fingerprint
from partita.schemas.fields.shape import Shape


class Colour(enum.Enum):
    red = "red"
    blue = "blue"


class Line(msgspec.Struct, kw_only=True):
    doc: str
    amount: int = 1


class Note(msgspec.Struct):
    text: str


class Order(msgspec.Struct, kw_only=True):
    id: str
    first: Line = msgspec.field(default_factory=lambda: Line(doc="a gift"))
    lines: list[Line] = msgspec.field(default_factory=list)
    by_name: dict[str, Note] = msgspec.field(default_factory=dict)
    colour: Colour | None = None
    placed: dt.datetime | None = None


SHAPE = Shape("Order", "printed", Order)


def documented(schema: Any, text: str) -> Any:
    """The schema with this text at every place where Avro allows a `doc`: records, enums and fields."""
    if isinstance(schema, list):
        return [documented(branch, text) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for inner in ("type", "items", "values"):
        if inner in found:
            found[inner] = documented(found[inner], text)
    if "fields" in found:
        found["fields"] = [documented(field, text) for field in found["fields"]]
    return {**found, "doc": text} if "name" in found else found


def test_schemas_that_differ_in_docs_alone_have_one_fingerprint() -> None:
    """Docs may be anywhere in the schema. A corrected sentence must not make every reader fetch a schema and resolve
    its values."""
    plain = avro_record(SHAPE)
    told = documented(plain, "An order, as its customer sees it.")
    assert json.dumps(told).count('"doc": "An order') == 13, "one for each record, enum and field"
    assert fingerprint(told) == fingerprint(documented(plain, "Something else.")) == fingerprint(plain)


def test_a_class_may_be_described_in_other_words() -> None:
    """By its docstring, that of a record in it, or the description of a field."""

    class Item(msgspec.Struct):
        """An item."""

        price: Annotated[int, msgspec.Meta(description="In cents.")]

    class Basket(msgspec.Struct):
        """A basket."""

        items: list[Item]

    def other() -> type[msgspec.Struct]:
        class Item(msgspec.Struct):
            price: Annotated[int, msgspec.Meta(description="With tax.", title="Price")]

        class Basket(msgspec.Struct):
            """A basket, which holds its items in their order."""

            items: list[Item]

        return Basket

    codec, again = AvroCodec(), AvroCodec()
    assert codec.learn(Shape("Basket", "printed", Basket)) == again.learn(Shape("Basket", "printed", other()))


def another_doc_in_a_default(schema: dict[str, Any]) -> None:
    schema["fields"][1]["default"]["doc"] = "no gift"


def another_name_of_a_field(schema: dict[str, Any]) -> None:
    schema["fields"][1]["type"]["fields"][0]["name"] = "text"


def a_field_less(schema: dict[str, Any]) -> None:
    del schema["fields"][1]["type"]["fields"][0]


def a_number_for_a_time(schema: dict[str, Any]) -> None:
    del schema["fields"][5]["type"][1]["logicalType"]


def another_order_of_symbols(schema: dict[str, Any]) -> None:
    schema["fields"][4]["type"][1]["symbols"].reverse()


@pytest.mark.parametrize(
    "change",
    [
        another_doc_in_a_default,
        another_name_of_a_field,
        a_field_less,
        a_number_for_a_time,
        another_order_of_symbols,
    ],
)
def test_what_changes_a_value_changes_the_fingerprint(change: Callable[[dict[str, Any]], None]) -> None:
    """A field may be called `doc`, and a default may hold one: those are no docs."""
    schema = avro_record(SHAPE)
    changed = json.loads(json.dumps(schema))
    change(changed)
    assert fingerprint(changed) != fingerprint(schema)


def test_values_are_read_under_the_fingerprint_whichever_docs_came_with_it() -> None:
    """The bus keeps the first schema of a fingerprint: its docs may be older than those of the reader, or of the writer."""
    codec, value = AvroCodec(), Order(id="1", lines=[Line(doc="a")])
    written, data = codec.encode(SHAPE, value)
    codec.teach(written, json.dumps(documented(avro_record(SHAPE), "Older words.")))
    assert codec.decode(SHAPE, written, data) == value
    assert codec.as_written(written, data) == msgspec.to_builtins(value)
