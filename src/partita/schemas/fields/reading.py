"""`Reading`: all records of a declared message with their fields, as every schema language is derived from it.

A type is accepted where each of its values comes back equal in any language, and refused here otherwise. A value that
one language alone cannot express is refused where that language is derived.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import types
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, NewType, Union, get_args, get_origin

import msgspec

from partita.errors import DeclarationError
from partita.schemas.fields.annotation import bare, notes_of, union_members
from partita.schemas.fields.field import Field, fields_of
from partita.schemas.fields.notes import check_marks, doc_of, noted
from partita.schemas.fields.plain_default import plain_default
from partita.schemas.fields.shape import Shape, record_name
from partita.schemas.fields.wire_type import Bounded, Bounds, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

_SCALARS: dict[Any, Scalar] = {
    str: Scalar.TEXT,
    int: Scalar.WHOLE,
    float: Scalar.REAL,
    bool: Scalar.TRUTH,
    bytes: Scalar.BYTES,
    dt.datetime: Scalar.INSTANT,
    dt.date: Scalar.DAY,
    dt.time: Scalar.TIME,
    uuid.UUID: Scalar.UUID,
    decimal.Decimal: Scalar.DECIMAL,
}
# The kind of a value in a union, found from the value alone, in Python and in every language. More specific ones come first: a
# writer takes the first branch that holds the value, and a number with a point holds whole numbers too.
_UNION_ORDER = ("truth", "whole", "real", "text", "array", "object")
_IN_UNIONS: dict[Any, str] = {bool: "truth", int: "whole", float: "real", str: "text"}
_WHOLE = range(-(2**63), 2**63)
_ZONES = {
    False: "an instant without a time zone is another one on each machine.",
    True: "a time of day has no time zone: add a field for the zone, or use a datetime.",
}
_ALLOWED = (
    "Use str, int, float, bool, bytes, datetime, date, time, Decimal, UUID, an Enum, a Literal of texts, a Struct, list[T], "
    "tuple[T, ...], frozenset[T], dict[str, T] or T | None."
)


class Entry(NamedTuple):
    """A field in a record: how it is declared, its type, and its default as the plain value that a codec sees."""

    field: Field
    type: WireType
    default: Any

    @property
    def name(self) -> str:
        """Its name on the wire."""
        return self.field.wire_name


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the message, its fields in the order of their declaration, and the first paragraph of its docstring."""

    name: str
    entries: list[Entry]
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The records by their names, the message itself first. `has_sets` says that a value's order may differ from process to
    process, `is_comparable` that two equal values are equal in Python.
    """

    root: Record
    records: Mapping[str, Record]
    has_sets: bool
    is_comparable: bool


def read(shape: Shape, revision: int | None = None) -> Reading:
    """The fields of a shape as it was in `revision` (default: the newest), and of all records within it.

    Raises:
        DeclarationError: a type whose values do not all come back as they were.
    """
    try:
        msgspec.json.Decoder(shape.struct)
    except (TypeError, NotImplementedError) as error:
        raise DeclarationError(f"{shape.name} cannot be read back: {error}.", hint=_ALLOWED) from error
    reader = _Reader()
    root = reader.record(shape.struct, shape.name, revision)
    return Reading(root, reader.records, reader.has_sets, reader.is_comparable)


class _Reader:
    """One walk over a shape. `_owners` are the types that have a name so far: a schema knows a type by its name alone."""

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.has_sets = False
        self.is_comparable = True
        self._owners: dict[str, object] = {}

    def record(self, struct: type[msgspec.Struct], name: str, revision: int | None) -> Record:
        config = struct.__struct_config__
        if config.array_like:
            raise DeclarationError(f"{name} is array_like: its fields have no names on the wire.", hint="Leave it out.")
        self.is_comparable = self.is_comparable and config.eq
        self._claim(name, struct, f"The record {name}")
        record = self.records[name] = Record(name, [], doc_of(struct))
        for field in fields_of(struct):
            if revision is not None and field.since > revision:
                continue
            where = f"{name}.{field.name}"
            found = self._type(field.annotation, where)
            default = None if field.required else plain_default(struct, field, where)
            record.entries.append(Entry(field, found, default))
        check_marks(name, [entry.field for entry in record.entries])
        return record

    def _claim(self, name: str, owner: object, what: str) -> None:
        held = self._owners.setdefault(name, owner)
        if held != owner:
            raise DeclarationError(
                f"{what}: two types are named {name} within one message, {held!r} and {owner!r}.",
                hint="A schema knows a type by its name: rename one of them.",
            )

    def _type(self, annotation: Any, where: str) -> WireType:
        for note in notes_of(annotation):
            if isinstance(note, msgspec.Meta) and note.tz is not None and note.tz is (bare(annotation) is dt.time):
                raise DeclarationError(f"{where}: {_ZONES[note.tz]}", hint="Leave tz= out.")
        if get_origin(annotation) is Annotated:
            return noted(self._type(get_args(annotation)[0], where), notes_of(annotation), where)
        if isinstance(annotation, NewType):
            return self._type(annotation.__supertype__, where)
        if annotation in _SCALARS:
            return _SCALARS[annotation]
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return self._enum(annotation, where)
        if _is_struct(annotation):
            return self._nested(annotation)
        found = self._composed(annotation, where)
        if found is None:
            raise DeclarationError(f"{where}: {annotation!r} has no form in a schema.", hint=_ALLOWED)
        return found

    def _nested(self, struct: type[msgspec.Struct]) -> Nested:
        name = record_name(struct)
        if self._owners.get(name) is not struct:
            self.record(struct, name, None)
        return Nested(name)

    def _composed(self, annotation: Any, where: str) -> WireType | None:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in (Union, types.UnionType):
            return self._union(union_members(annotation), where)
        if origin is list or (origin is tuple and len(args) == 2 and args[1] is Ellipsis):
            return Items(self._type(args[0], where))
        if origin is frozenset:
            self.has_sets = True
            if not _is_scalar(args[0]):
                raise DeclarationError(
                    f"{where}: a set of {args[0]!r} has no order that all machines agree on.",
                    hint="A frozenset holds texts, numbers, times, or values of an Enum; else use a list.",
                )
            return Items(self._type(args[0], where), is_set=True)
        if origin is dict and bare(args[0]) is str:
            return Entries(self._type(args[1], where))
        if origin is Literal and all(type(a) is str for a in args):
            return self._symbols(_symbol_name(where), args, list(args), where)
        if origin is Literal and all(type(a) is int and a in _WHOLE for a in args):
            return Bounded(Scalar.WHOLE, Bounds(values=tuple(sorted(args))))
        return None

    def _enum(self, cls: type[enum.Enum], where: str) -> WireType:
        values = [member.value for member in cls]
        if values and not issubclass(cls, enum.Flag):
            if all(isinstance(v, str) for v in values):
                return self._symbols(cls.__name__, cls, [str.__str__(v) for v in values], where)
            if all(type(v) is int and v in _WHOLE for v in values):
                return Bounded(Scalar.WHOLE, Bounds(values=tuple(sorted(set(values)))))
        raise DeclarationError(
            f"{where}: {cls.__name__} cannot travel.", hint="The values of an Enum are all texts, or all whole numbers."
        )

    def _symbols(self, name: str, owner: object, symbols: list[str], where: str) -> Symbols:
        self._claim(name, owner, where)
        return Symbols(name, tuple(symbols))

    def _union(self, members: tuple[Any, ...], where: str) -> OneOf:
        """Beside None there is one member, or several whose values show which is meant."""
        some = [member for member in members if bare(member) is not type(None)]
        kinds: dict[str, Any] = {}
        for member in some:
            kind = _IN_UNIONS.get(bare(member)) or _container(bare(member))
            if len(some) > 1 and (kind is None or kind in kinds):
                raise DeclarationError(
                    f"{where}: of a value of {' | '.join(_shown(m) for m in members)} a reader cannot find the type.",
                    hint="A union is T | None, or of at most one each of bool, int, float, str, a list, and a dict or "
                    "a Struct. Else use two optional fields, or two messages.",
                )
            kinds[kind or ""] = member
        branches = tuple(self._type(kinds[kind], where) for kind in ("", *_UNION_ORDER) if kind in kinds)
        return OneOf(branches, or_none=len(some) < len(members))


def _is_struct(plain: Any) -> bool:
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _container(plain: Any) -> str | None:
    origin = get_origin(plain)
    if origin in (list, tuple, frozenset):
        return "array"
    return "object" if origin is dict or _is_struct(plain) else None


def _is_scalar(annotation: Any) -> bool:
    plain = bare(annotation)
    is_enum = isinstance(plain, type) and issubclass(plain, enum.Enum)
    return plain in _SCALARS or is_enum or get_origin(plain) is Literal


def _shown(member: Any) -> str:
    return member.__name__ if isinstance(member, type) and not get_args(member) else str(member)


def _symbol_name(where: str) -> str:
    return "".join(part.capitalize() for part in where.replace(".", "_").split("_"))
