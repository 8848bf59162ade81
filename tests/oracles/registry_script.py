"""A script of requests to a Confluent registry, in their order: each changes or asks what those before it have made."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Step(NamedTuple):
    """One request. `{name}` in its path is the id that the step of that name got."""

    name: str
    method: str
    path: str
    body: Any = None


def avro(*fields: str, name: str = "Order") -> str:
    """A record of texts; a field with `?` has a default."""
    made = [{"name": f.rstrip("?"), "type": "string", **({"default": ""} if "?" in f else {})} for f in fields]
    return json.dumps({"type": "record", "name": name, "namespace": "shop", "fields": made}, separators=(",", ":"))


def posted(schema: str, **more: Any) -> dict[str, Any]:
    return {"schema": schema, **more}


SKU = avro("sku")
GROWN = avro("sku", "note?")
BROKEN = avro("sku", "total")
JSON = json.dumps({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False})
CART = json.dumps(
    {"type": "record", "name": "Cart", "namespace": "cart", "fields": [{"name": "o", "type": "shop.Order"}]}
)
PROTO = 'syntax = "proto3";\npackage pay;\n\nmessage Paid {\n  string id = 1;\n  int64 cents = 2;\n}\n'
PROTO_GROWN = PROTO.replace("cents = 2;\n", "cents = 2;\n  string note = 3;\n")
PROTO_BROKEN = PROTO.replace("int64", "string")
REFERENCE = {"name": "shop.Order", "subject": "orders", "version": 1}
POST = "/subjects/{}/versions"

STEPS = [
    # An empty registry
    Step("set the level", "PUT", "/config", {"compatibility": "BACKWARD"}),
    Step("the level", "GET", "/config"),
    Step("the types", "GET", "/schemas/types"),
    Step("no subjects", "GET", "/subjects"),
    Step("versions of no subject", "GET", "/subjects/none/versions"),
    Step("latest of no subject", "GET", "/subjects/none/versions/latest"),
    Step("version of no subject", "GET", "/subjects/none/versions/1"),
    Step("lookup in no subject", "POST", "/subjects/none", posted(SKU)),
    Step("delete no subject", "DELETE", "/subjects/none"),
    Step("no id", "GET", "/schemas/ids/987654"),
    Step("subjects of no id", "GET", "/schemas/ids/987654/subjects"),
    Step("versions of no id", "GET", "/schemas/ids/987654/versions"),
    Step("level of no subject", "GET", "/config/none"),
    Step("level of no subject, the default", "GET", "/config/none?defaultToGlobal=true"),
    # The first schema
    Step("register", "POST", POST.format("orders"), posted(SKU)),
    Step("register again", "POST", POST.format("orders"), posted(SKU)),
    Step("subjects", "GET", "/subjects"),
    Step("versions", "GET", POST.format("orders")),
    Step("version 1", "GET", "/subjects/orders/versions/1"),
    Step("latest", "GET", "/subjects/orders/versions/latest"),
    Step("-1", "GET", "/subjects/orders/versions/-1"),
    Step("text of version 1", "GET", "/subjects/orders/versions/1/schema"),
    Step("text of latest", "GET", "/subjects/orders/versions/latest/schema"),
    Step("version 9", "GET", "/subjects/orders/versions/9"),
    Step("version 0", "GET", "/subjects/orders/versions/0"),
    Step("version x", "GET", "/subjects/orders/versions/x"),
    Step("by id", "GET", "/schemas/ids/{register}"),
    Step("text by id", "GET", "/schemas/ids/{register}/schema"),
    Step("subjects of the id", "GET", "/schemas/ids/{register}/subjects"),
    Step("versions of the id", "GET", "/schemas/ids/{register}/versions"),
    Step("lookup", "POST", "/subjects/orders", posted(SKU)),
    Step("lookup of another schema", "POST", "/subjects/orders", posted(GROWN)),
    # Another subject with equal content
    Step("equal content", "POST", POST.format("copies"), posted(SKU)),
    Step("subjects of both", "GET", "/schemas/ids/{register}/subjects"),
    Step("versions of both", "GET", "/schemas/ids/{register}/versions"),
    # Evolution
    Step("compatible", "POST", "/compatibility/subjects/orders/versions/latest", posted(GROWN)),
    Step("incompatible", "POST", "/compatibility/subjects/orders/versions/latest", posted(BROKEN)),
    Step("compatible with all", "POST", "/compatibility/subjects/orders/versions", posted(GROWN)),
    Step("incompatible with all", "POST", "/compatibility/subjects/orders/versions", posted(BROKEN)),
    Step("compatible with version 1", "POST", "/compatibility/subjects/orders/versions/1", posted(GROWN)),
    Step("compatible with version 9", "POST", "/compatibility/subjects/orders/versions/9", posted(GROWN)),
    Step("compatibility of no schema", "POST", "/compatibility/subjects/orders/versions/latest", posted("{")),
    Step("register an incompatible one", "POST", POST.format("orders"), posted(BROKEN)),
    Step("register the second", "POST", POST.format("orders"), posted(GROWN)),
    Step("two versions", "GET", POST.format("orders")),
    Step("latest is the second", "GET", "/subjects/orders/versions/latest"),
    Step("register the first again", "POST", POST.format("orders"), posted(SKU)),
    Step("set the subject's level", "PUT", "/config/orders", {"compatibility": "FULL_TRANSITIVE"}),
    Step("the subject's level", "GET", "/config/orders"),
    Step("removed field, full", "POST", "/compatibility/subjects/orders/versions", posted(avro("note?"))),
    Step("register a removed field, full", "POST", POST.format("orders"), posted(avro("note?"))),
    Step("no such level", "PUT", "/config", {"compatibility": "SIDEWARD"}),
    Step("no such level of a subject", "PUT", "/config/orders", {"compatibility": "SIDEWARD"}),
    Step("levels: FORWARD", "PUT", "/config", {"compatibility": "FORWARD"}),
    Step("levels: FORWARD_TRANSITIVE", "PUT", "/config", {"compatibility": "FORWARD_TRANSITIVE"}),
    Step("levels: BACKWARD_TRANSITIVE", "PUT", "/config", {"compatibility": "BACKWARD_TRANSITIVE"}),
    Step("levels: FULL", "PUT", "/config", {"compatibility": "FULL"}),
    Step("levels: NONE", "PUT", "/config", {"compatibility": "NONE"}),
    Step("back to BACKWARD", "PUT", "/config", {"compatibility": "BACKWARD"}),
    # Bad schemas
    Step("no JSON", "POST", POST.format("bad"), posted("{")),
    Step("no Avro", "POST", POST.format("bad"), posted('{"type":"nothing"}')),
    Step("a record without a name", "POST", POST.format("bad"), posted('{"type":"record","fields":[]}')),
    Step("an undefined type", "POST", POST.format("bad"), posted('{"type":"array","items":"Nothing"}')),
    Step("an unknown language", "POST", POST.format("bad"), posted("{}", schemaType="XYZ")),
    Step("bad left nothing", "GET", POST.format("bad")),
    # JSON Schema
    Step("register JSON", "POST", POST.format("json"), posted(JSON, schemaType="JSON")),
    Step("register JSON again", "POST", POST.format("json"), posted(JSON, schemaType="JSON")),
    Step("JSON by id", "GET", "/schemas/ids/{register JSON}"),
    Step("JSON latest", "GET", "/subjects/json/versions/latest"),
    Step("JSON lookup", "POST", "/subjects/json", posted(JSON, schemaType="JSON")),
    Step("JSON that is none", "POST", POST.format("badjson"), posted("{", schemaType="JSON")),
    # References
    Step("register a reference", "POST", POST.format("carts"), posted(CART, references=[REFERENCE])),
    Step("the reference's version", "GET", "/subjects/carts/versions/1"),
    Step("referenced by", "GET", "/subjects/orders/versions/1/referencedby"),
    Step(
        "a reference to nothing",
        "POST",
        POST.format("carts2"),
        posted(CART, references=[{**REFERENCE, "subject": "x"}]),
    ),
    Step("delete a referenced version", "DELETE", "/subjects/orders/versions/1"),
    # Deletion
    Step("delete for ever too early", "DELETE", "/subjects/copies?permanent=true"),
    Step("delete a version for ever too early", "DELETE", "/subjects/copies/versions/1?permanent=true"),
    Step("delete a version", "DELETE", "/subjects/orders/versions/2"),
    Step("delete it again", "DELETE", "/subjects/orders/versions/2"),
    Step("versions without it", "GET", POST.format("orders")),
    Step("versions with it", "GET", "/subjects/orders/versions?deleted=true"),
    Step("the deleted version", "GET", "/subjects/orders/versions/2"),
    Step("the deleted version by id", "GET", "/schemas/ids/{register the second}"),
    Step("delete no version", "DELETE", "/subjects/orders/versions/9"),
    Step("delete version x", "DELETE", "/subjects/orders/versions/x"),
    Step("delete it for ever", "DELETE", "/subjects/orders/versions/2?permanent=true"),
    Step("versions after it is gone", "GET", "/subjects/orders/versions?deleted=true"),
    Step("delete a subject", "DELETE", "/subjects/copies"),
    Step("delete the subject again", "DELETE", "/subjects/copies"),
    Step("the subject is gone", "GET", POST.format("copies")),
    Step("subjects without it", "GET", "/subjects"),
    Step("subjects with it", "GET", "/subjects?deleted=true"),
    Step("post to a deleted subject", "POST", POST.format("json2"), posted(JSON, schemaType="JSON")),
    Step("delete the subject for ever", "DELETE", "/subjects/copies?permanent=true"),
    Step("subjects after it is gone", "GET", "/subjects?deleted=true"),
    # More of what both have
    Step("a long", "POST", POST.format("long"), posted('"long"')),
    Step("an int may become a long", "POST", POST.format("int"), posted('"int"')),
    Step("an int became a long", "POST", POST.format("int"), posted('"long"')),
    Step("a long may not become an int", "POST", "/compatibility/subjects/long/versions/latest", posted('"int"')),
    Step("versions of the int", "GET", POST.format("int")),
    Step("an enum", "POST", POST.format("enum"), posted('{"type":"enum","name":"E","symbols":["A","B"]}')),
    Step("the enum by id", "GET", "/schemas/ids/{an enum}"),
    Step(
        "an enum with less",
        "POST",
        "/compatibility/subjects/enum/versions/latest",
        posted('{"type":"enum","name":"E","symbols":["A"]}'),
    ),
    Step(
        "an enum with more",
        "POST",
        "/compatibility/subjects/enum/versions/latest",
        posted('{"type":"enum","name":"E","symbols":["A","B","C"]}'),
    ),
    Step("delete the enum", "DELETE", "/subjects/enum"),
    Step("delete the enum for ever", "DELETE", "/subjects/enum?permanent=true"),
    Step("the enum is gone", "GET", "/subjects/enum/versions/latest"),
    Step("delete the latest int", "DELETE", "/subjects/int/versions/latest"),
    Step("versions of the int without it", "GET", POST.format("int")),
    Step("lookup of the deleted int", "POST", "/subjects/int", posted('"long"')),
    Step("set the level of the long", "PUT", "/config/long", {"compatibility": "FULL"}),
    Step("the level of the long", "GET", "/config/long"),
    Step("full, a double", "POST", "/compatibility/subjects/long/versions/latest", posted('"double"')),
    Step("register the double", "POST", POST.format("long"), posted('"double"')),
    # One side goes on with other versions from here
    Step("register with another layout", "POST", POST.format("orders"), posted(json.dumps(json.loads(SKU), indent=2))),
    Step("a long as an object", "POST", POST.format("long"), posted('{"type": "long"}')),
    Step("the long is one version", "GET", POST.format("long")),
    Step("set the subject's level to none", "PUT", "/config/orders", {"compatibility": "NONE"}),
    Step("register the broken one at none", "POST", POST.format("orders"), posted(BROKEN)),
    Step("remove the subject's level", "DELETE", "/config/orders"),
    Step("the subject's level is gone", "GET", "/config/orders"),
    Step("an empty text", "POST", POST.format("empty"), posted("")),
    # Modes
    Step("the mode", "GET", "/mode"),
    Step("READONLY", "PUT", "/mode", {"mode": "READONLY"}),
    Step("the mode is READONLY", "GET", "/mode"),
    Step("register while READONLY", "POST", POST.format("ro"), posted(SKU)),
    Step("READWRITE", "PUT", "/mode", {"mode": "READWRITE"}),
    Step("no such mode", "PUT", "/mode", {"mode": "SIDEWARD"}),
    # Protobuf
    Step("register Protobuf", "POST", POST.format("paid"), posted(PROTO, schemaType="PROTOBUF")),
    Step("register Protobuf again", "POST", POST.format("paid"), posted(PROTO, schemaType="PROTOBUF")),
    Step("Protobuf lookup", "POST", "/subjects/paid", posted(PROTO, schemaType="PROTOBUF")),
    Step(
        "Protobuf that may follow",
        "POST",
        "/compatibility/subjects/paid/versions/latest",
        posted(PROTO_GROWN, schemaType="PROTOBUF"),
    ),
    Step(
        "Protobuf that may not",
        "POST",
        "/compatibility/subjects/paid/versions/latest",
        posted(PROTO_BROKEN, schemaType="PROTOBUF"),
    ),
    Step("register Protobuf that may not", "POST", POST.format("paid"), posted(PROTO_BROKEN, schemaType="PROTOBUF")),
    Step("register Protobuf that grew", "POST", POST.format("paid"), posted(PROTO_GROWN, schemaType="PROTOBUF")),
    Step("no Protobuf", "POST", POST.format("paid"), posted("message {", schemaType="PROTOBUF")),
    Step("versions of Protobuf", "GET", "/subjects/paid/versions"),
]
assert len({step.name for step in STEPS}) == len(STEPS)
