"""A .proto text as types of Python whose .proto text is the same one.

A file of another system may say more than a message of Partita. A field gets the nearest type of the same bytes; where there
is none, it is left out with the reason.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from partita.errors import UnknownSchema
from partita.exports.declaring.enum_class import enum_type
from partita.exports.declaring.field import ABSENT, KEYS, FieldFacts, check_default, class_body, made
from partita.exports.declaring.module import PyType, Types, Unsayable, dict_of, list_of, one_of
from partita.exports.declaring.python_text import class_name, literal
from partita.exports.declaring.text_type import DAY, DECIMAL, INSTANT, INSTANT_MILLIS, TIME, UUID, text_of
from partita.schemas.fields.wire_type import Scalar
from partita.schemas.protobuf.comment import NO_DEFAULT, SUBJECT, Comment, read_comment
from partita.schemas.protobuf.derivation import REDACTED, TIMESTAMP
from partita.schemas.protobuf.identifiers import camel, enum_value, snake, value_names, wire_name
from partita.schemas.protobuf.layout import BOX_NUMBER, CHOICE, ENTRIES, ITEMS
from partita.schemas.protobuf.names import declared_types, message_named
from partita.schemas.protobuf.numbers import NUMBER_MAX
from partita.schemas.protobuf.parsing import parse_with_imports
from partita.schemas.protobuf.proto_file import SCALARS, ProtoEnum, ProtoField, ProtoFile, ProtoMessage
from partita.schemas.protobuf.tokens import string_of

_MEMBERS = {
    "bool": ("truth", 1),
    "int": ("whole", 2),
    "float": ("real", 3),
    "str": ("text", 4),
    "list": (ITEMS, 5),
    "dict": (ENTRIES, 6),
}
"""The name and the number of a union's member, by its type; see `schemas/protobuf/layout.py`."""
_RECORD, _ANY = ("record", 7), ("value", 8)
DEPTH_MAX = 50
_NO_VALUE = {"UNSPECIFIED", "UNKNOWN", "UNDEFINED", "NONE"}
"""The last words of a value 0 that stands for no value."""


def read_proto(text: object) -> tuple[ProtoFile, dict[str, ProtoFile]]:
    """The file of a payload, and those that it imports. Nothing is fetched: a file that imports others than those of each
    compiler is refused.

    Raises:
        Unsayable: it is no such text, or has no message.
    """
    if not isinstance(text, str):
        raise Unsayable("it is no text")
    try:
        file, imports = parse_with_imports(text)
    except UnknownSchema as error:
        raise Unsayable(error.what.rstrip(".")) from None
    if not file.messages:
        raise Unsayable("it has no message")
    return file, imports


