"""Avro schemas derived from message classes (Apache Avro 1.12 specification; names on the wire are camelCase).

A type is accepted where each of its values can be written so that it is read back equal, and refused here otherwise.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import hashlib
import json
import re
import types
import typing
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec

from partita.errors import DeclarationError
from partita.schemas.avro_default import json_default, plain_default
from partita.schemas.shape import Field, Shape, Since, record_name

AvroSchema = dict[str, Any] | list[Any] | str

DECIMAL_PRECISION = 38
DECIMAL_SCALE = 9
"""38 digits fit every database's numeric type; nine of them after the point carry any currency."""

_PRIMITIVES: dict[Any, AvroSchema] = {
    str: "string",
    int: "long",
    float: "double",
    bool: "boolean",
    bytes: "bytes",
    dt.datetime: {"type": "long", "logicalType": "timestamp-micros"},
    dt.date: {"type": "int", "logicalType": "date"},
    uuid.UUID: {"type": "string", "logicalType": "uuid"},
    decimal.Decimal: {
        "type": "bytes",
        "logicalType": "decimal",
        "precision": DECIMAL_PRECISION,
        "scale": DECIMAL_SCALE,
    },
}
# What a value of a union is, told by the value alone, by Python and by Avro alike. More specific ones come first: a
# writer takes the first branch that holds the value, and a double holds whole numbers too.
_UNION_ORDER = ("boolean", "long", "double", "string", "array", "object")
_IN_UNIONS: dict[Any, str] = {bool: "boolean", int: "long", float: "double", str: "string"}
_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LONG = range(-(2**63), 2**63)
_ALLOWED = (
    "Use str, int, float, bool, bytes, datetime, date, Decimal, UUID, an Enum, a Literal of texts, a Struct, list[T], "
    "tuple[T, ...], frozenset[T], dict[str, T] or T | None."
)


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
    return max((item.since for item in fields_of(struct)), default=1)


@dataclass(slots=True)
class Derived:
    """The Avro record of a shape. `defaults` are those of its records, by record and field name, as Python values: in the
    record itself they stand as JSON. `has_sets` says that a value's order may differ from process to process."""

    record: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)
    has_sets: bool = False
    is_comparable: bool = True


def derive(shape: Shape, *, revision: int | None = None) -> Derived:
    """The Avro record of a shape as it was in `revision` (default: the newest), and what its codec has to know.

    Raises:
        DeclarationError: a type of which Avro cannot say each value truly, or that no reader can take back.
    """
    try:
        msgspec.json.Decoder(shape.struct)
    except (TypeError, NotImplementedError) as error:
        raise DeclarationError(f"{shape.name} cannot be read back: {error}.", hint=_ALLOWED) from error
    return _Derivation(shape, revision).derived


def avro_record(shape: Shape, *, revision: int | None = None) -> dict[str, Any]:
    """The Avro record of a shape as it was in `revision` (default: the newest).

    Raises:
        DeclarationError: a field's type has no Avro form.
    """
    return derive(shape, revision=revision).record


