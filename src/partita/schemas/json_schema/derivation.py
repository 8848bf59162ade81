"""JSON Schema 2020-12 derived from message classes. Names on the wire are camelCase, as in Avro.

The model is open: an object may have more properties than the schema names. A reader ignores them, so a field may be added
while consumers that validate still have the schema without it (docs/decisions/0020).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from partita.errors import DeclarationError
from partita.schemas.fields.field import Field
from partita.schemas.fields.reading import Reading, Record, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Bounded, Bounds, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType
from partita.schemas.json_schema.wire_form import WHOLE_MAX, defaults_of

JsonSchema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MARK = "json:"

TIME_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$"
DECIMAL_PATTERN = r"^-?[0-9]{1,29}(\.[0-9]{1,9})?$"
_SCALARS: dict[Scalar, JsonSchema] = {
    Scalar.TEXT: {"type": "string"},
    Scalar.WHOLE: {"type": "integer", "minimum": -WHOLE_MAX, "maximum": WHOLE_MAX},
    Scalar.REAL: {"type": "number"},
    Scalar.TRUTH: {"type": "boolean"},
    Scalar.BYTES: {"type": "string", "contentEncoding": "base64"},
    Scalar.INSTANT: {"type": "string", "format": "date-time"},
    Scalar.INSTANT_MILLIS: {"type": "string", "format": "date-time"},
    Scalar.DAY: {"type": "string", "format": "date"},
    # The format `time` demands an offset, and a time of day has none.
    Scalar.TIME: {"type": "string", "pattern": TIME_PATTERN},
    Scalar.UUID: {"type": "string", "format": "uuid"},
    Scalar.DECIMAL: {"type": "string", "pattern": DECIMAL_PATTERN},
}
_FOR_PEOPLE = ("description", "x-pii", "x-subject", "x-aliases")
# Regular expressions of Python that ECMA-262, which JSON Schema names, reads otherwise or not at all.
_PYTHONS_OWN = re.compile(r"\(\?(?:P|#|>|[aiLmsux-]+[:)]|\()|(?<!\\)(?:\\\\)*\\[AZ]|[*+?}]\+")


def json_schema(shape: Shape, *, revision: int | None = None) -> JsonSchema:
    """The JSON Schema of a shape in `revision` (default: the newest).

    Raises:
        DeclarationError: JSON cannot say each value of a type exactly.
    """
    return document_of(read(shape, revision), shape)


def document_of(reading: Reading, shape: Shape) -> JsonSchema:
    """The JSON Schema of a reading; the message is its root, other records are in `$defs`.

    Raises:
        DeclarationError: as `json_schema`.
    """
    derivation = _Derivation(reading)
    document = {"$schema": DIALECT, "title": shape.full_name, **derivation.record(reading.root)}
    others = {name: derivation.record(r) for name, r in reading.records.items() if r is not reading.root}
    return document | ({"$defs": others} if others else {})


def fingerprint(document: JsonSchema) -> str:
    """`json:` and 16 hex digits that name a schema: SHA-256 of its text with sorted keys, without descriptions, marks and
    aliases, which no reader of its values needs."""
    text = json.dumps(_without_words(document), sort_keys=True, separators=(",", ":"))
    return MARK + hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_words(schema: Any) -> Any:
    """A schema without the words for people. `properties` and `$defs` have names of the user, which may be the same words."""
    if isinstance(schema, list):
        return [_without_words(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: held for key, held in schema.items() if key not in _FOR_PEOPLE}
    for named in ("properties", "$defs"):
        if named in found:
            found[named] = {name: _without_words(inner) for name, inner in found[named].items()}
    within = ("items", "additionalProperties", "anyOf")
    return found | {key: _without_words(found[key]) for key in within if key in found}


class _Derivation:
    """One walk over a reading."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        try:
            self._defaults = defaults_of(reading)
        except ValueError as error:
            raise DeclarationError(
                f"{reading.root.name}: a default has no form in JSON: {error}.",
                hint='Make the field `T | None = None`, or codec="avro" for this message.',
            ) from error

    def record(self, record: Record) -> JsonSchema:
        """A record as an object with its fields as properties."""
        defaults = self._defaults[record.name]
        properties: JsonSchema = {}
        for entry in record.entries:
            found = self._type(entry.type, f"{record.name}.{entry.field.name}")
            found = found | _words(entry.field)
            properties[entry.name] = found | ({"default": defaults[entry.name]} if entry.name in defaults else {})
        schema: JsonSchema = {"description": record.doc} if record.doc else {}
        schema |= {"type": "object", "properties": properties}
        required = [entry.name for entry in record.entries if entry.field.required]
        return schema | ({"required": required} if required else {})

    def _type(self, kind: WireType, where: str) -> JsonSchema:
        match kind:
            case Scalar():
                return _SCALARS[kind]
            case Symbols(_, values):
                return {"type": "string", "enum": list(values)}
            case Items(of, is_set):
                found: JsonSchema = {"type": "array", "items": self._type(of, where)}
                return found | ({"uniqueItems": True} if is_set else {})
            case Entries(of):
                return {"type": "object", "additionalProperties": self._type(of, where)}
            case OneOf(members, or_none):
                branches = [self._type(member, where) for member in members]
                if or_none:
                    branches.append({"type": "null"})
                return {"anyOf": branches} if len(branches) > 1 else branches[0]
            case Nested(name):
                return {"$ref": "#" if name == self._reading.root.name else f"#/$defs/{name}"}
            case Bounded(of, bounds):
                if bounds.values:
                    return {"type": "integer", "enum": _numbers(bounds.values, where)}
                return self._type(of, where) | _bounds(of, bounds, where)


