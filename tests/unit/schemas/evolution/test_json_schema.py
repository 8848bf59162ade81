"""JSON Schema's rules: each with a pair that breaks it, its place, and the line that mends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from partita.errors import UnknownSchema
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.connect import rules_of, rules_of_classes
from partita.schemas.evolution.json_schema import JsonSchemaRules
from partita.schemas.evolution.level import Level

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
SHUT: dict[str, Any] = {"additionalProperties": False}


def order(properties: dict[str, Any] | None = None, *required: str, **more: Any) -> dict[str, Any]:
    """An object with a title."""
    found: dict[str, Any] = {"title": "Order", "type": "object", "properties": properties or {}}
    return found | ({"required": list(required)} if required else {}) | more


def one(schema: Any) -> dict[str, Any]:
    return order({"x": schema})


def found(reader: Any, writer: Any) -> list[tuple[str, str]]:
    return [(f.rule, f.path) for f in JsonSchemaRules().compare(json.dumps(reader), json.dumps(writer))]


CARD = order({"kind": {"const": "card"}, "number": TEXT}, "kind")
CASH = order({"kind": {"const": "cash"}}, "kind")

BROKEN = [
    # rule, path, the reader's schema, the writer's
    ("type-narrowed", "Order.x", one(WHOLE), one(TEXT)),
    ("type-narrowed", "Order.x", one(TEXT), one({"type": ["string", "null"]})),
    ("type-narrowed", "Order.x", one(WHOLE), one({"type": "number"})),
    (
        "type-narrowed",
        "Order.x[].y",
        one({"items": one(WHOLE) | {"properties": {"y": WHOLE}}}),
        one({"items": order({"y": TEXT})}),
    ),
    ("enum-narrowed", "Order.x", one({"enum": ["a"]}), one({"enum": ["a", "b"]})),
    ("enum-narrowed", "Order.x", one({"const": "a"}), one({"const": "b"})),
    ("enum-added", "Order.x", one({"enum": ["a"]}), one(TEXT)),
    ("value-not-allowed", "Order.x", one(WHOLE), one({"enum": ["a", 1]})),
    ("minimum-raised", "Order.x", one({"type": "integer", "minimum": 1}), one({"type": "integer", "minimum": 0})),
    (
        "minimum-raised",
        "Order.x",
        one({"type": "number", "exclusiveMinimum": 0}),
        one({"type": "number", "minimum": 0}),
    ),
    ("maximum-lowered", "Order.x", one({"type": "integer", "maximum": 1}), one(WHOLE)),
    (
        "maximum-lowered",
        "Order.x",
        one({"type": "number", "exclusiveMaximum": 9}),
        one({"type": "number", "maximum": 9}),
    ),
    (
        "multiple-of-changed",
        "Order.x",
        one({"type": "number", "multipleOf": 0.2}),
        one({"type": "number", "multipleOf": 0.3}),
    ),
    ("min-length-raised", "Order.x", one(TEXT | {"minLength": 1}), one(TEXT)),
    ("max-length-lowered", "Order.x", one(TEXT | {"maxLength": 5}), one(TEXT | {"maxLength": 6})),
    ("pattern-changed", "Order.x", one(TEXT | {"pattern": "^a"}), one(TEXT)),
    ("format-changed", "Order.x", one(TEXT | {"format": "date-time"}), one(TEXT)),
    ("min-items-raised", "Order.x", one({"type": "array", "minItems": 1}), one({"type": "array"})),
    ("max-items-lowered", "Order.x", one({"type": "array", "maxItems": 1}), one({"type": "array"})),
    ("unique-items-added", "Order.x", one({"type": "array", "uniqueItems": True}), one({"type": "array"})),
    ("items-closed", "Order.x", one({"type": "array", "items": False}), one({"type": "array"})),
    ("min-properties-raised", "Order", order(minProperties=1), order()),
    ("max-properties-lowered", "Order", order(maxProperties=1), order()),
    ("required-added", "Order.a", order({"a": TEXT}, "a"), order({"a": TEXT})),
    ("required-added", "Order.a", order({"a": TEXT}, "a", **SHUT), order(**SHUT)),
    ("dependent-required-added", "Order.a", order(dependentRequired={"a": ["b"]}), order()),
    ("property-added-to-open-model", "Order.a", order({"a": TEXT}), order()),
    ("property-removed-from-closed-model", "Order.a", order(**SHUT), order({"a": TEXT}, **SHUT)),
    ("additional-properties-closed", "Order", order(**SHUT), order()),
    ("type-narrowed", "Order{}", order(additionalProperties=WHOLE), order(additionalProperties=TEXT)),
    ("type-narrowed", "Order.a", order({"a": WHOLE}), order(additionalProperties=TEXT)),
    ("type-narrowed", "Order.a", order(additionalProperties=WHOLE), order({"a": TEXT}, **SHUT)),
    ("type-narrowed", "Order{^x}", order(patternProperties={"^x": WHOLE}), order(patternProperties={"^x": TEXT})),
    ("type-narrowed", "Order.xa", order({"xa": {}}, patternProperties={"^x": WHOLE}), order({"xa": TEXT}, **SHUT)),
    ("alternative-missing", "Order.x", one({"anyOf": [{"enum": [1]}, {"enum": [2]}]}), one(WHOLE)),
    (
        "required-added",
        "Order.x.number",
        one({"anyOf": [{"type": "null"}, order({"number": TEXT}, "number")]}),
        one(order({"number": TEXT})),
    ),
    ("alternatives-overlap", "Order.x", one({"oneOf": [WHOLE, {"type": "number"}]}), one(WHOLE)),
    ("not-extended", "Order.x", one({"type": "string", "not": {"minLength": 3}}), one(TEXT)),
    ("nothing-allowed", "Order.x", one(False), one(TEXT)),
    ("keyword-changed", "Order", order(**{"if": {"required": ["a"]}, "then": {"required": ["b"]}}), order()),
    ("keyword-changed", "Order.x", one({"type": "array", "contains": TEXT}), one({"type": "array"})),
    (
        "type-narrowed",
        "Order.x",
        {**one({"$ref": "#/$defs/a"}), "$defs": {"a": WHOLE}},
        {**one({"$ref": "#/$defs/a"}), "$defs": {"a": TEXT}},
    ),
]

FINE = [
    ("an optional property in a closed model", order({"a": TEXT}, **SHUT), order(**SHUT)),
    ("a property of any value in an open model", order({"a": {}}), order()),
    (
        "a property that a partially open model covers",
        order({"a": TEXT}, additionalProperties=TEXT),
        order(additionalProperties=TEXT),
    ),
    ("a property less in an open model", order(), order({"a": TEXT})),
    ("a property less that is still covered", order(additionalProperties=TEXT), order({"a": TEXT}, **SHUT)),
    ("a model is opened", order(), order(**SHUT)),
    ("a required property with a default", order({"a": TEXT | {"default": ""}}, "a"), order({"a": TEXT})),
    ("a requirement less", order({"a": TEXT}), order({"a": TEXT}, "a")),
    ("a wider type", one({"type": ["string", "null"]}), one(TEXT)),
    ("an integer becomes a number", one({"type": "number"}), one(WHOLE)),
    ("a number of whole steps is an integer", one(WHOLE), one({"type": "number", "multipleOf": 2})),
    ("more values", one({"enum": ["a", "b"]}), one({"enum": ["a"]})),
    ("an enum becomes its type", one(TEXT), one({"enum": ["a", "b"]})),
    ("looser bounds", one({"type": "integer", "minimum": 0}), one({"type": "integer", "exclusiveMinimum": 0})),
    (
        "bounds of whole numbers",
        one({"type": "integer", "exclusiveMinimum": 0}),
        one({"type": "integer", "minimum": 1}),
    ),
    ("a smaller step", one({"type": "number", "multipleOf": 0.1}), one({"type": "number", "multipleOf": 0.3})),
    ("no pattern", one(TEXT), one(TEXT | {"pattern": "^a"})),
    ("another description", one(TEXT | {"description": "b"}), one(TEXT | {"description": "a"})),
    ("an alternative more", one({"anyOf": [TEXT, WHOLE]}), one(TEXT)),
    ("an exclusive alternative more", one({"oneOf": [CARD, CASH]}), one({"oneOf": [CARD]})),
    ("alternatives in another order", one({"oneOf": [CASH, CARD]}), one({"oneOf": [CARD, CASH]})),
    ("alternatives of values", one({"oneOf": [{"const": "a"}, {"const": "b"}]}), one({"oneOf": [{"const": "a"}]})),
    ("a part less", one(TEXT), one({"allOf": [TEXT, {"minLength": 1}]})),
    ("a type beside a null", one({"anyOf": [{"type": "null"}, TEXT]}), one({"type": ["null", "string"]})),
    (
        "a narrower refusal",
        one({"type": "string", "not": {"minLength": 9}}),
        one({"type": "string", "not": {"minLength": 3}}),
    ),
    ("tuples that end", one({"prefixItems": [TEXT], "items": WHOLE}), one({"prefixItems": [TEXT], "items": False})),
    (
        "the same condition",
        order(**{"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
        order(**{"if": {"required": ["a"]}, "then": {"required": ["b"]}}),
    ),
    (
        "a definition under another name",
        {**one({"$ref": "#/$defs/b"}), "$defs": {"b": TEXT}},
        {**one({"$ref": "#/$defs/a"}), "$defs": {"a": TEXT}},
    ),
    ("a chain of itself", order({"next": {"$ref": "#"}}), order({"next": {"$ref": "#"}})),
    ("nothing was written", one(TEXT), one(False)),
    (
        "items of drafts before 2020-12",
        one({"items": [TEXT], "additionalItems": False}),
        one({"prefixItems": [TEXT], "items": False}),
    ),
]


@pytest.mark.parametrize(("rule", "path", "reader", "writer"), BROKEN)
def test_a_broken_rule_is_found_at_its_place(rule: str, path: str, reader: Any, writer: Any) -> None:
    """A finding that names no place, or no remedy, helps nobody."""
    rules = JsonSchemaRules()
    (finding,) = rules.compare(json.dumps(reader), json.dumps(writer))
    assert (finding.rule, finding.path) == (rule, path)
    assert all([finding.old, finding.new, finding.instead, finding.keep])
    assert list(rules.compare(json.dumps(reader), json.dumps(reader))) == []


@pytest.mark.parametrize(("reader", "writer"), [pair[1:] for pair in FINE], ids=[pair[0] for pair in FINE])
def test_a_pair_that_fits_has_no_finding(reader: Any, writer: Any) -> None:
    """Else a change would be refused that every reader takes."""
    assert found(reader, writer) == []
    assert found(writer, writer) == []


def verdict(new: Any, old: Any, level: str) -> list[Any]:
    return check(json.dumps(new), [Version("1", json.dumps(old))], Level(level), JsonSchemaRules())


def test_an_optional_property_is_explained_for_open_and_closed_models() -> None:
    """The most frequent wish is refused in an open model backward and in a closed one forward: each verdict says why, and what
    to write so that it passes, and that passes."""
    with_note = order({"note": TEXT})
    (backward,) = verdict(with_note, order(), "BACKWARD")
    assert backward.rule == "property-added-to-open-model" and "open content model" in backward.old
    assert '"note": {}' in backward.instead and '"additionalProperties": false' in backward.instead
    assert verdict(order({"note": {}}), order(), "BACKWARD") == []
    assert verdict(order({"note": TEXT}, **SHUT), order(**SHUT), "BACKWARD") == []

    (forward,) = verdict(order({"note": TEXT}, **SHUT), order(**SHUT), "FORWARD")
    assert forward.rule == "property-removed-from-closed-model" and "refuse note" in forward.instead
    assert verdict(with_note, order(), "FORWARD") == []

    partly_open = order(additionalProperties=TEXT)
    assert verdict(order({"note": TEXT}, additionalProperties=TEXT), partly_open, "FULL") == []


def test_a_verdict_always_has_a_message() -> None:
    """Each finding says what, where, from what to what, for which readers, and what to write instead."""
    for _, _, reader, writer in BROKEN:
        for pair in [(reader, writer), (writer, reader)]:
            for finding in verdict(*pair, "FULL"):
                assert all([finding.rule, finding.path, finding.old, finding.new, finding.instead, finding.hurts])


def test_a_requirement_that_comes_and_goes_passes_only_where_the_level_is_not_transitive() -> None:
    """The second version gives a required property a default and the third drops the default."""
    chain = [order({"a": TEXT}), order({"a": TEXT | {"default": ""}}, "a"), order({"a": TEXT}, "a")]
    first, second, third = map(json.dumps, chain)
    earlier = [Version("1", first), Version("2", second)]
    assert check(third, earlier, Level.BACKWARD, JsonSchemaRules()) == []
    (finding,) = check(third, earlier, Level.BACKWARD_TRANSITIVE, JsonSchemaRules())
    assert (finding.version, finding.rule) == ("1", "required-added")


REFUSED = [
    "",
    "17",
    "[]",
    '{"type": "recrod"}',
    '{"properties": []}',
    '{"properties": {"a": 7}}',
    '{"minimum": "1"}',
    '{"minimum": 1e999}',
    '{"exclusiveMinimum": true, "minimum": 1}',
    '{"required": "a"}',
    '{"enum": "a"}',
    '{"allOf": {}}',
    '{"$ref": "https://example.com/order.json"}',
    '{"$ref": "order.json#/$defs/a"}',
    '{"$ref": "file:///etc/passwd"}',
    '{"$ref": "#/$defs/gone"}',
    '{"$ref": "#gone"}',
    '{"$ref": 7}',
    '{"$dynamicRef": "#a"}',
    '{"a":' * 5_000,
    '{"properties": {"' + "a" * 40 + '!": {}}, "patternProperties": {"^(a+)+$": {}}}',
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_a_text_that_is_no_schema_is_refused(text: str) -> None:
    """A schema may come from anywhere: it is refused in words, on either side, and nothing is fetched."""
    with pytest.raises(UnknownSchema):
        JsonSchemaRules().compare(text, text)


def definitions(count: int, kind: str) -> str:
    """Definitions that refer to each other: each holds all others as alternatives."""
    each = {f"d{n}": {kind: [{"$ref": f"#/$defs/d{m}"} for m in range(count)]} for n in range(count)}
    return json.dumps({"$ref": "#/$defs/d0", "$defs": each})


def chain(length: int) -> str:
    links = {f"d{n}": {"properties": {"x": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(length)}
    return json.dumps({"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": {}}})


def enums(count: int) -> str:
    each = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{m}"} for m in range(count)]} for n in range(count)}
    return json.dumps({"enum": ["a"], "anyOf": [{"$ref": "#/$defs/d0"}], "$defs": each})


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [definitions(12, "anyOf"), definitions(12, "oneOf"), definitions(12, "allOf"), chain(500), enums(30)],
    ids=["anyOf of all", "oneOf of all", "allOf of all", "a long chain", "an enum in a circle"],
)
def test_a_schema_bomb_ends_soon(text: str) -> None:
    """Work that grows faster than the text has a limit: there is a verdict, or a refusal."""
    try:
        JsonSchemaRules().compare(text, text)
    except UnknownSchema as error:
        assert "too" in error.what


def test_a_class_may_get_an_optional_property_though_its_model_is_open() -> None:
    """Its own writers name each property that they write. Another program's open schema makes no such promise."""
    old = {"title": "Sold", "type": "object", "properties": {"properties": {"type": "string"}}}
    new = {**old, "properties": {**old["properties"], "place": {"type": "string", "default": ""}}}  # type: ignore[dict-item]
    of_classes, of_others = rules_of_classes("json-schema"), rules_of("json-schema")
    assert [each.rule for each in of_others.compare(json.dumps(new), json.dumps(old))] == [
        "property-added-to-open-model"
    ]
    assert not of_classes.compare(json.dumps(new), json.dumps(old)) and not of_classes.compare(
        json.dumps(old), json.dumps(new)
    )
    wrong = {**old, "properties": {"properties": {"type": "integer"}}}
    assert of_classes.compare(json.dumps(wrong), json.dumps(old))
    needs = {**old, "properties": {**old["properties"], "place": {"type": "string"}}, "required": ["place"]}  # type: ignore[dict-item]
    assert of_classes.compare(json.dumps(needs), json.dumps(old)) and not of_classes.compare(
        json.dumps(old), json.dumps(needs)
    )
