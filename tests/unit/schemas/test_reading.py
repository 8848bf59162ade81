"""A declared message is read once, without a word of any schema language; a language is derived from what was read."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Annotated, Any, Literal, NewType

import msgspec
import pytest

from partita.errors import DeclarationError
from partita.schemas.avro import avro_record, fingerprint
from partita.schemas.fields.marks import Millis
from partita.schemas.fields.reading import Reading, read
from partita.schemas.fields.shape import Shape, Since
from partita.schemas.fields.wire_type import Bounded, Bounds, Entries, Items, Nested, OneOf, Scalar, Symbols

OrderId = NewType("OrderId", str)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1


class Node(msgspec.Struct):
    label: str
    inner: list[Node] = []


class Order(msgspec.Struct, rename="camel"):
    order_id: OrderId
    lines: Annotated[list[Node], Since(2)] = []
    note: Annotated[str | None, msgspec.Meta(description="As the customer wrote it.")] = None


def reading(struct: type[msgspec.Struct], revision: int | None = None) -> Reading:
    return read(Shape(struct.__name__, "test", struct), revision)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, Scalar.TEXT),
        (OrderId, Scalar.TEXT),
        (Annotated[OrderId, "a note"], Scalar.TEXT),
        (bool, Scalar.TRUTH),
        (int, Scalar.WHOLE),
        (Size, Bounded(Scalar.WHOLE, Bounds(values=(1,)))),
        (Literal[1, 2], Bounded(Scalar.WHOLE, Bounds(values=(1, 2)))),
        (Annotated[int, msgspec.Meta(ge=0, multiple_of=5)], Bounded(Scalar.WHOLE, Bounds(ge=0, multiple_of=5))),
        (
            Annotated[str, msgspec.Meta(max_length=3, pattern="a")],
            Bounded(Scalar.TEXT, Bounds(max_length=3, pattern="a")),
        ),
        (Annotated[list[int], msgspec.Meta(min_length=1)], Bounded(Items(Scalar.WHOLE), Bounds(min_length=1))),
        (Annotated[int, msgspec.Meta(gt=0)] | None, OneOf((Bounded(Scalar.WHOLE, Bounds(gt=0)),), or_none=True)),
        (Annotated[str, msgspec.Meta(description="A word.")], Scalar.TEXT),
        (float, Scalar.REAL),
        (bytes, Scalar.BYTES),
        (dt.datetime, Scalar.INSTANT),
        (dt.date, Scalar.DAY),
        (dt.time, Scalar.TIME),
        (Annotated[dt.datetime, Millis], Scalar.INSTANT_MILLIS),
        (uuid.UUID, Scalar.UUID),
        (decimal.Decimal, Scalar.DECIMAL),
        (Colour, Symbols("Colour", ("red", "blue"))),
        (Literal["a", "b"], Symbols("HeldValue", ("a", "b"))),
        (list[int], Items(Scalar.WHOLE)),
        (tuple[int, ...], Items(Scalar.WHOLE)),
        (frozenset[Colour], Items(Symbols("Colour", ("red", "blue")), is_set=True)),
        (dict[OrderId, list[str]], Entries(Items(Scalar.TEXT))),
        (Node, Nested("Node")),
        (Node | None, OneOf((Nested("Node"),), or_none=True)),
        (dt.date | None, OneOf((Scalar.DAY,), or_none=True)),
        (float | int | None, OneOf((Scalar.WHOLE, Scalar.REAL), or_none=True)),
        (str | bool, OneOf((Scalar.TRUTH, Scalar.TEXT), or_none=False)),
    ],
    ids=str,
)
def test_each_type_is_read(annotation: Any, expected: object) -> None:
    """In a union the more specific type comes first, however it was written: 1 is a whole number and no 1.0."""
    found = reading(msgspec.defstruct("Held", [("value", annotation)]))
    assert [entry.type for entry in found.root.entries] == [expected]


def test_names_defaults_and_descriptions_are_read() -> None:
    """A default is the plain value that a codec writes; a list from a factory is one, too."""
    found = reading(Order)
    assert [(e.name, e.field.name, e.field.required, e.default) for e in found.root.entries] == [
        ("orderId", "order_id", True, None),
        ("lines", "lines", False, []),
        ("note", "note", False, None),
    ]
    assert [e.field.doc for e in found.root.entries] == ["", "", "As the customer wrote it."]


def test_a_record_within_itself_is_read_once() -> None:
    """The message itself comes first, and each record once, by its name."""
    found = reading(Order)
    assert list(found.records) == ["Order", "Node"] and found.records["Order"] is found.root
    assert found.records["Node"].entries[1].type == Items(Nested("Node"))
    assert list(reading(Node).records) == ["Node"]


def test_a_revision_has_the_fields_that_had_arrived() -> None:
    """Also no record that only a later field needs."""
    assert [e.name for e in reading(Order, 1).root.entries] == ["orderId", "note"]
    assert list(reading(Order, 1).records) == ["Order"]


@pytest.mark.parametrize(
    "annotation", [object, Any, set[int], tuple[int, str], dict[int, str], Literal["a", 1]], ids=str
)
def test_a_type_without_a_form_is_refused(annotation: Any) -> None:
    """Before any language is asked, and with what may be used instead."""
    with pytest.raises(DeclarationError, match="has no form in a schema") as refused:
        reading(msgspec.defstruct("Held", [("value", annotation)]))
    assert "Use str, int" in refused.value.hint


def test_sets_and_what_cannot_be_compared_are_known() -> None:
    """A codec that knows it writes a set in one order, and compares by the plain value."""
    plain = reading(Order)
    assert (plain.has_sets, plain.is_comparable) == (False, True)
    inner = msgspec.defstruct("Inner", [("seen", frozenset[str])], eq=False)
    found = reading(msgspec.defstruct("Outer", [("inner", inner)]))
    assert (found.has_sets, found.is_comparable) == (True, False)


def test_a_description_stands_in_the_schema_and_not_in_its_fingerprint() -> None:
    """Readers of other languages see it; a word that is put right makes no new schema."""

    def described(doc: str) -> dict[str, Any]:
        note = msgspec.Meta(description=doc) if doc else "no description"
        struct = msgspec.defstruct("Held", [("value", Annotated[int, note])])
        return avro_record(Shape("Held", "test", struct))

    one, other, none = described("In cents."), described("In cents, without tax."), described("")
    assert one["fields"] == [{"name": "value", "type": "long", "doc": "In cents."}]
    assert none["fields"] == [{"name": "value", "type": "long"}]
    assert fingerprint(one) == fingerprint(other) == fingerprint(none)