def _words(field: Field) -> JsonSchema:
    found: JsonSchema = {"description": field.doc} if field.doc else {}
    if field.is_pii:
        found["x-pii"] = True
    if field.is_subject:
        found["x-subject"] = True
    return found | ({"x-aliases": list(field.aliases)} if field.aliases else {})


def _numbers(values: tuple[int, ...], where: str) -> list[int]:
    if all(abs(value) <= WHOLE_MAX for value in values):
        return list(values)
    raise DeclarationError(
        f"{where}: one of its numbers is beyond 2^53, and readers of JSON would take it for another.",
        hint='codec="avro" for this message, or smaller numbers.',
    )


def _bounds(kind: WireType, bounds: Bounds, where: str) -> JsonSchema:
    """The bounds of a type in the words of JSON Schema.

    Raises:
        DeclarationError: other programs would read a bound otherwise.
    """
    if bounds.pattern is not None and _PYTHONS_OWN.search(bounds.pattern):
        raise DeclarationError(
            f"{where}: the pattern {bounds.pattern!r:.80} is one of Python alone.",
            hint="A pattern in JSON Schema is one of ECMA-262: ^ and $ for the ends, no flags and no named groups of Python.",
        )
    size = {Items: "Items", Entries: "Properties"}.get(type(kind), "Length")
    found = {
        "minimum": bounds.ge if kind is not Scalar.WHOLE or bounds.ge is None else max(bounds.ge, -WHOLE_MAX),
        "exclusiveMinimum": bounds.gt,
        "maximum": bounds.le if kind is not Scalar.WHOLE or bounds.le is None else min(bounds.le, WHOLE_MAX),
        "exclusiveMaximum": bounds.lt,
        "multipleOf": bounds.multiple_of,
        # The length of bytes is not that of their base64.
        f"min{size}": None if kind is Scalar.BYTES else bounds.min_length,
        f"max{size}": None if kind is Scalar.BYTES else bounds.max_length,
        "pattern": bounds.pattern,
    }
    return {word: value for word, value in found.items() if value is not None}
