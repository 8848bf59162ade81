"""The shape of a designed message: the class that its service would declare, from which each schema language is derived."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Annotated, Any, Literal

import msgspec

from partita.design.model.design import Design
from partita.design.model.field import FieldDesign, FieldType
from partita.design.model.message import CommandDesign, EventDesign
from partita.schemas.avro import avro_record
from partita.schemas.fields.marks import PII, Millis
from partita.schemas.fields.shape import Shape, Since
from partita.schemas.json_schema.derivation import json_schema

_TYPES: dict[FieldType, Any] = {
    "id": str,
    "string": str,
    "int": int,
    "float": float,
    "bool": bool,
    "decimal": decimal.Decimal,
    "money": int,
    "date": dt.date,
    "timestamp": Annotated[dt.datetime, Millis],
    "duration": int,
    "bytes": bytes,
}
_SUFFIXES: dict[FieldType, str] = {"money": "_cents", "duration": "_s"}
"""Money is the whole number of its currency's smallest unit, a duration one of seconds: the unit comes last in a name."""


class Geo(msgspec.Struct, frozen=True, rename="camel"):
    """A place on earth, in degrees (WGS 84)."""

    latitude: float
    longitude: float


def field_name(field: FieldDesign) -> str:
    """The name of a field in Python, its unit last: `total` of money is `total_cents`."""
    suffix = _SUFFIXES.get(field.type, "")
    return field.name if not suffix or field.name.endswith(suffix) else field.name + suffix


def wire_name(field: FieldDesign) -> str:
    """The name of a field on the wire: `totalCents`."""
    first, *rest = field_name(field).split("_")
    return first + "".join(part.capitalize() for part in rest)


def shape_of(design: Design, message: EventDesign | CommandDesign) -> Shape:
    """The shape of an event or a command."""
    owner = message.by if isinstance(message, EventDesign) else message.to
    version = message.version if isinstance(message, EventDesign) else 1
    namespace = f"{design.service(owner).namespace}.v{version}"
    return Shape(message.name, namespace, _struct(message.name, message.fields))


def revisions(message: EventDesign | CommandDesign) -> int:
    """The newest revision of a message's fields."""
    return max((field.since for field in message.fields), default=1)


def avro_of(design: Design, message: EventDesign | CommandDesign, revision: int | None = None) -> dict[str, Any]:
    """The Avro record of a message in a revision (default: the newest), without the words for people: those are in the table of
    its fields."""
    record = avro_record(shape_of(design, message), revision=revision)
    fields = [{key: held for key, held in field.items() if key != "doc"} for field in record["fields"]]
    return record | {"fields": fields}


def json_of(design: Design, message: EventDesign | CommandDesign) -> dict[str, Any]:
    """The JSON Schema of a message."""
    return json_schema(shape_of(design, message))


def _struct(name: str, fields: tuple[FieldDesign, ...]) -> type[msgspec.Struct]:
    rows: list[Any] = []
    for field in fields:
        annotation = _plain(name, field)
        has_default = field.since > 1 or field.default is not None or field.optional
        default = _default(field, annotation) if has_default else None
        if field.optional or (has_default and default is None):
            annotation = annotation | None
        notes: list[Any] = [Since(field.since)] if field.since > 1 else []
        notes += [PII] if field.pii else []
        words = _doc(field)
        notes += [msgspec.Meta(description=words)] if words else []
        for note in notes:
            annotation = Annotated[annotation, note]
        rows.append((field_name(field), annotation, default) if has_default else (field_name(field), annotation))
    return msgspec.defstruct(name, rows, rename="camel", frozen=True, kw_only=True)


def _doc(field: FieldDesign) -> str:
    return " ".join(f"{field.doc} {f'({field.unit})' if field.unit else ''}".split())


def _plain(owner: str, field: FieldDesign) -> Any:
    if field.values:
        return Literal[field.values]
    if field.type == "geo":
        return Geo
    if field.type == "record":
        return _struct(_record_name(owner, field), field.fields)
    if field.type == "list":
        inner = _struct(_record_name(owner, field), field.fields) if field.fields else _of(field)
        return list[inner]  # type: ignore[valid-type]  # made at run time
    if field.type == "map":
        return dict[str, _of(field)]  # type: ignore[misc]  # made at run time
    return _TYPES[field.type]


def _of(field: FieldDesign) -> Any:
    return Geo if field.of == "geo" else _TYPES.get(field.of or "string", str)


def _record_name(owner: str, field: FieldDesign) -> str:
    """The name of a record within a message: `OrderPlacedLine` for `lines` of OrderPlaced."""
    words = "".join(part.capitalize() for part in field.name.split("_"))
    return owner + (words[:-1] if field.type == "list" and words.endswith("s") else words)


def _default(field: FieldDesign, annotation: Any) -> Any:
    """The default of a field as a value of its type; None where it has none that is."""
    given: Any = field.default
    if field.type in ("list", "map") and (given is None or isinstance(given, str)):
        given = [] if field.type == "list" else {}
    if given is None or field.type == "record":
        return None
    try:
        return msgspec.convert(given, annotation, strict=False)
    except msgspec.ValidationError:  # an optional field of an app has an empty text for None
        return None
