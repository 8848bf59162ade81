"""JSON Schemas as texts: written without layout, with references by name and nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from partita.registry_server.language import Parsed
from partita.texts.bounded_json import bounded_json

TYPES = ("null", "boolean", "object", "array", "number", "integer", "string")
SCHEMAS = ("additionalProperties", "items", "contains", "not", "if", "then", "else", "propertyNames", "additionalItems",
           "unevaluatedItems", "unevaluatedProperties")  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


class JsonSchemaText:
    """See `partita.registry_server.language.Language`. The layout has no effect; with `normalize` the order of members has
    none either."""

    def parse(self, text: str, references: Mapping[str, str], *, normalize: bool) -> Parsed:
        """Read a schema."""
        schema = bounded_json(text)
        _check(schema, references)
        canonical = _dumped(schema, normalize)
        if not references:
            return Parsed(canonical, canonical)
        others = {name: bounded_json(other) for name, other in references.items()}
        for name, other in others.items():
            try:
                _check(other, references)
            except ValueError as error:
                raise ValueError(f"the referenced schema {name}: {error}") from error
        whole = _bundled(schema, others) if isinstance(schema, dict) else schema
        return Parsed(canonical, _dumped(whole, normalize))

    def formatted(self, text: str, references: Mapping[str, str], form: str) -> str:
        """The text: it has one form."""
        return text


def _check(schema: Any, references: Mapping[str, str]) -> None:
    """Check the parts that have a form; unknown keywords are allowed by the specification."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise ValueError(f"{json.dumps(schema):.80} is no schema: an object or a truth value is one")
    kinds = schema.get("type", [])
    if not all(kind in TYPES for kind in (kinds if isinstance(kinds, list) else [kinds])):
        raise ValueError(f"{json.dumps(kinds):.80} is no type")
    required = schema.get("required", [])
    # A truth value here is of drafts 3: clients still send it.
    if not isinstance(required, bool) and not (
        isinstance(required, list) and all(isinstance(name, str) for name in required)
    ):
        raise ValueError("`required` is no list of names")
    for keyword in REFERENCES:
        if keyword in schema:
            _check_reference(schema[keyword], references)
    for keyword in SCHEMAS:
        inner = schema.get(keyword, True)
        for one in inner if isinstance(inner, list) else [inner]:
            _check(one, references)
    for keyword in LISTS:
        several = schema.get(keyword, [])
        if not isinstance(several, list):
            raise ValueError(f"`{keyword}` is no list of schemas")
        for one in several:
            _check(one, references)
    for keyword in MAPS:
        named = schema.get(keyword, {})
        if not isinstance(named, dict):
            raise ValueError(f"`{keyword}` has no schemas by name")
        for one in named.values():
            _check(one, references)


def _check_reference(target: Any, references: Mapping[str, str]) -> None:
    """A reference leads within the schema, or to a schema that the submission names: nothing is fetched."""
    if not isinstance(target, str):
        raise ValueError("a $ref is no text")
    if not target.startswith("#") and target.partition("#")[0] not in references:
        raise ValueError(f"{target!r:.200} is none of its references, and the registry fetches nothing from elsewhere")


def _bundled(schema: dict[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with the others under its `$defs`, and each reference by name as a pointer to them."""
    whole: dict[str, Any] = _pointed(schema, "", others)
    embedded = {name: _pointed(other, _pointer(name), others) for name, other in others.items()}
    return whole | {"$defs": {**embedded, **whole.get("$defs", {})}}


def _pointed(schema: Any, root: str, others: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_pointed(one, root, others) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _pointed(held, root, others) for key, held in schema.items() if not (root and key == "$id")}
    for keyword in REFERENCES:
        target = found.get(keyword)
        if isinstance(target, str):
            name, _, inner = target.partition("#")
            found[keyword] = f"{_pointer(name) if name in others else root or '#'}{inner}"
    return found


def _pointer(name: str) -> str:
    escaped = name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
    return f"#/$defs/{escaped}"


def _dumped(schema: Any, normalize: bool) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"), sort_keys=normalize)
