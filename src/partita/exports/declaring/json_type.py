"""A Schema Object of AsyncAPI, which is a JSON Schema, as types of Python whose JSON Schema is the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partita.exports.declaring.document import Document
from partita.exports.declaring.field import ABSENT, FieldFacts, check_default, class_body, made, texts
from partita.exports.declaring.module import PyType, Types, Unsayable, dict_of, list_of, one_of
from partita.exports.declaring.python_text import class_name, literal
from partita.exports.declaring.text_type import DAY, DECIMAL, INSTANT, TIME, UUID
from partita.schemas.json_schema.derivation import DECIMAL_PATTERN, TIME_PATTERN
from partita.schemas.json_schema.wire_form import WHOLE_MAX

Json = Mapping[str, Any]
_BOUNDS = {
    "minimum": "ge",
    "exclusiveMinimum": "gt",
    "maximum": "le",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minProperties": "min_length",
    "maxProperties": "max_length",
    "pattern": "pattern",
}


def _text(value: Any) -> str:
    return literal(str(value))


_FORMATS = {"date-time": INSTANT, "date": DAY, "uuid": UUID}
_PATTERNS = {DECIMAL_PATTERN: DECIMAL, TIME_PATTERN: TIME}


class JsonTypes:
    """The types of one message. `_named` are the records by the places that references lead to."""

    def __init__(self, types: Types, document: Document) -> None:
        self._types = types
        self._document = document
        self._named: dict[int, PyType] = {}

    def root(self, schema: Json, name: str) -> tuple[str, list[FieldFacts]]:
        """The docstring and the fields of a message's object, which is the message's class."""
        schema = self._document.followed(schema)
        self._named[id(schema)] = PyType(name, "object", _no_default)
        return str(schema.get("description", "")), self._fields(schema, name)

    def _fields(self, schema: Json, owner: str) -> list[FieldFacts]:
        required = schema.get("required", [])
        properties = schema.get("properties", {})
        return [
            self._field(str(name), held, isinstance(required, list) and name in required, owner)
            for name, held in (properties.items() if isinstance(properties, dict) else ())
        ]

    def _field(self, name: str, schema: Any, is_required: bool, owner: str) -> FieldFacts:
        held = schema if isinstance(schema, dict) else {}
        default = held.get("default", ABSENT)
        kind: PyType | Unsayable
        try:
            kind = self._type(schema, f"{owner} {name}")
            if default is ABSENT and not is_required:
                default, kind = None, _optional(kind)
            check_default(kind, default)
        except Unsayable as error:
            kind = error
        return FieldFacts(
            name=name,
            type=kind,
            default=default,
            doc=str(held.get("description", "")),
            pii=held.get("x-pii") is True,
            subject=held.get("x-subject") is True,
            aliases=texts(held.get("x-aliases")),
        )

    def _type(self, schema: Any, where: str) -> PyType:
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        held = self._document.followed(schema)
        if id(held) in self._named:
            return self._named[id(held)]
        if isinstance(reference, str):
            where = reference.rpartition("/")[2].rpartition(".")[2]
        for word in ("anyOf", "oneOf"):
            if isinstance(held.get(word), list):
                return self._union(held[word], where)
        kind = held.get("type")
        if isinstance(kind, list):
            return self._union([{**held, "type": each} for each in kind], where)
        if "enum" in held or "const" in held:
            return _choice(held.get("enum", [held.get("const")]))
        match kind:
            case "object":
                return self._object(held, where)
            case "array":
                return self._array(held, where)
            case "string":
                return _string(held)
            case "integer":
                return PyType("int", "whole", lambda value: repr(int(value)), _notes(held))
            case "number":
                return PyType("float", "real", lambda value: repr(float(value)), _notes(held))
            case "boolean":
                return PyType("bool", "truth", lambda value: repr(bool(value)))
        raise Unsayable("its schema takes values of any type")

    def _union(self, branches: list[Any], where: str) -> PyType:
        some = [self._type(each, where) for each in branches if not _is_null(each)]
        return one_of(some, or_none=len(some) < len(branches))

    def _array(self, schema: Json, where: str) -> PyType:
        inner = self._type(schema.get("items", {}), where)
        is_set = schema.get("uniqueItems") is True and inner.form not in ("list", "object", "union")
        return list_of(inner, _notes(schema), as_set=is_set)

    def _object(self, schema: Json, where: str) -> PyType:
        others = schema.get("additionalProperties")
        if not schema.get("properties") and isinstance(others, dict):
            return dict_of(self._type(others, where), _notes(schema))
        if not schema.get("properties"):
            raise Unsayable("its schema takes objects of any form")
        name = class_name(where)
        fields: list[FieldFacts] = []

        def value_of(value: Any) -> str:
            return made(self._types.named(name), fields, value)

        found = self._named[id(schema)] = PyType(self._types.named(name), "object", value_of, made=True)
        fields += self._fields(schema, name)
        body = class_body(str(schema.get("description", "")), fields)
        self._types.declare(name, [f'class {name}(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):', *body])
        return found


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _optional(kind: PyType) -> PyType:
    return kind if kind.text.endswith("| None") else one_of([kind], or_none=True)


def _choice(values: Any) -> PyType:
    if not isinstance(values, list) or not values:
        raise Unsayable("it has no values")
    if all(isinstance(each, str) for each in values):
        return PyType(f"Literal[{', '.join(map(_text, values))}]", "text", _text)
    if all(type(each) is int for each in values):
        return PyType(f"Literal[{', '.join(map(repr, values))}]", "whole", lambda value: repr(int(value)))
    raise Unsayable("its values are not all texts, or all whole numbers")


def _string(schema: Json) -> PyType:
    found = _FORMATS.get(str(schema.get("format"))) or _PATTERNS.get(str(schema.get("pattern")))
    if found is not None:
        return found
    if schema.get("contentEncoding") == "base64":
        return PyType("bytes", "text", lambda value: f"base64.b64decode({_text(value)})")
    return PyType("str", "text", _text, _notes(schema))


def _notes(schema: Json) -> tuple[str, ...]:
    """The bounds of a schema as a note. The bounds that JSON itself has for whole numbers are those of int."""
    words = []
    for word, name in _BOUNDS.items():
        value = schema.get(word)
        if word == "pattern" and isinstance(value, str):
            words.append(f"pattern={literal(value)}")
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) != WHOLE_MAX:
            words.append(f"{name}={value!r}")
    return (f"msgspec.Meta({', '.join(words)})",) if words else ()


def _no_default(_: Any) -> str:
    raise Unsayable("its default holds its own message")