def fingerprint(schema: AvroSchema) -> str:
    """16 hex digits that name a schema: SHA-256 of its JSON with sorted keys, without its docs.

    Not Avro's parsing canonical form: that drops docs, and logical types and defaults as well, and a reader that takes
    a timestamp for a number is exactly what the fingerprint must prevent.
    """
    text = json.dumps(_without_docs(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _without_docs(schema: Any) -> Any:
    """A schema, or a field of one, as its reader needs it. A default is a value, and may have an entry called `doc`."""
    if isinstance(schema, list):
        return [_without_docs(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: held for key, held in schema.items() if key != "doc"}
    within = ("type", "items", "values", "fields")
    return found | {inner: _without_docs(found[inner]) for inner in within if inner in found}


def bare(annotation: Any) -> Any:
    """A type without its annotations and new names: `str` of `Key[OrderId]`."""
    while get_origin(annotation) is Annotated or isinstance(annotation, NewType):
        annotation = annotation.__supertype__ if isinstance(annotation, NewType) else get_args(annotation)[0]
    return annotation


def union_members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, also of one within it under a new name; of another type itself."""
    plain = bare(annotation)
    if get_origin(plain) not in (Union, types.UnionType):
        return (annotation,)
    return tuple(member for arg in get_args(plain) for member in union_members(arg))


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


class _Derivation:
    """One walk over a shape. `_named` are the named types so far: Avro knows a type by its name alone."""

    def __init__(self, shape: Shape, revision: int | None) -> None:
        self.derived = Derived()
        self._revision = revision
        self._named: dict[str, tuple[object, dict[str, Any]]] = {}
        self.derived.record = self._record(shape.struct, shape.name, shape.namespace, revision)

    def _record(
        self, struct: type[msgspec.Struct], name: str, namespace: str | None, revision: int | None
    ) -> dict[str, Any]:
        config = struct.__struct_config__
        if config.array_like:
            raise DeclarationError(f"{name} is array_like: its fields have no names on the wire.", hint="Leave it out.")
        self.derived.is_comparable = self.derived.is_comparable and config.eq
        record: dict[str, Any] = {"type": "record", "name": name}
        self._claim(name, struct, record, f"The record {name}")
        if namespace is not None:
            record["namespace"] = namespace
        record["fields"] = []
        defaults = self.derived.defaults[name] = {}
        for item in fields_of(struct):
            where = f"{name}.{item.name}"
            if revision is not None and item.since > revision:
                continue
            _check_name(item.wire_name, where)
            entry = {"name": item.wire_name, "type": self._type(item.annotation, where)}
            if not item.required:
                plain = defaults[item.wire_name] = plain_default(struct, item, where)
                entry["default"] = json_default(entry["type"], plain, self._schema_named, where)
            record["fields"].append(entry)
        return record

    def _schema_named(self, name: str) -> dict[str, Any] | None:
        return self._named[name][1] if name in self._named else None

    def _claim(self, name: str, owner: object, schema: dict[str, Any], what: str) -> None:
        _check_name(name, what)
        held = self._named.setdefault(name, (owner, schema))[0]
        if held != owner:
            raise DeclarationError(
                f"{what}: two types are named {name} within one message, {held!r} and {owner!r}.",
                hint="Avro knows a type by its name: rename one of them.",
            )

    def _type(self, annotation: Any, where: str) -> AvroSchema:
        for note in _metadata(annotation):
            if isinstance(note, msgspec.Meta) and note.tz is False:
                raise DeclarationError(
                    f"{where} is a time without a time zone: each machine would read another instant.",
                    hint="msgspec.Meta(tz=True), or no Meta.",
                )
        if get_origin(annotation) is Annotated:
            return self._type(get_args(annotation)[0], where)
        if isinstance(annotation, NewType):
            return self._type(annotation.__supertype__, where)
        if annotation in _PRIMITIVES:
            return _PRIMITIVES[annotation]
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return self._enum(annotation, where)
        if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
            name = record_name(annotation)
            if name in self._named and self._named[name][0] is annotation:
                return name
            return self._record(annotation, name, None, None)
        found = self._composed(annotation, where)
        if found is None:
            raise DeclarationError(f"{where}: {annotation!r} has no Avro form.", hint=_ALLOWED)
        return found

    def _composed(self, annotation: Any, where: str) -> AvroSchema | None:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in (Union, types.UnionType):
            return self._union(union_members(annotation), where)
        if origin is list or (origin is tuple and len(args) == 2 and args[1] is Ellipsis):
            return {"type": "array", "items": self._items(args[0], where)}
        if origin is frozenset:
            self.derived.has_sets = True
            if not _is_scalar(args[0]):
                raise DeclarationError(
                    f"{where}: a set of {args[0]!r} has no order that all machines agree on.",
                    hint="A frozenset holds texts, numbers, times, or values of an Enum; else use a list.",
                )
            return {"type": "array", "items": self._items(args[0], where)}
        if origin is dict and bare(args[0]) is str:
            return {"type": "map", "values": self._type(args[1], where)}
        if origin is Literal and all(type(a) is str for a in args):
            return self._symbols(_symbol_name(where), args, list(args), where)
        if origin is Literal and all(type(a) is int and a in _LONG for a in args):
            return "long"
        return None

    def _items(self, annotation: Any, where: str) -> AvroSchema:
        """Items of no bytes let 2^40 of them be claimed in six bytes: such an array is refused."""
        if _takes_nothing(annotation):
            raise DeclarationError(
                f"{where}: a list of empty records can claim any length.", hint="Give the record a field."
            )
        return self._type(annotation, where)

    def _enum(self, cls: type[enum.Enum], where: str) -> AvroSchema:
        values = [member.value for member in cls]
        if values and not issubclass(cls, enum.Flag):
            if all(isinstance(v, str) for v in values):
                return self._symbols(cls.__name__, cls, [str.__str__(v) for v in values], where)
            if all(type(v) is int and v in _LONG for v in values):
                return "long"
        raise DeclarationError(
            f"{where}: {cls.__name__} cannot travel.", hint="The values of an Enum are all texts, or all whole numbers."
        )

    def _symbols(self, name: str, owner: object, symbols: list[str], where: str) -> AvroSchema:
        for symbol in symbols:
            _check_name(symbol, f"{where}: the value {symbol!r} of {name}")
        if name in self._named and self._named[name][0] == owner:
            return name
        schema = {"type": "enum", "name": name, "symbols": symbols}
        self._claim(name, owner, schema, where)
        return schema

    def _union(self, members: tuple[Any, ...], where: str) -> AvroSchema:
        """Null first, so that it is a legal default. Beside None there is one member, or several whose values show
        which is meant."""
        some = [member for member in members if bare(member) is not type(None)]
        kinds: dict[str, Any] = {}
        for member in some:
            kind = _IN_UNIONS.get(bare(member)) or _container(bare(member))
            if len(some) > 1 and (kind is None or kind in kinds):
                raise DeclarationError(
                    f"{where}: of a value of {' | '.join(_shown(m) for m in members)} a reader cannot tell which it is.",
                    hint="A union is T | None, or of at most one each of bool, int, float, str, a list, and a dict or "
                    "a Struct. Else use two optional fields, or two messages.",
                )
            kinds[kind or ""] = member
        # In the order of the schema: a type is named where it stands first.
        branches = [self._type(kinds[kind], where) for kind in ("", *_UNION_ORDER) if kind in kinds]
        return ["null", *branches] if len(some) < len(members) else branches


def _container(plain: Any) -> str | None:
    origin = get_origin(plain)
    if origin in (list, tuple, frozenset):
        return "array"
    return "object" if origin is dict or _is_struct(plain) else None


def _is_struct(plain: Any) -> bool:
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _is_scalar(annotation: Any) -> bool:
    plain = bare(annotation)
    is_enum = isinstance(plain, type) and issubclass(plain, enum.Enum)
    return plain in _PRIMITIVES or is_enum or get_origin(plain) is Literal


def _takes_nothing(annotation: Any, within: tuple[Any, ...] = ()) -> bool:
    plain = bare(annotation)
    if not _is_struct(plain):
        return False
    return plain in within or all(_takes_nothing(f.annotation, (*within, plain)) for f in fields_of(plain))


def _check_name(name: str, what: str) -> None:
    if not _AVRO_NAME.match(name):
        raise DeclarationError(
            f"{what} is no name in Avro.", hint="A name has letters a to z, digits and _, and begins with no digit."
        )


def _shown(member: Any) -> str:
    return member.__name__ if isinstance(member, type) and not get_args(member) else str(member)


def _symbol_name(where: str) -> str:
    return "".join(part.capitalize() for part in where.replace(".", "_").split("_"))