class ProtoTypes:
    """The types of one .proto file and its imports. `_named` are its messages and enums so far, by their full names."""

    def __init__(self, types: Types, file: ProtoFile, imports: Mapping[str, ProtoFile]) -> None:
        self._types = types
        self._file = file
        self._declared = {n: found for one in (*imports.values(), file) for n, found in declared_types(one).items()}
        self._named: dict[str, PyType] = {}
        self._depth = 0
        self._texts = sorted(set(_texts_in(self._declared.values())))

    def root(self, full_name: str, name: str) -> tuple[str, list[FieldFacts]]:
        """The docstring and the fields of a message, which is the message's class."""
        called = message_named(self._file, full_name)
        declared = self._declared[called]
        assert isinstance(declared, ProtoMessage)
        self._named[called] = PyType(name, "object", _no_default)
        return declared.doc, self._fields(declared, called)

    def _fields(self, message: ProtoMessage, scope: str) -> list[FieldFacts]:
        found: list[FieldFacts] = []
        has_subject = False
        for field in message.fields:
            words = read_comment(field)
            called = wire_name(field)
            called = called if called.isascii() and called.isidentifier() else field.name
            kind: PyType | Unsayable
            default: Any = ABSENT
            try:
                if snake(called) in {snake(each.name) for each in found}:
                    raise Unsayable("its name is that of another field in the form of Protobuf")
                kind, default = self._typed(field, words, scope)
                check_default(kind, default)
            except Unsayable as error:
                kind = error
            is_subject = words.is_subject and not has_subject and _is_key(kind)
            has_subject = has_subject or is_subject
            doc = words.doc if is_subject or not words.is_subject else "\n".join(filter(None, (words.doc, SUBJECT)))
            if field.oneof is not None:
                doc = "\n".join(filter(None, (doc, f"One of {field.oneof}: at most one of them is set.")))
            found.append(
                FieldFacts(
                    name=called,
                    type=kind,
                    default=default,
                    doc=doc,
                    pii=REDACTED in field.options,
                    subject=is_subject,
                )
            )
        return found

    def _typed(self, field: ProtoField, words: Comment, scope: str) -> tuple[PyType, Any]:
        """The type of a field, and its default."""
        path = camel(field.name)
        if field.map_key is not None:
            if field.map_key != "string":
                raise Unsayable(f"its map has keys of the type {field.map_key}")
            return dict_of(self._value(field, f"{path}Value", scope)), {}
        if field.label == "repeated":
            return list_of(self._value(field, f"{path}Item", scope)), []
        kind = self._value(field, path, scope, or_none=not words.is_required)
        if words.is_required or field.label == "required":
            return kind, ABSENT
        if words.default is not NO_DEFAULT:
            if _is_deep(words.default):
                raise Unsayable(f"its default is more than {DEPTH_MAX} values deep")
            return kind, words.default
        given = dict(field.options).get("default")
        if given is not None:
            return kind, _constant(given, field.type, self._declared)
        if field.label == "" and field.oneof is None and field.type in _ZEROS:
            return kind, _ZEROS[field.type]
        return (kind if kind.text.endswith("| None") else one_of([kind], or_none=True)), None

    def _value(self, field: ProtoField, path: str, scope: str, *, or_none: bool = True) -> PyType:
        """The type of one value of a field, at a path."""
        self._depth += 1
        try:
            if self._depth > DEPTH_MAX:
                raise Unsayable(f"its type is more than {DEPTH_MAX} types deep")
            return self._value_at(field, path, scope, or_none=or_none)
        finally:
            self._depth -= 1

    def _value_at(self, field: ProtoField, path: str, scope: str, *, or_none: bool) -> PyType:
        """A list, a map or a union may lie in a message of ours, by the path's name."""
        kind = field.type
        if kind in ("string", TIMESTAMP):
            noted = read_comment(field).kind
            if noted is not None and (noted is Scalar.INSTANT_MILLIS) is (kind == TIMESTAMP):
                return _NOTED[noted]
        found = _PLAIN.get(kind) or self._named.get(kind)
        if found is not None:
            return found
        if kind in SCALARS:
            raise Unsayable(f"its type {kind} has other bytes than a number of Partita")
        declared = self._declared[kind]
        if isinstance(declared, ProtoEnum):
            return self._enum(declared, kind)
        if kind == f"{scope}.{path}Choice" and all(each.oneof == CHOICE for each in declared.fields):
            some = [self._member(each, path, scope) for each in declared.fields]
            return one_of(some, or_none=or_none or len(some) == 1)
        only = declared.fields[0] if len(declared.fields) == 1 and declared.fields[0].number == BOX_NUMBER else None
        if only is not None and kind == f"{scope}.{path}Items" and (only.name, only.label) == (ITEMS, "repeated"):
            return list_of(self._value(only, f"{path}Item", scope))
        if only is not None and kind == f"{scope}.{path}Entries" and (only.name, only.map_key) == (ENTRIES, "string"):
            return dict_of(self._value(only, f"{path}Value", scope))
        return self._record(declared, kind)

    def _member(self, member: ProtoField, path: str, scope: str) -> PyType:
        """The type of a union's member, where it has the name and the number of its type."""
        found = self._value(member, path, scope)
        plain = found.text.partition("[")[0]
        place = _MEMBERS.get(plain, _RECORD if found.form == "object" else _ANY)
        if (member.name, member.number) != place:
            raise Unsayable(f"its union has {found.text} in another place than one of Partita")
        return found

    def _record(self, declared: ProtoMessage, full_name: str) -> PyType:
        name = _name_of_class(declared.name)
        fields: list[FieldFacts] = []

        def value_of(value: Any) -> str:
            if not isinstance(value, dict):
                raise TypeError("no record")
            return made(self._types.named(name), fields, value)

        found = self._named[full_name] = PyType(self._types.named(name), "object", value_of, made=True)
        fields += self._fields(declared, full_name)
        body = class_body(" ".join(declared.doc.split()), fields)
        self._types.declare(name, [f'class {name}(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):', *body])
        return found

    def _enum(self, declared: ProtoEnum, full_name: str) -> PyType:
        """An enum of texts for the names of its values: texts of defaults in the file, else small letters. 0 is no value."""
        name, texts = _name_of_class(declared.name), dict[int, str]()
        for value, number in declared.values:
            bare = value.removeprefix(enum_value(declared.name, ""))
            if number == 0 and bare.rpartition("_")[2] not in _NO_VALUE:
                raise Unsayable(f"its value 0, {value}, is one, and 0 is no value here")
            if not 0 <= number <= NUMBER_MAX:
                raise Unsayable(f"its value {value} has the number {number}")
            known = (each for each in self._texts if enum_value(declared.name, each) == value)
            text = next(known, bare.lower())
            if value not in value_names(declared.name, text):
                raise Unsayable(f"its value {value} is no name in capitals")
            if number:
                texts.setdefault(number, text)
        if not texts or len(set(texts.values())) < len(texts):
            raise Unsayable(f"the values of {declared.name} have no names of their own")
        plain = enum_type(self._types, name, texts.values())

        def value_of(held: Any) -> str:
            return plain.value(
                next(t for t in texts.values() if enum_value(name, t) == enum_value(name, text_of(held)))
            )

        found = self._named[full_name] = PyType(plain.text, "text", _known(value_of), made=plain.made)
        return found


