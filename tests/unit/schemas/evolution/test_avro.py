"""Avro's rules: each with a pair that breaks it, its place, and the line that mends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from partita.errors import UnknownSchema
from partita.schemas.evolution.avro import AvroRules
from partita.schemas.evolution.checking import Version, check
from partita.schemas.evolution.level import Level


def record(*fields: dict[str, Any], name: str = "OrderPlaced", **more: Any) -> dict[str, Any]:
    """A record of the namespace `shop`."""
    return {"type": "record", "name": name, "namespace": "shop", "fields": list(fields), **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, name: str = "Size", **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def found(reader: Any, writer: Any) -> list[tuple[str, str]]:
    return [(f.rule, f.path) for f in AvroRules().compare(json.dumps(reader), json.dumps(writer))]


def one(kind: Any) -> dict[str, Any]:
    return record(field("x", kind))


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
LINE = record(field("sku", "string"), name="Line")
LONGER_LINE = record(field("sku", "string"), field("note", "string"), name="Line")
CHAIN = record(field("next", ["null", "shop.OrderPlaced"]))
OPEN_CHAIN = record(field("next", ["null", "shop.OrderPlaced"]), field("id", "string"))

BROKEN = [
    # rule, path, the reader's schema, the writer's, part of the advice
    ("field-without-default", "OrderPlaced.note", record(field("note", "string")), record(), '"default": ""'),
    ("field-without-default", "OrderPlaced.due", record(field("due", MICROS)), record(), '"default": null'),
    ("type-changed", "OrderPlaced.x", one("int"), one("long"), 'Keep "long"'),
    ("type-changed", "OrderPlaced.x", one("string"), one("long"), "another name"),
    ("null-not-read", "OrderPlaced.x", one("string"), one(["null", "string"]), '["null", "string"]'),
    ("union-branch-missing", "OrderPlaced.x", one(["null", "string"]), one(["null", "long"]), 'Add "long"'),
    ("name-changed", "OrderPlaced.x", one(record(name="B")), one(record(name="A")), '"aliases": ["shop.A"]'),
    ("enum-symbol-unknown", "OrderPlaced.x", one(enum("S")), one(enum("S", "M")), '"default": "S"'),
    (
        "fixed-size-changed",
        "OrderPlaced.x",
        one({"type": "fixed", "name": "F", "size": 8}),
        one({"type": "fixed", "name": "F", "size": 4}),
        '"size": 4',
    ),
    (
        "alias-is-ambiguous",
        "OrderPlaced.a",
        record(field("a", "int", aliases=["b"])),
        record(field("a", "int"), field("b", "int")),
        "only one alias",
    ),
    ("logical-type-changed", "OrderPlaced.x", one(MICROS), one(MILLIS), "timestamp-millis"),
    ("logical-type-changed", "OrderPlaced.x", one("long"), one(MICROS), "timestamp-micros"),
    ("logical-type-changed", "OrderPlaced.x", one(["null", MILLIS]), one(MICROS), "timestamp-micros"),
    ("decimal-scale-changed", "OrderPlaced.x", one(decimal(38, 2)), one(decimal(38, 9)), "decimal(38, 9)"),
    ("decimal-precision-narrowed", "OrderPlaced.x", one(decimal(9, 2)), one(decimal(38, 2)), "decimal(38, 2)"),
    (
        "field-without-default",
        "OrderPlaced.lines[].note",
        record(field("lines", {"type": "array", "items": LONGER_LINE})),
        record(field("lines", {"type": "array", "items": LINE})),
        '{"name": "note", "type": "string", "default": ""}',
    ),
    (
        "field-without-default",
        "OrderPlaced.lines{}.note",
        record(field("lines", {"type": "map", "values": LONGER_LINE})),
        record(field("lines", {"type": "map", "values": LINE})),
        '{"name": "note", "type": "string", "default": ""}',
    ),
    ("field-without-default", "OrderPlaced.x.note", one(["null", LONGER_LINE]), one(["null", LINE]), '"default": ""'),
    ("field-without-default", "OrderPlaced.id", OPEN_CHAIN, CHAIN, '"default": ""'),
]

FINE = [
    ("a field with a default", record(field("note", "string", default="")), record()),
    ("a field that is no longer read", record(), record(field("note", "string"))),
    ("an int becomes a double", one("double"), one("int")),
    ("text becomes bytes", one("bytes"), one("string")),
    ("a type becomes a union", one(["null", "string"]), one("string")),
    ("a union of one branch becomes its type", one("string"), one(["string"])),
    ("an int is read by the double of a union", one(["null", "double"]), one("int")),
    ("an alias of a field", record(field("b", "int", aliases=["a"])), record(field("a", "int"))),
    ("an alias of a record", one(record(name="B", aliases=["shop.A"])), one(record(name="A"))),
    ("an alias within its own namespace", one(record(name="B", aliases=["A"])), one(record(name="A"))),
    ("another namespace", {**record(), "namespace": "market"}, record()),
    ("an enum with a default", one(enum("S", default="S")), one(enum("S", "M"))),
    ("more symbols", one(enum("S", "M")), one(enum("S"))),
    ("a wider decimal", one(decimal(38, 2)), one(decimal(9, 2))),
    ("a logical type that nobody knows", one({"type": "long", "logicalType": "score"}), one("long")),
    ("an impossible decimal is bytes", one(decimal(2, 9)), one("bytes")),
    ("a chain of itself", CHAIN, CHAIN),
    ("the exact branch before a wider one", one(["double", MICROS]), one(MICROS)),
]


@pytest.mark.parametrize(("rule", "path", "reader", "writer", "advice"), BROKEN)
def test_a_broken_rule_is_found_at_its_place(rule: str, path: str, reader: Any, writer: Any, advice: str) -> None:
    """A finding without a place, or without a remedy, does not help."""
    (finding,) = AvroRules().compare(json.dumps(reader), json.dumps(writer))
    assert (finding.rule, finding.path) == (rule, path)
    assert advice in finding.instead
    assert finding.old and finding.new and finding.keep


@pytest.mark.parametrize(("reader", "writer"), [pair[1:] for pair in FINE], ids=[pair[0] for pair in FINE])
def test_a_pair_that_resolves_has_no_finding(reader: Any, writer: Any) -> None:
    """Else a change would be refused that every reader takes."""
    assert found(reader, writer) == []


def test_a_pair_that_was_taken_to_fit_within_a_misfit_is_compared_again() -> None:
    """`a` is tried with the branch A first, which fails by its own field; what fitted only because A did must not be
    remembered as fitting."""
    inner = record(field("a", "A"), name="B")
    writer = record(field("b", inner), field("x", "int"), name="A")
    reader = record(field("b", inner), field("x", "string"), name="A")
    holder = [field("first", ["null", writer]), field("second", "B")]
    reads = [field("first", ["null", reader, record(name="C", aliases=["A"])]), field("second", "B")]
    assert found(record(*reads, name="Holder"), record(*holder, name="Holder")) == [
        ("type-changed", "Holder.second.a.x")
    ]


ALONE = '{"type":"record","name":"R","fields":[%s]}'
REFUSED = [
    "",
    "no json",
    "17",
    "null",
    "[[]]" * 2,
    "[" * 5_000,
    '{"type":"array"}',
    '{"type":"record","name":"R"}',
    '{"type":"record","name":"R-1","fields":[]}',
    '{"type":"record","name":"R","fields":{}}',
    '{"type":"fixed","name":"F","size":-1}',
    '{"type":"enum","name":"E","symbols":["A","A"]}',
    '{"type":"enum","name":"E","symbols":["A"],"default":"B"}',
    '{"type":"enum","name":"E","symbols":"A"}',
    '["int","int"]',
    '["int",["null"]]',
    '"Unknown"',
    ALONE % '{"name":"a","type":"B"}',
    ALONE % '{"name":"a","type":"int","default":"1"}',
    ALONE % '{"name":"a","type":"int","default":3000000000}',
    ALONE % '{"name":"a","type":"double","default":NaN}',
    ALONE % '{"name":"a","type":"int"},{"name":"a","type":"int"}',
    ALONE % '{"name":"a","type":{"type":"record","name":"R","fields":[]}}',
    ALONE % '{"name":7,"type":"int"}',
    '{"type":"record","name":"R","namespace":7,"fields":[]}',
    '{"type":"record","name":"R","aliases":[7],"fields":[]}',
    " " * 200_001,
    "1" * 5_000,
]


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_a_text_that_is_no_schema_is_refused(text: str) -> None:
    """A schema may come from anywhere: it is refused in words, on either side."""
    for pair in [(text, '"int"'), ('"int"', text)]:
        with pytest.raises(UnknownSchema):
            AvroRules().compare(*pair)


def chained(length: int) -> str:
    """Records that name each other: flat as a text, `length` levels deep as types."""
    links = [record(field("x", f"shop.R{n - 1}" if n else "int"), name=f"R{n}") for n in range(length)]
    return json.dumps(record(*[field(f"f{n}", link) for n, link in enumerate(links)]))


def circle(length: int) -> str:
    """A record of itself, that a chain of records is compared with."""
    return json.dumps(record(field(f"f{length - 1}", record(field("x", "shop.R"), name="R"))))


def diamonds(levels: int, last: str) -> str:
    """Each record has two fields of the record before it: 2^levels places of one misfit."""
    links = [record(field("a", f"R{n - 1}"), field("b", f"R{n - 1}"), name=f"R{n}") for n in range(1, levels)]
    return json.dumps(
        record(field("f0", record(field("x", last), name="R0")), *[field(f"f{n}", r) for n, r in enumerate(links, 1)])
    )


def union_of(names: int, prefix: str) -> str:
    return json.dumps([record(name=f"{prefix}{n}") for n in range(names)])


def doubled(levels: int) -> str:
    """Two records that hold a union of each other, with a default that fits none of them at its end."""
    default: Any = {"x": 7}
    for _ in range(levels):
        default = {"x": default}
    other = record(field("x", ["null", "A", "B"]), name="B")
    return json.dumps(
        record(field("a", record(field("x", ["null", "A", other]), name="A")), field("c", "A", default=default))
    )


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("reader", "writer"),
    [(circle(500), chained(500)), (union_of(2_000, "A"), union_of(2_000, "B")), (doubled(80), '"int"')],
    ids=["a long chain", "two wide unions", "a default of doubles"],
)
def test_a_schema_bomb_is_refused_soon(reader: str, writer: str) -> None:
    """Work that grows faster than the text has a limit."""
    with pytest.raises(UnknownSchema):
        AvroRules().compare(reader, writer)


def test_one_misfit_at_a_million_places_is_a_verdict() -> None:
    """The places of a type that is used again and again are as many as 2^20: some of them say it."""
    found_at = [(f.rule, f.path) for f in AvroRules().compare(diamonds(20, "int"), diamonds(20, "string"))]
    assert found_at[0] == ("type-changed", "OrderPlaced.f0.x") and len(found_at) <= 100


def test_a_default_that_comes_and_goes_passes_only_where_the_level_is_not_transitive() -> None:
    """The second version gives the field a default and the third drops it: no neighbours clash, the first and third do."""
    versions = [
        record(),
        record(field("note", "string", default="")),
        record(field("note", "string")),
    ]
    first, second, third = map(json.dumps, versions)
    earlier = [Version("1", first), Version("2", second)]

    assert check(third, earlier, Level.BACKWARD, AvroRules()) == []
    (finding,) = check(third, earlier, Level.BACKWARD_TRANSITIVE, AvroRules())
    assert (finding.version, finding.rule, finding.path) == ("1", "field-without-default", "OrderPlaced.note")


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
def test_a_verdict_always_has_a_message(level: str) -> None:
    """Each finding says what, where, from what to what, for which readers, and what to write instead."""
    for _, _, reader, writer, _ in BROKEN:
        for pair in [(reader, writer), (writer, reader)]:
            for finding in check(json.dumps(pair[0]), [Version("1", json.dumps(pair[1]))], Level(level), AvroRules()):
                assert all([finding.rule, finding.path, finding.old, finding.new, finding.instead, finding.hurts])


def test_advice_for_a_removed_field_is_to_keep_it() -> None:
    """In a forward check the new schema is the writer: a default in the earlier one can no longer be written."""
    (finding,) = check(
        json.dumps(record()), [Version("1", json.dumps(record(field("note", "string"))))], Level.FORWARD, AvroRules()
    )
    assert finding.instead.startswith('Keep the field: {"name": "note", "type": "string"}')
    assert finding.old == "string, without a default" and finding.new == "no field note"
