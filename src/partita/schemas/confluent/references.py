"""A registered schema and those that it refers to, as one text: a codec reads a writer's schema alone, and fetches nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from partita.schemas.confluent.client import Reference, RegisteredSchema, RegistryClient
from partita.schemas.protobuf.bundle import bundled
from partita.texts.bounded_json import bounded_json

REFERENCES_MAX = 200
NAMED = ("record", "error", "enum", "fixed")
CHARS_MAX = 1_000_000
READ_BY_NAMES = json.dumps(
    {"$comment": "It refers to other schemas. Values in JSON are read by their names and need none."}
)


async def whole_text(client: RegistryClient, schema: RegisteredSchema) -> str:
    """The text of a schema in which each type of another subject is defined at its first use. Where one is missing, or there
    are too many, the text has its name alone, and a codec refuses it with that name.

    Raises:
        RegistryUnavailable: it does not answer.
    """
    if not schema.references:
        return schema.text
    if schema.language == "PROTOBUF":
        return bundled(schema.text, await _imports(client, schema.references))
    if schema.language != "AVRO":
        return READ_BY_NAMES if schema.language == "JSON" else schema.text
    try:
        main = bounded_json(schema.text)
        found: dict[str, Any] = {}
        await _collect(client, schema.references, found)
        own: dict[str, Any] = {}
        _define(main, own)
        return json.dumps(
            _inlined(main, "", {n: held for n, held in found.items() if n not in own}), separators=(",", ":")
        )
    except (ValueError, RecursionError):
        return schema.text  # it is no JSON, as the codec will say


async def _collect(client: RegistryClient, references: Sequence[Reference], found: dict[str, Any]) -> None:
    """Find the types that are defined by these, and by those that they refer to, each once."""
    waiting, seen, chars = list(references), set[tuple[str, int]](), 0
    while waiting and len(seen) < REFERENCES_MAX and chars < CHARS_MAX:
        reference = waiting.pop()
        place = (reference.subject, reference.version)
        if place in seen:
            continue
        seen.add(place)
        version = await client.version(reference.subject, reference.version)
        if version is not None:
            waiting += version.schema.references
            chars += len(version.schema.text)
            try:
                _define(bounded_json(version.schema.text), found)
            except (ValueError, RecursionError):
                continue  # its name stays undefined


async def _imports(client: RegistryClient, references: Sequence[Reference]) -> dict[str, str]:
    """The .proto texts that are referred to, also through each other, by the names under which they are imported."""
    waiting, found, chars = list(references), dict[str, str](), 0
    while waiting and len(found) < REFERENCES_MAX and chars < CHARS_MAX:
        reference = waiting.pop()
        if reference.name in found:
            continue
        version = await client.version(reference.subject, reference.version)
        if version is not None:  # else the import stays missing, and the codec says its name
            found[reference.name] = version.schema.text
            waiting += version.schema.references
            chars += len(version.schema.text)
    return found


def _define(schema: Any, found: dict[str, Any]) -> None:
    for each in schema if isinstance(schema, list) else [schema]:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            name, namespace = _full(each["name"], each.get("namespace") or "")
            # Within another type it would have that type's namespace.
            found[name] = {**each, "namespace": namespace}


def _full(name: str, namespace: str) -> tuple[str, str]:
    """A type's full name, and its namespace."""
    if "." in name:
        return name, name.rpartition(".")[0]
    return (f"{namespace}.{name}" if namespace else name), namespace


def _inlined(schema: Any, namespace: str, found: dict[str, Any]) -> Any:
    """The schema with each of these types at its first use. A type that was used is taken out: it is defined then."""
    if isinstance(schema, str):
        for name in (_full(schema, namespace)[0], schema):
            if name in found:
                return _inlined(found.pop(name), "", found)
        return schema
    if isinstance(schema, list):
        return [_inlined(each, namespace, found) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind in NAMED and isinstance(schema.get("name"), str):
        namespace = _full(schema["name"], schema.get("namespace", namespace))[1]
    inner = {name: _inlined(schema[name], namespace, found) for name in ("items", "values") if name in schema}
    if isinstance(schema.get("fields"), list):
        inner["fields"] = [
            {**each, "type": _inlined(each.get("type"), namespace, found)} if isinstance(each, dict) else each
            for each in schema["fields"]
        ]
    if kind not in NAMED and kind not in ("array", "map"):
        inner["type"] = _inlined(kind, namespace, found)
    return {**schema, **inner}
