"""The schema of a message as AsyncAPI has it: Avro under its schema format, JSON as a Schema Object of AsyncAPI itself.

A JSON Schema refers to its records by `#/$defs/...`, and `#` would be the AsyncAPI document: its records become components.
"""

from __future__ import annotations

import json
import re
from typing import Any

from partita.cloudevents.media_type import MEDIA_TYPES
from partita.schemas.fields.shape import Shape
from partita.schemas.json_schema.derivation import json_schema
from partita.schemas.languages import schema_of

AVRO = "application/vnd.apache.avro;version=1.9.0"
"""The newest version of Avro that AsyncAPI has a name for; no schema of ours has a word that is newer."""
PROTOBUF = "application/vnd.google.protobuf;version=3"
COMPONENTS = "#/components/schemas/"
_NO_KEY = re.compile(r"[^A-Za-z0-9._-]")


def media_type(shape: Shape) -> str:
    """The content type of a message's value."""
    return MEDIA_TYPES["" if shape.language == "avro" else shape.language]


def component_key(name: str) -> str:
    """A name as a key of AsyncAPI: other characters than letters, digits, `.`, `_` and `-` become their number."""
    return _NO_KEY.sub(lambda found: f"_{ord(found[0]):x}_", name)


def payload_of(shape: Shape, schemas: dict[str, Any]) -> dict[str, Any]:
    """The payload of a message; records that it refers to are added to `schemas`, the components."""
    if shape.language == "avro":
        return {"schemaFormat": AVRO, "schema": json.loads(schema_of(shape))}
    if shape.language == "protobuf":
        return {"schemaFormat": PROTOBUF, "schema": schema_of(shape)}
    document = json_schema(shape)
    root = component_key(shape.full_name)
    for name, record in document.get("$defs", {}).items():
        schemas[f"{root}.{component_key(name)}"] = _moved(record, root)
    schemas[root] = _moved({k: held for k, held in document.items() if k not in ("$schema", "$defs")}, root)
    return {"$ref": COMPONENTS + root}


def _moved(schema: Any, root: str) -> Any:
    """A schema whose references lead to the components. `properties` and `default` have names and values of the user's own."""
    if isinstance(schema, list):
        return [_moved(each, root) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    if isinstance(found.get("$ref"), str):
        name = found["$ref"].removeprefix("#/$defs/")
        found["$ref"] = f"{COMPONENTS}{root}" + (f".{component_key(name)}" if name != "#" else "")
    if "properties" in found:
        found["properties"] = {name: _moved(inner, root) for name, inner in found["properties"].items()}
    return found | {
        word: _moved(found[word], root) for word in ("items", "additionalProperties", "anyOf") if word in found
    }
