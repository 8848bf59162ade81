"""JSON Schema of a class: word for word, and a fingerprint that knows what a reader needs."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest

from partita import Since
from partita.schemas import PII, Alias, Money, Subject
from partita.schemas.fields.shape import Shape
from partita.schemas.json_schema.derivation import fingerprint, json_schema


class Line(msgspec.Struct, rename="camel"):
    """A line of an order."""

    sku_code: Annotated[str, msgspec.Meta(pattern="^[A-Z]+-[0-9]+$", max_length=12)]
    price: Money
    count: Annotated[int, msgspec.Meta(gt=0, lt=100, multiple_of=2)] = 2


class Order(msgspec.Struct, rename="camel"):
    """An order."""

    id: Annotated[str, Subject]
    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=3)]
    name: Annotated[str, PII, Alias("called"), msgspec.Meta(description="As it is written on the parcel.")]
    state: Literal["new", "in-transit"]
    tax: decimal.Decimal = decimal.Decimal("0.19")
    raw: bytes = b"\x00\xff"
    at: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    clock: dt.time | None = None
    seen: frozenset[int] = frozenset()
    kind: Literal[1, 2] = 1
    prices: dict[str, decimal.Decimal] = {}
    rate: float = 0.5
    inner: Order | None = None


ORDER = Shape("Order", "shop.v1", Order, "json")


def test_the_schema_says_what_the_class_says() -> None:
    """Word for word, so that a change of the derivation is seen."""
    schema = json_schema(ORDER)
    assert (schema["title"], schema["description"]) == ("shop.v1.Order", "An order.")
    assert schema["required"] == ["id", "lines", "name", "state"]
    properties = schema["properties"]
    assert properties["id"] == {"type": "string", "x-subject": True}
    assert properties["name"] == {
        "type": "string",
        "description": "As it is written on the parcel.",
        "x-pii": True,
        "x-aliases": ["called"],
    }
    assert properties["raw"] == {"type": "string", "contentEncoding": "base64", "default": "AP8="}
    assert properties["tax"]["default"] == "0.19" and properties["at"]["default"] == "2026-01-01T00:00:00Z"
    assert properties["inner"] == {"anyOf": [{"$ref": "#"}, {"type": "null"}], "default": None}
    assert properties["lines"] == {"type": "array", "items": {"$ref": "#/$defs/Line"}, "minItems": 1, "maxItems": 3}
    assert properties["kind"] == {"type": "integer", "enum": [1, 2], "default": 1}
    assert sorted(schema["$defs"]) == ["Line", "Money"]
    assert "additionalProperties" not in schema


def schema_of(**fields: Any) -> dict[str, Any]:
    return json_schema(Shape("Held", "test", msgspec.defstruct("Held", list(fields.items())), "json"))


def test_descriptions_marks_and_aliases_are_not_in_the_fingerprint() -> None:
    """No reader needs them to read a value."""
    noted = Annotated[str, PII, Alias("old"), msgspec.Meta(description="A word.")]
    one, other = schema_of(value=noted), schema_of(value=str)
    assert one != other and fingerprint(one) == fingerprint(other)
    assert fingerprint(one).startswith("json:") and len(fingerprint(one)) == 21


@pytest.mark.parametrize(
    "fields",
    [
        {"description": str},
        {"value": int},
        {"value": str | None},
        {"value": Annotated[str, msgspec.Meta(max_length=3)]},
        {"value": Literal["a"]},
        {"value": dt.date},
    ],
    ids=str,
)
def test_another_field_type_or_bound_is_another_fingerprint(fields: dict[str, Any]) -> None:
    """Also a field that is called `description`."""
    assert fingerprint(schema_of(**fields)) != fingerprint(schema_of(value=str))
    assert fingerprint(schema_of(description=str)) != fingerprint(schema_of(title=str))


def test_a_bound_beyond_2_to_53_ends_there() -> None:
    """No number beyond it is ever written."""
    value = schema_of(value=Annotated[int, msgspec.Meta(ge=0, le=2**62)])["properties"]["value"]
    assert value == {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}


def test_an_older_version_has_the_fields_that_had_arrived() -> None:
    """And the document is one that JSON's own readers take."""
    struct = msgspec.defstruct("Held", [("a", int), ("b", Annotated[str, Since(2)], "x")])
    shape = Shape("Held", "test", struct, "json")
    assert [list(json_schema(shape, revision=n)["properties"]) for n in (1, 2)] == [["a"], ["a", "b"]]
    assert json.loads(json.dumps(json_schema(shape))) == json_schema(shape)
