"""The form of a brief as JSON Schema 2020-12, for editors, for assistants and for other programs."""

from __future__ import annotations

import json

from partita.design.brief.form import BRIEF, DEFAULTS, FIELD, FLOW, RECORDS, STYLES
from partita.design.brief.matching import FOREVER, SPAN, UNSEEN
from partita.design.brief.shape import (
    Again,
    Choice,
    Entry,
    Literal,
    Many,
    Named,
    Number,
    Record,
    Shape,
    Span,
    Text,
    Word,
    YesNo,
)

Schema = dict[str, object]


def json_schema() -> Schema:
    """The schema of a brief. It cannot refuse two things that the reader refuses: anchors and tags, which are gone when it is
    asked, and a service that is a producer and a consumer."""
    definitions: dict[str, Schema] = {}
    root = _record(BRIEF, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:partita:brief:1",
        "title": "A brief of a design",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=True) + "\n"


def _of(shape: Shape, definitions: dict[str, Schema]) -> Schema:
    if isinstance(shape, Again):
        return _of(RECORDS[shape.name], definitions)
    if isinstance(shape, Record):
        return _reference(shape, definitions)
    if isinstance(shape, Many):
        one = _of(shape.of, definitions)
        words: list[Schema] = [{"const": shape.none}] if shape.none else []
        return {"anyOf": [*words, one, {"type": "array", "items": one, "minItems": 1}]}
    if isinstance(shape, Named):
        return {
            "type": "object",
            "propertyNames": _of(shape.key, definitions),
            "additionalProperties": _of(shape.of, definitions),
        }
    if isinstance(shape, Word):
        return _shared(f"{_noun(shape.noun)}-name", shape, definitions)
    return _plain(shape)


def _shared(name: str, shape: Word, definitions: dict[str, Schema]) -> Schema:
    definitions[name] = _plain(shape)
    return {"$ref": f"#/$defs/{name}"}


def _plain(shape: Shape) -> Schema:
    """A value without parts. YAML reads a word such as `12` as a number, where a text is meant."""
    if isinstance(shape, Word):
        taken: Schema = {"not": {"enum": sorted(shape.taken)}} if shape.taken else {}
        return {"type": "string", "pattern": f"^(?:{shape.pattern})$", **taken}
    if isinstance(shape, Choice):
        numbers = [int(word) for word in shape.words if word.isdecimal()]
        return {"enum": [*shape.words, *numbers]}
    if isinstance(shape, Text):
        text = {"type": "string", "maxLength": shape.length_max, "pattern": f"^[^{UNSEEN}]*[^{UNSEEN}\\s][^{UNSEEN}]*$"}
        return {"anyOf": [text, {"type": ["number", "boolean"]}]}
    if isinstance(shape, Span):
        forever = f"|{FOREVER}" if shape.forever else ""
        return {"type": "string", "pattern": f"^(?:{SPAN}{forever})$"}
    if isinstance(shape, Number):
        kind = "integer" if shape.whole else "number"
        return {"type": kind, "minimum": shape.least, "maximum": shape.most}
    if isinstance(shape, YesNo):
        return {"enum": [True, False, "yes", "no", "true", "false"]}
    assert isinstance(shape, Literal)
    return {"anyOf": [{"type": "string", "pattern": f"^[^{UNSEEN}]*$"}, {"type": ["number", "boolean"]}]}


def _reference(shape: Record, definitions: dict[str, Schema]) -> Schema:
    name = _noun(shape.noun)
    if name not in definitions:
        definitions[name] = {}  # a field with fields ends here
        definitions[name] = _record(shape, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _noun(text: str) -> str:
    return text.split(" ", 1)[1].replace(" ", "-")


def _record(shape: Record, definitions: dict[str, Schema]) -> Schema:
    found: Schema = {
        "type": "object",
        "properties": {name: _entry(entry, definitions) for name, entry in shape.entries.items()},
        "additionalProperties": False,
    }
    if shape.others is not None:
        found["patternProperties"] = {f"^(?:{shape.others.key.pattern})$": _of(shape.others.of, definitions)}
    required = [name for name, entry in shape.entries.items() if entry.required]
    found |= {"required": required} if required else {}
    if shape is FLOW:
        found["allOf"] = [_if("style", style, needed, foreign) for style, (needed, foreign) in STYLES.items()]
    if shape is FIELD:
        types = shape.entries["type"].of
        assert isinstance(types, Choice)
        found["allOf"] = [_default(kind) for kind in types.words]
    return {"anyOf": [_of(shape.short, definitions), found]} if shape.short is not None else found


def _entry(entry: Entry, definitions: dict[str, Schema]) -> Schema:
    return {"description": entry.doc, **_of(entry.of, definitions)}


def _if(key: str, value: str, needed: tuple[str, ...], foreign: tuple[str, ...]) -> Schema:
    then = {"required": list(needed), "properties": dict.fromkeys(foreign, False)}
    return {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": then}


def _default(kind: str) -> Schema:
    """The default of a field is a value of its type: a text in quotes that looks like one is one."""
    pattern = DEFAULTS.get(kind)
    if pattern is None:
        return _if("type", kind, (), ("default",))
    values: list[Schema] = [{"type": "string", "pattern": f"^(?:{pattern})$"}]
    if kind == "bool":
        values.append({"type": "boolean"})
    elif kind in ("int", "money"):
        values.append({"type": "integer"})
    elif kind in ("float", "decimal"):
        values.append({"type": "number"})
    elif kind in ("string", "id"):
        values.append({"type": ["number", "boolean"]})
    condition = {"properties": {"type": {"const": kind}}, "required": ["type"]}
    return {"if": condition, "then": {"properties": {"default": {"anyOf": values}}}}