def _is_key(kind: PyType | Unsayable) -> bool:
    return isinstance(kind, PyType) and kind.text.removesuffix(" | None") in KEYS


def _name_of_class(name: str) -> str:
    """The name of a record or an enum, which its class has: the numbers are found by it."""
    if class_name(name) != name:
        raise Unsayable(f"its type {name} is no name of a class")
    return name


def _texts_in(declared: Iterable[ProtoMessage | ProtoEnum]) -> Iterator[str]:
    """All texts in the defaults of our own comments."""
    for message in declared:
        for field in message.fields if isinstance(message, ProtoMessage) else ():
            level: list[Any] = [read_comment(field).default]
            while level:
                yield from (each for each in level if isinstance(each, str))
                level = _within(level)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = _within(level)
    return bool(level)


def _within(level: list[Any]) -> list[Any]:
    """The values in the lists and mappings of a level."""
    lists = [each if isinstance(each, list) else list(each.values()) for each in level if isinstance(each, list | dict)]
    return [value for each in lists for value in each]


def _constant(given: str, kind: str, declared: Mapping[str, ProtoMessage | ProtoEnum]) -> Any:
    """The default of a field of proto2, as the plain value of a comment."""
    try:
        if kind in declared:
            return given.removeprefix(enum_value(declared[kind].name, ""))
        match kind:
            case "bool":
                return {"true": True, "false": False}[given]
            case "string":
                return string_of(given).decode()
            case "bytes":
                return base64.b64encode(string_of(given)).decode()
            case "double":
                return float(given)
        return int(given)
    except (KeyError, ValueError):
        raise Unsayable(f"its default {given:.60} is none of its type") from None


def _known(value: Callable[[Any], str]) -> Callable[[Any], str]:
    def checked(held: Any) -> str:
        try:
            return value(held)
        except StopIteration:
            raise ValueError("no value of the enum") from None

    return checked


def _whole(low: int, high: int, note: str = "") -> PyType:
    def value(held: Any) -> str:
        if type(held) is not int or not low <= held <= high:
            raise ValueError("no whole number in its range")
        return repr(held)

    return PyType("int", "whole", value, (note,) if note else ())


def _real(held: Any) -> str:
    if type(held) not in (int, float) or math.isnan(held):
        raise ValueError("no number with a point")
    number = float(held)
    return f'float("{number}")' if math.isinf(number) else repr(number)


def _truth(held: Any) -> str:
    if not isinstance(held, bool):
        raise TypeError("neither true nor false")
    return repr(held)


_PLAIN = {
    "string": PyType("str", "text", lambda held: literal(text_of(held))),
    "int64": _whole(-(2**63), 2**63 - 1),
    "int32": _whole(-(2**31), 2**31 - 1, f"msgspec.Meta(ge={-(2**31)}, le={2**31 - 1})"),
    "uint32": _whole(0, 2**32 - 1, f"msgspec.Meta(ge=0, le={2**32 - 1})"),
    "double": PyType("float", "real", _real),
    "bool": PyType("bool", "truth", _truth),
    "bytes": PyType("bytes", "text", lambda held: repr(base64.b64decode(text_of(held), validate=True))),
    TIMESTAMP: INSTANT,
}
_NOTED = {
    Scalar.UUID: UUID,
    Scalar.DECIMAL: DECIMAL,
    Scalar.DAY: DAY,
    Scalar.TIME: TIME,
    Scalar.INSTANT_MILLIS: INSTANT_MILLIS,
}
_ZEROS: dict[str, Any] = {
    "string": "",
    "int64": 0,
    "int32": 0,
    "uint32": 0,
    "double": 0.0,
    "bool": False,
    "bytes": "",
}


def _no_default(_: Any) -> NoReturn:
    raise Unsayable("its default holds its own message")
