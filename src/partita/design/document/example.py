"""Example values of a design: one thing goes through all examples, so that a reader recognises it."""

from __future__ import annotations

from typing import Any

from partita.design.document.message_shape import wire_name
from partita.design.model.field import FieldDesign
from partita.design.model.message import CommandDesign, EventDesign

INSTANT = "2026-03-02T09:15:00.000Z"


def example_of(message: EventDesign | CommandDesign) -> dict[str, Any]:
    """The data of a message as JSON shows it; personal data is never printed, not even as an example."""
    return {wire_name(field): _value(field) for field in message.fields}


def key_of(message: EventDesign | CommandDesign) -> str:
    """The key of the example."""
    return _id(message.key)


def _value(field: FieldDesign) -> Any:
    if field.pii:
        return "(personal data)"
    if field.values:
        return field.values[0]
    if field.type == "id":
        return _id(field.name)
    if field.type in ("record", "geo"):
        return {wire_name(each): _value(each) for each in field.fields} or {"latitude": 52.5, "longitude": 13.4}
    if field.type == "list":
        return [{wire_name(each): _value(each) for each in field.fields}] if field.fields else []
    plain: dict[str, Any] = {
        "int": 3,
        "float": 0.25,
        "bool": True,
        "decimal": "12.50",
        "money": 4990,
        "date": INSTANT[:10],
        "timestamp": INSTANT,
        "duration": 900,
        "bytes": "AQID",
        "map": {},
    }
    return plain.get(field.type, field.name.replace("_", " "))


def _id(name: str) -> str:
    return f"{name.removesuffix('_id').replace('_', '-')}-4711"
