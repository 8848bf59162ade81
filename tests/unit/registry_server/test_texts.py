"""The canonical texts of schemas: equal content has one text, other content another, and no schema is broken by it."""

from __future__ import annotations

import json

import fastavro
import pytest

from partita.registry_server.avro_text import AvroText
from partita.registry_server.json_schema_text import JsonSchemaText

ORDER = {
    "type": "record", "name": "Order", "namespace": "shop.v1", "doc": "An order.", "owner": "sales",
    "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}, "doc": "Its id."},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"], "default": "NEW"}},
        {"name": "next", "type": ["null", "Order"], "default": None, "aliases": ["following"]},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "aliases": ["shop.v1.Row"],
            "fields": [{"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 16}, "order": "ignore"}]}}},
        {"name": "notes", "type": {"type": "map", "values": ["null", "string", "int"]}},
        {"name": "before", "type": ["null", "shop.v1.State"]},
    ],
}  # fmt: skip


def avro(schema: object, **references: str) -> str:
    return AvroText().parse(json.dumps(schema), references, normalize=False).canonical


def test_the_canonical_text_is_stable_and_says_the_same() -> None:
    """It is read again by each client, and registered again by some."""
    text = avro(ORDER)
    assert avro(json.loads(text)) == text
    assert fastavro.schema.to_parsing_canonical_form(json.loads(text)) == fastavro.schema.to_parsing_canonical_form(
        ORDER
    )
    kept = json.loads(text)
    assert (kept["doc"], kept["owner"], kept["fields"][0]["doc"]) == ("An order.", "sales", "Its id.")
    assert kept["fields"][2] == {"name": "next", "type": ["null", "Order"], "default": None, "aliases": ["following"]}
    assert kept["fields"][5]["type"] == ["null", "State"]


@pytest.mark.parametrize("change", ["doc", "default", "property", "symbol", "alias"])
def test_other_content_has_another_text(change: str) -> None:
    """A default or a doc is content: a reader that asks by id gets the text that was registered."""
    other = json.loads(json.dumps(ORDER))
    match change:
        case "doc":
            other["fields"][0]["doc"] = "Another."
        case "default":
            del other["fields"][2]["default"]
        case "property":
            other["owner"] = "stock"
        case "symbol":
            other["fields"][1]["type"]["symbols"].append("SENT")
        case "alias":
            del other["fields"][2]["aliases"]
    assert avro(other) != avro(ORDER)


@pytest.mark.parametrize(
    "schema",
    [
        None, 1, True, {}, {"type": None}, {"type": "nothing"}, "shop.Nothing", [["int"]], ["int", "int"],
        ["int", {"type": "int", "logicalType": "date"}],
        [{"type": "array", "items": "int"}, {"type": "array", "items": "string"}],
        {"type": "record", "name": "A"}, {"type": "record", "fields": []}, {"type": "record", "name": "1A", "fields": []},
        {"type": "record", "name": "A", "fields": [{"name": "a"}]},
        {"type": "record", "name": "A", "fields": [{"type": "int"}]},
        {"type": "record", "name": "A", "fields": [{"name": "a-b", "type": "int"}]},
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]},
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": "int", "order": "up"}]},
        {"type": "record", "name": "A", "fields": "none"}, {"type": "record", "name": "A", "fields": [], "doc": 1},
        {"type": "record", "name": "A", "fields": [], "aliases": [1]},
        {"type": "record", "name": "A", "namespace": 1, "fields": []},
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": {"type": "record", "name": "A", "fields": []}}]},
        {"type": "enum", "name": "E"}, {"type": "enum", "name": "E", "symbols": ["A", "A"]},
        {"type": "enum", "name": "E", "symbols": ["a b"]}, {"type": "enum", "name": "E", "symbols": ["A"], "default": "B"},
        {"type": "fixed", "name": "F"}, {"type": "fixed", "name": "F", "size": -1}, {"type": "fixed", "name": "F", "size": True},
        {"type": "array"}, {"type": "map"}, {"type": {"type": "int"}},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_text_that_is_no_schema_is_refused(schema: object) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        avro(schema)


def test_a_referenced_type_is_named_in_the_text_and_written_out_for_the_comparison() -> None:
    """The rules of evolution compare texts that need no other one."""
    sku = json.dumps(
        {"type": "record", "name": "Sku", "namespace": "shop", "fields": [{"name": "code", "type": "Code"}]}
    )
    code = json.dumps({"type": "fixed", "name": "Code", "namespace": "shop", "size": 4})
    order = {
        "type": "record", "name": "Order", "namespace": "shop.v1",
        "fields": [{"name": "sku", "type": "shop.Sku"}, {"name": "other", "type": ["null", "shop.Sku"]}],
    }  # fmt: skip

    parsed = AvroText().parse(json.dumps(order), {"shop.Code": code, "shop.Sku": sku}, normalize=False)

    assert json.loads(parsed.canonical) == order
    whole = json.loads(parsed.whole)
    assert [field["type"] for field in whole["fields"]][1] == ["null", "shop.Sku"]
    fastavro.parse_schema(whole)
    assert AvroText().parse(parsed.whole, {}, normalize=False).canonical == parsed.whole


def test_a_type_that_is_defined_here_and_in_a_reference_is_refused() -> None:
    sku = json.dumps({"type": "fixed", "name": "Sku", "size": 4})
    with pytest.raises(ValueError, match="defined twice"):
        avro({"type": "fixed", "name": "Sku", "size": 5}, Sku=sku)


def test_json_schemas_refer_by_name_and_are_bundled_for_the_comparison() -> None:
    """Within the bundle each reference leads to a place of the same text."""
    address = '{"$id":"address.json","type":"object","properties":{"zip":{"$ref":"#/definitions/zip"}},"definitions":{"zip":{"type":"string"}}}'
    order = (
        '{"properties":{"to":{"$ref":"address.json"},"zip":{"$ref":"address.json#/definitions/zip"},"me":{"$ref":"#"}}}'
    )

    parsed = JsonSchemaText().parse(order, {"address.json": address}, normalize=False)

    assert parsed.canonical == order
    whole = json.loads(parsed.whole)
    assert whole["properties"] == {
        "to": {"$ref": "#/$defs/address.json"},
        "zip": {"$ref": "#/$defs/address.json/definitions/zip"},
        "me": {"$ref": "#"},
    }
    assert whole["$defs"]["address.json"]["properties"]["zip"] == {"$ref": "#/$defs/address.json/definitions/zip"}
    assert "$id" not in whole["$defs"]["address.json"]


@pytest.mark.parametrize(
    "text",
    ["1", "[]", '"x"', '{"type":"text"}', '{"type":["string","text"]}', '{"required":"a"}', '{"properties":[]}',
     '{"allOf":{}}', '{"items":1}', '{"$ref":1}', '{"$ref":"other.json"}', '{"$defs":{"a":1}}', "{", "", "nul"],
)  # fmt: skip
def test_a_text_that_is_no_json_schema_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        JsonSchemaText().parse(text, {}, normalize=False)


@pytest.mark.parametrize("text", ["true", "{}", '{"$schema":"http://json-schema.org/draft-07/schema#","type":"null"}',
                                  '{"properties":{"type":{"type":"string"},"$ref":{}}}', '{"const":{"type":"x"},"enum":[{"$ref":"y"}]}'])  # fmt: skip
def test_a_json_schema_that_looks_strange_is_one(text: str) -> None:
    """A property may have any name, and a constant any value."""
    assert json.loads(JsonSchemaText().parse(text, {}, normalize=False).canonical) == json.loads(text)
