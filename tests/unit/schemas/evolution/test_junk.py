"""Schemas of which a part was replaced by any other JSON: each is compared or refused, and none is a crash."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from partita.errors import UnknownSchema
from partita.schemas.evolution.connect import rules_of

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**40,
    "",
    "a",
    "a.b",
    "#",
    "#/",
    "\ud800",
    [],
    [[]],
    {},
    [{}],
    {"a": {}},
    [1, 1],
]
JUNK += [
    "[z-a]",
    "a{9,1}",
    "(a+)+$",
    {"type": "string"},
    [None, "a"],
    {"$ref": "#"},
    {"type": ["null"]},
    "Line",
    "null",
]
CHANGES = 300
SCHEMAS: dict[str, Any] = {
    "avro": {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "aliases": ["Old"],
        "fields": [
            {"name": "id", "type": {"type": "string", "logicalType": "uuid"}, "default": "", "aliases": ["key"]},
            {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
            {"name": "size", "type": {"type": "enum", "name": "Size", "symbols": ["S", "M"], "default": "S"}},
            {"name": "hash", "type": ["null", {"type": "fixed", "name": "Hash", "size": 4}], "default": None},
            {
                "name": "lines",
                "type": {
                    "type": "array",
                    "items": {"type": "record", "name": "Line", "fields": [{"name": "n", "type": "int"}]},
                },
                "default": [{"n": 1}],
            },
            {"name": "more", "type": {"type": "map", "values": ["null", "Line"]}},
        ],
    },
    "json-schema": {
        "$id": "order.json",
        "title": "Order",
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1, "pattern": "^a", "format": "uuid", "default": ""},
            "sum": {"type": ["number", "null"], "minimum": 0, "exclusiveMaximum": 9, "multipleOf": 0.01},
            "size": {"enum": ["S", 1, None]},
            "lines": {"type": "array", "prefixItems": [{"const": 1}], "items": {"$ref": "#/$defs/line"}, "maxItems": 3},
            "pay": {
                "oneOf": [{"type": "object", "properties": {"by": {"const": "card"}}, "required": ["by"]}, {"not": {}}]
            },
            "any": {"anyOf": [{"allOf": [{"type": "string"}, {"maxLength": 3}]}, True], "uniqueItems": True},
        },
        "required": ["id"],
        "patternProperties": {"^x": {"type": "integer"}},
        "additionalProperties": False,
        "dependentRequired": {"id": ["sum"]},
        "if": {"required": ["id"]},
        "then": {"minProperties": 1},
        "$defs": {"line": {"$anchor": "l", "properties": {"next": {"$ref": "#/$defs/line"}}}},
    },
}


def places(at: Any) -> list[tuple[Any, Any]]:
    """Each value within a document, by its holder and key."""
    keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
    return [place for key in keys for place in [(at, key), *places(at[key])]]


@pytest.mark.parametrize("language", SCHEMAS)
def test_junk_in_a_schema_is_compared_or_refused(language: str) -> None:
    """Junk at a place or two, by dice."""
    rules, sound, dice = rules_of(language), json.dumps(SCHEMAS[language]), random.Random(15)
    count = len(places(SCHEMAS[language]))
    changes = [[(dice.randrange(count), dice.choice(JUNK)) for _ in range(1 + n % 2)] for n in range(CHANGES)]
    refused = 0
    assert list(rules.compare(sound, sound)) == []
    for change in changes:
        schema = copy.deepcopy(SCHEMAS[language])
        for place, junk in change:
            holder, key = places(schema)[place % len(places(schema))]
            holder[key] = copy.deepcopy(junk)
        text = json.dumps(schema)
        for pair in ((text, sound), (sound, text)):
            try:
                rules.compare(*pair)
            except UnknownSchema:
                refused += 1
    assert CHANGES / 4 < refused < CHANGES * 2
