"""Avro schemas derived from message classes (Apache Avro 1.12 specification; names on the wire are camelCase)."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import hashlib
import json
import types
import typing
import uuid
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec

from partita.errors import DeclarationError
from partita.schemas.shape import Field, Shape, Since

AvroSchema = dict[str, Any] | list[Any] | str

_PRIMITIVES: dict[Any, AvroSchema] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    dt.datetime: {"type": "long", "logicalType": "timestamp-millis"},
    dt.date: {"type": "int", "logicalType": "date"},
    uuid.UUID: {"type": "string", "logicalType": "uuid"},
    # 38 digits fit every database's numeric type; nine of them after the point carry any currency.
    decimal.Decimal: {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9},
}


def fields_of(struct: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of a struct in declaration order, with the revision each arrived in."""
    hints = typing.get_type_hints(struct, include_extras=True)
    found = []
    for item in msgspec.structs.fields(struct):
        annotation = hints[item.name]
        since = next((m.revision for m in _metadata(annotation) if isinstance(m, Since)), 1)
        default = item.default
        if default is msgspec.NODEFAULT and item.default_factory is not msgspec.NODEFAULT:
            default = item.default_factory()
        required = default is msgspec.NODEFAULT
        if since > 1 and required:
            raise DeclarationError(
                f"{struct.__name__}.{item.name} arrives in revision {since} without a default.",
                hint=f"Give it one, or bytes of revision {since - 1} can no longer be read.",
            )
        found.append(Field(item.name, item.encode_name, annotation, since, required, default))
    return tuple(found)


def latest_revision(struct: type[msgspec.Struct]) -> int:
    """The newest revision any field of the struct arrived in."""
    return max((field.since for field in fields_of(struct)), default=1)


def avro_record(shape: Shape, *, revision: int | None = None) -> dict[str, Any]:
    """The Avro record of a shape as it was in `revision` (default: the newest).

    Raises:
        DeclarationError: a field's type has no Avro form.
    """
    return _record(shape.struct, shape.name, shape.namespace, revision, set())


def fingerprint(schema: AvroSchema) -> str:
    """16 hex digits that name a schema: SHA-256 of its JSON with sorted keys.

    Not Avro's parsing canonical form: that drops logical types and defaults, and a reader that takes
    a timestamp for a number is exactly what the fingerprint must prevent.
    """
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _record(
    struct: type[msgspec.Struct], name: str, namespace: str | None, revision: int | None, seen: set[str]
) -> dict[str, Any]:
    seen.add(name)
    record: dict[str, Any] = {"type": "record", "name": name}
    if namespace is not None:
        record["namespace"] = namespace
    record["fields"] = []
    for field in fields_of(struct):
        if revision is not None and field.since > revision:
            continue
        entry = {"name": field.wire_name, "type": _type(field.annotation, f"{name}.{field.name}", seen)}
        if not field.required:
            entry["default"] = _default(field)
        record["fields"].append(entry)
    return record


def _default(field: Field) -> Any:
    value = msgspec.to_builtins(field.default)
    if isinstance(value, (dt.datetime, decimal.Decimal, bytes)):
        raise DeclarationError(f"Field {field.name}: a default of type {type(value).__name__} has no Avro form.")
    return value


def _type(annotation: Any, where: str, seen: set[str]) -> AvroSchema:
    if isinstance(annotation, NewType):
        return _type(annotation.__supertype__, where, seen)
    if annotation in _PRIMITIVES:
        return _PRIMITIVES[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(args[0], where, seen)
    if origin in (Union, types.UnionType):
        return _union(args, where, seen)
    if origin in (list, tuple, frozenset) and (len(args) == 1 or args[1:] == (Ellipsis,)):
        return {"type": "array", "items": _sized(_type(args[0], where, seen), where)}
    if origin is dict and args[0] is str:
        return {"type": "map", "values": _type(args[1], where, seen)}
    if origin is Literal and all(isinstance(a, str) for a in args):
        return {"type": "enum", "name": _symbol_name(where), "symbols": list(args)}
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _named(annotation.__name__, seen, lambda: _enum(annotation))
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        inner = annotation
        return _named(inner.__name__, seen, lambda: _record(inner, inner.__name__, None, None, seen))
    raise DeclarationError(
        f"{where}: {annotation!r} has no Avro form.",
        hint="Use str, int, float, bool, bytes, datetime, date, Decimal, UUID, an Enum, a Struct, "
        "list[T], dict[str, T] or T | None.",
    )


def _named(name: str, seen: set[str], build: Any) -> AvroSchema:
    if name in seen:
        return name
    seen.add(name)
    schema: AvroSchema = build()
    return schema


def _enum(annotation: type[enum.Enum]) -> AvroSchema:
    return {"type": "enum", "name": annotation.__name__, "symbols": [str(m.value) for m in annotation]}


def _symbol_name(where: str) -> str:
    return "".join(part.capitalize() for part in where.replace(".", "_").split("_"))


def _union(args: tuple[Any, ...], where: str, seen: set[str]) -> AvroSchema:
    """Optional types put null first, so that null is a legal default."""
    some = [a for a in args if a is not type(None)]
    branches = [_type(a, where, seen) for a in some]
    return ["null", *branches] if len(some) < len(args) else branches


def _sized(items: AvroSchema, where: str) -> AvroSchema:
    """Items of no bytes let 2^40 of them be claimed in six bytes: such an array is refused."""
    if items == "null" or (isinstance(items, dict) and items.get("type") == "record" and not items["fields"]):
        raise DeclarationError(f"{where}: a list of empty records can claim any length.", hint="Give it a field.")
    return items
