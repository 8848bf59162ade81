"""Another project's validator accepts each value that we write, and refuses what it should not be."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest
from tests.unit.schemas.test_json_schema import ORDER

from partita import Service
from partita.catalog.contract import contract_of
from partita.codec.json import JsonCodec
from partita.schemas.fields.shape import Shape
from partita.testing.generators.declarations import message_class
from partita.testing.generators.values import ModestDice, struct_of

pytestmark = pytest.mark.oracles
jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="make oracles installs the package jsonschema-rs")

CLASSES, VALUES = 500, 4


RIGHT: dict[str, Any] = {
    "id": "o",
    "lines": [{"skuCode": "A-1", "price": {"minorUnits": 5, "currency": "EUR"}}],
    "name": "ann",
    "state": "in-transit",
}


def schema_in(codec: JsonCodec, shape: Shape) -> Any:
    return json.loads(codec.schema_text(codec.learn(shape)) or "")


def validator(schema: Any) -> Any:
    """A validator that checks formats too, and fetches nothing."""
    assert jsonschema_rs.meta.is_valid(schema)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def test_each_value_of_a_generated_message_fits_its_schema() -> None:
    """2,000 values of random classes; and a value with a field less, or of another type, does not."""
    values = refused = mutated = 0
    for seed in range(CLASSES):
        dice, codec = ModestDice(seed), JsonCodec()
        cls: Any = message_class(Service("gen", namespace="gen", codec="json"), dice, "Made")
        shape = contract_of(cls).shape
        valid = validator(schema_in(codec, shape))
        for _ in range(VALUES):
            document = json.loads(codec.encode(shape, struct_of(cls, dice))[1])
            errors = [error.message for error in valid.iter_errors(document)]
            assert not errors, f"seed {seed}: {errors} of {document}"
            values += 1
            for wrong in _mutations(document, Random(seed)):
                mutated += 1
                refused += not valid.is_valid(wrong)
    assert values == CLASSES * VALUES and refused == mutated > values


def _mutations(document: dict[str, Any], dice: Random) -> list[dict[str, Any]]:
    """The document without its key, and with something of no declared type in the place of a field."""
    name = dice.choice(list(document))
    return [{k: v for k, v in document.items() if k != "id"}, {**document, name: [{"no": {"such": "type"}}, 1.5, None]}]


WRONG: dict[str, dict[str, Any]] = {
    "a pattern": {"lines": [{**RIGHT["lines"][0], "skuCode": "a-1"}]},
    "a length": {"lines": []},
    "a longer list": {"lines": RIGHT["lines"] * 4},
    "a bound": {"lines": [{**RIGHT["lines"][0], "count": 100}]},
    "no multiple": {"lines": [{**RIGHT["lines"][0], "count": 3}]},
    "a currency": {"lines": [{**RIGHT["lines"][0], "price": {"minorUnits": 5, "currency": "euro"}}]},
    "a float of money": {"lines": [{**RIGHT["lines"][0], "price": {"minorUnits": 5.5, "currency": "EUR"}}]},
    "another text": {"state": "gone"},
    "another number": {"kind": 3},
    "a number for a decimal": {"tax": 0.19},
    "a decimal with an exponent": {"tax": "1E+3"},
    "a decimal that is none": {"prices": {"a": "NaN"}},
    "a time without a zone": {"at": "2026-01-01T00:00:00"},
    "a time that is none": {"at": "today"},
    "a time of day with a zone": {"clock": "09:30:00Z"},
    "twice in a set": {"seen": [1, 1]},
    "a number that is too large": {"seen": [2**53]},
    "a text for a float": {"rate": "0.5"},
    "an inner one without its name": {"inner": {k: v for k, v in RIGHT.items() if k != "name"}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_value_that_is_none_of_the_class_does_not_fit(wrong: dict[str, Any]) -> None:
    """Bounds and forms are in the schema: a program in another language finds its mistake before it sends it."""
    codec = JsonCodec()
    valid = validator(schema_in(codec, ORDER))
    assert valid.is_valid(RIGHT) and not valid.is_valid(RIGHT | wrong)


def test_a_consumer_with_an_older_schema_accepts_a_newer_field() -> None:
    """The model is open: with a closed one, no optional field could ever be added while consumers validate."""
    codec = JsonCodec()
    newer = msgspec.defstruct("Order", [("id", str), ("more", int, 1)])
    older = msgspec.defstruct("Order", [("id", str)])
    data = codec.encode(Shape("Order", "test", newer, "json"), newer("o"))[1]
    old = JsonCodec()
    assert validator(schema_in(old, Shape("Order", "test", older, "json"))).is_valid(json.loads(data))
    assert validator(schema_in(codec, Shape("Order", "test", newer, "json"))).is_valid({"id": "o"})
