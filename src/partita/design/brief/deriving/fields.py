"""The fields of an event, and the size of a value of them."""

from __future__ import annotations

import re
from typing import cast

from partita.design.brief.deriving.ledger import Ledger
from partita.design.brief.form import DEFAULTS
from partita.design.brief.part import Part
from partita.design.model.field import FieldDesign, FieldType

# Bytes of a usual value in Avro: a uuid, a short text, a varint, a double.
BYTES = {
    "id": 37,
    "string": 25,
    "int": 4,
    "float": 8,
    "bool": 1,
    "decimal": 8,
    "money": 4,
    "date": 3,
    "timestamp": 6,
    "duration": 4,
    "geo": 16,
    "bytes": 64,
    "list": 2,
    "map": 2,
    "record": 0,
}
ITEMS = 3
"""The usual length of a list or a map."""
ENVELOPE_BYTES = 160
"""Ids, type, source and time of a message beside its value."""


def fields_of(data: Part, ledger: Ledger) -> tuple[FieldDesign, ...]:
    """The fields in the order of their lines."""
    found = [
        _field(name, value.of, value.line, ledger) for name, value in data.entries.items() if isinstance(value.of, Part)
    ]
    return tuple(found)


def is_default(part: Part) -> bool:
    """Whether the default of a field is a value of its type."""
    pattern = DEFAULTS.get(part.text("type"))
    return pattern is not None and re.fullmatch(pattern, part.text("default")) is not None


def default_of(part: Part) -> str | int | float | bool:
    """The default of a field in its type: `no` is a text in a string, and False in a bool."""
    text, kind = part.text("default"), part.text("type")
    if kind == "bool":
        return text in ("yes", "true")
    if kind in ("int", "money"):
        return int(text)
    return float(text) if kind == "float" else text


def bytes_of(fields: tuple[FieldDesign, ...], *, text: int = BYTES["string"], items: int = ITEMS) -> int:
    """The bytes of a usual value of these fields, with texts of so many bytes and lists of so many items."""
    return sum(_bytes(each, text, items) for each in fields)


def _field(name: str, part: Part, line: int, ledger: Ledger) -> FieldDesign:
    kind = cast(FieldType, part.text("type", "string"))
    return FieldDesign(
        name=name,
        type=kind,
        origin=ledger.declared(line),
        doc=part.text("doc"),
        unit=part.text("unit") or ("smallest unit of the currency" if kind == "money" else ""),
        pii=part.flag("pii"),
        optional=part.flag("optional"),
        default=default_of(part) if part.has("default") else None,
        since=part.whole("since", 1),
        of=cast(FieldType, part.text("of")) if part.has("of") else None,
        fields=fields_of(part.part("fields"), ledger),
        values=part.texts("values"),
    )


def _bytes(field: FieldDesign, text: int, items: int) -> int:
    sizes = {**BYTES, "string": text}
    inner = sum(_bytes(each, text, items) for each in field.fields) or sizes[field.of or "string"]
    if field.type == "record":
        return inner if field.fields else 0
    return sizes[field.type] + (items * inner if field.type in ("list", "map") else 0)
