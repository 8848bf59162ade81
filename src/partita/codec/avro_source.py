"""Source text that writes and reads the values of one of our own classes, straight between attributes and bytes.

A schema from elsewhere never gets here, and the text holds no name or value of a declaration: attributes are checked to be
identifiers, and everything else is a constant that the text refers to by a number.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import inspect
import keyword
import re
import struct
import typing
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NewType, get_args, get_origin

import msgspec

from partita.codec import avro_numbers
from partita.codec.avro_decimal import decimal_of
from partita.schemas.avro import DECIMAL_SCALE
from partita.schemas.avro_default import decimal_bytes
from partita.schemas.fields.annotation import bare, union_members
from partita.schemas.fields.marks import Precision

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_HOUR = 3_600_000_000
SYMBOLS_MAX = 64
"""Numbers below it are one byte."""
_NO_BOUNDS = dict.fromkeys(("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern"))


class NotWritable(Exception):
    """A class holds a type for which no text is written: its values take the general way."""


class Unusual(ValueError):
    """A value, or bytes, that the text does not handle: the general way decides, and finds the error."""


def _micros(value: dt.datetime) -> int:
    if value.tzinfo is not dt.UTC or not 1 < value.year < 9999:
        raise Unusual
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _millis(value: dt.datetime) -> int:
    if value.microsecond % 1_000:
        raise Unusual
    return _micros(value) // 1_000


def _time_micros(value: dt.time) -> int:
    if value.tzinfo is not None:
        raise Unusual
    return (value.hour * 3_600 + value.minute * 60 + value.second) * 1_000_000 + value.microsecond


def _time_of(micros: int) -> dt.time:
    if micros < 0:
        raise Unusual
    hour, rest = divmod(micros, _HOUR)
    minute, rest = divmod(rest, 60_000_000)
    second, micro = divmod(rest, 1_000_000)
    return dt.time(hour, minute, second, micro)


def _day_of(days: int) -> dt.date:
    return dt.date.fromordinal(days + _EPOCH.toordinal())


def _instant_of(micros: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(0, 0, micros)


class _Scalar(typing.NamedTuple):
    """A scalar as an expression of its value `{v}`: what is written, and what is made of the number or the bytes read."""

    kind: str  # "number", "text" or "bytes"
    write: str
    read: str


_SCALARS: dict[Any, _Scalar] = {
    int: _Scalar("number", "{v}", "{v}"),
    dt.datetime: _Scalar("number", "micros({v})", "instant({v})"),
    dt.date: _Scalar("number", "{v}.toordinal() - EPOCH_DAY", "day({v})"),
    dt.time: _Scalar("number", "time_micros({v})", "time({v})"),
    str: _Scalar("text", "{v}.encode()", "{v}.decode()"),
    uuid.UUID: _Scalar("text", "str({v}).encode()", "UUID({v}.decode())"),
    bytes: _Scalar("bytes", "{v}", "{v}"),
    decimal.Decimal: _Scalar("bytes", "decimal_bytes({v}, SCALE)", "decimal_of({v}, SCALE)"),
}
_MILLIS = _Scalar("number", "millis({v})", "instant({v} * 1000)")
NAMES: dict[str, Any] = {
    "UTC": dt.UTC,
    "EPOCH_DAY": _EPOCH.toordinal(),
    "SCALE": DECIMAL_SCALE,
    "LAST": avro_numbers.LAST,
    "SHORT": avro_numbers.SHORT,
    "number": avro_numbers.to_bytes,
    "read_number": avro_numbers.read,
    "pack_double": struct.Struct("<d").pack,
    "unpack_double": struct.Struct("<d").unpack_from,
    "micros": _micros,
    "millis": _millis,
    "time_micros": _time_micros,
    "instant": _instant_of,
    "day": _day_of,
    "time": _time_of,
    "UUID": uuid.UUID,
    "decimal_bytes": decimal_bytes,
    "decimal_of": decimal_of,
    "Unusual": Unusual,
}


class Source:
    """The functions of a class and of the classes within it. `names` are the constants that they refer to."""

    def __init__(self, cls: type[msgspec.Struct], schema: dict[str, Any]) -> None:
        self.names = dict(NAMES)
        self.blocks: list[str] = []
        self._functions: dict[type, str] = {}
        self._records: dict[str, tuple[type, dict[str, Any]]] = {}
        self._symbols: dict[str, list[str]] = {}
        self.main = self._struct(cls, schema)

    @property
    def text(self) -> str:
        """The functions `write_N(out, v)` and `read_N(d, at)` of each class."""
        return "\n".join(self.blocks)

    def _constant(self, value: Any) -> str:
        name = f"C{len(self.names)}"
        self.names[name] = value
        return name

    def _struct(self, cls: type[msgspec.Struct], schema: Any) -> str:
        if cls in self._functions:
            if not self._functions[cls]:
                raise NotWritable  # it is within itself: depth is counted in the general way
            return self._functions[cls]
        if hasattr(cls, "__post_init__") or isinstance(schema, str):
            raise NotWritable
        self._functions[cls] = ""
        number, own = str(len(self._functions)), self._constant(cls)
        write = [f"def write_{number}(out, v):", f"    if v.__class__ is not {own}: raise Unusual"]
        read = [f"def read_{number}(d, at):"]
        hints = typing.get_type_hints(cls, include_extras=True)
        for position, (item, field) in enumerate(zip(msgspec.structs.fields(cls), schema["fields"], strict=True)):
            if not item.name.isidentifier() or keyword.iskeyword(item.name):
                raise NotWritable
            write.append(f"    f = v.{item.name}")
            write += self._write(hints[item.name], field["type"], "f", 1)
            read += self._read(hints[item.name], field["type"], f"f{position}", 1)
        read.append(f"    return {own}({', '.join(_arguments(cls))}), at")
        self.blocks += ["\n".join(write), "\n".join(read)]
        self._functions[cls] = number
        return number

    def _write(self, annotation: Any, schema: Any, v: str, depth: int) -> list[str]:
        """Lines that add the value of the variable `v` to `out`."""
        plain, notes = _stripped(annotation)
        into = "    " * depth
        union = union_members(plain)
        if len(union) > 1:
            return self._write_union(union, schema, v, depth)
        lines = self._check(plain, notes, v, into)
        if plain is bool:
            return [f"{into}if {v}.__class__ is not bool: raise Unusual", f"{into}out += b'\\x01' if {v} else b'\\x00'"]
        if plain is float:
            check = f"{into}if {v}.__class__ is not float or {v} != {v}: raise Unusual"
            return [check, *lines, f"{into}out += pack_double({v})"]
        if (scalar := _scalar(plain, notes)) is not None:
            return [
                f"{into}if {v}.__class__ is not {self._constant(plain)}: raise Unusual",
                *lines,
                *_write_scalar(scalar, plain, v, into),
            ]
        if (members := _members(plain)) is not None:
            return self._write_member(plain, members, schema, v, into)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return [*lines, f"{into}write_{self._struct(plain, self._resolved(plain, schema))}(out, {v})"]
        return self._write_many(plain, schema, v, depth, lines)

    def _write_many(self, plain: Any, schema: Any, v: str, depth: int, checks: list[str]) -> list[str]:
        origin, args = get_origin(plain), get_args(plain)
        into, inner = "    " * depth, f"v{depth}"
        is_map = origin is dict
        if not (origin is list or is_map or (origin is tuple and len(args) == 2 and args[1] is Ellipsis)):
            raise NotWritable
        lines = [f"{into}if {v}.__class__ is not {origin.__name__}: raise Unusual", *checks]
        lines += [f"{into}if {v}:", f"{into}    out += number(len({v}))"]
        if is_map:
            lines.append(f"{into}    for k{depth}, {inner} in {v}.items():")
            lines += self._write(args[0], "string", f"k{depth}", depth + 2)
            lines += self._write(args[1], schema["values"], inner, depth + 2)
        else:
            lines.append(f"{into}    for {inner} in {v}:")
            lines += self._write(args[0], schema["items"], inner, depth + 2)
        return [*lines, f"{into}out += b'\\x00'"]

    def _write_member(self, plain: Any, members: Sequence[Any], schema: Any, v: str, into: str) -> list[str]:
        is_enum = isinstance(plain, type)
        values = [member.value if is_enum else member for member in members]
        kind = self._constant(plain if is_enum else type(values[0]))
        known: dict[Any, bytes] = {}
        if isinstance(values[0], str):
            symbols = self._symbols_of(schema)
            known = {m: avro_numbers.to_bytes(symbols.index(x)) for m, x in zip(members, values, strict=True)}
        else:
            known = {m: avro_numbers.to_bytes(x) for m, x in zip(members, values, strict=True)}
        return [
            f"{into}if {v}.__class__ is not {kind}: raise Unusual",
            f"{into}out += {self._constant(known)}[{v}]",
        ]

    def _write_union(self, members: Sequence[Any], schema: Any, v: str, depth: int) -> list[str]:
        into, lines, word = "    " * depth, [], "if"
        for index, member, branch in self._branches(members, schema):
            kind = _class_of(member)
            test = f"{v} is None" if kind is type(None) else f"{v}.__class__ is {self._constant(kind)}"
            lines += [f"{into}{word} {test}:", f"{into}    out += {avro_numbers.to_bytes(index)!r}"]
            if kind is not type(None):
                lines += self._write(member, branch, v, depth + 1)
            word = "elif"
        return [*lines, f"{into}else: raise Unusual"]

    def _branches(self, members: Sequence[Any], schema: Any) -> list[tuple[int, Any, Any]]:
        """Each member of a union with its branch; None first, as the most frequent."""
        if not isinstance(schema, list) or len(schema) != len(members) or len(schema) > SYMBOLS_MAX:
            raise NotWritable
        free = {index: branch for index, branch in enumerate(schema)}
        found = []
        for member in members:
            kind = _class_of(member)
            wanted = _BRANCHES.get(kind, "record")
            is_alone = len([m for m in members if bare(m) is not type(None)]) == 1 and kind is not type(None)
            index = next(i for i, b in free.items() if (is_alone and b != "null") or _kind(b) == wanted)
            found.append((index, member, free.pop(index)))
        return sorted(found, key=lambda each: bare(each[1]) is not type(None))

    def _resolved(self, cls: type, schema: Any) -> Any:
        """The record of a class: written out where it is first used, named later."""
        if isinstance(schema, str):
            return self._records.get(schema, (cls, schema))[1]
        self._records[schema["name"]] = (cls, schema)
        return schema

    def _symbols_of(self, schema: Any) -> list[str]:
        if isinstance(schema, str):
            return self._symbols[schema]
        self._symbols[schema["name"]] = schema["symbols"]
        return list(schema["symbols"])

    def _check(self, plain: Any, notes: Sequence[Any], v: str, into: str) -> list[str]:
        """Lines that refuse a value outside its bounds, as msgspec does."""
        found: dict[str, Any] = {}
        for note in notes:
            given = {b: x for b in _NO_BOUNDS if isinstance(note, msgspec.Meta) and (x := getattr(note, b)) is not None}
            if found.keys() & given.keys():
                raise NotWritable
            found |= given
        tests = []
        for bound, limit in found.items():
            test = _TESTS.get(bound)
            if test is None or (bound == "multiple_of" and plain is not int) or plain in (bool, decimal.Decimal):
                raise NotWritable
            constant = self._constant(re.compile(limit).search if bound == "pattern" else limit)
            tests.append(f"{into}if {test.format(v=v, limit=constant)}: raise Unusual")
        return tests

    def _read(self, annotation: Any, schema: Any, v: str, depth: int) -> list[str]:
        """Lines that read a value at `at` into the variable `v`."""
        plain, notes = _stripped(annotation)
        into = "    " * depth
        union = union_members(plain)
        if len(union) > 1:
            return self._read_union(union, schema, v, depth)
        checks = self._check(plain, notes, v, into)
        if plain is bool:
            return [
                f"{into}n = d[at]",
                f"{into}if n > 1: raise Unusual",
                f"{into}{v} = n == 1",
                f"{into}at += 1",
            ]
        if plain is float:
            return [f"{into}{v} = unpack_double(d, at)[0]", f"{into}at += 8", *checks]
        if (scalar := _scalar(plain, notes)) is not None:
            return [*_read_scalar(scalar, v, into), *checks]
        if (members := _members(plain)) is not None:
            return self._read_member(plain, members, schema, v, into)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            number = self._struct(plain, self._resolved(plain, schema))
            return [f"{into}{v}, at = read_{number}(d, at)"]
        return [*self._read_many(plain, schema, v, depth), *checks]

    def _read_many(self, plain: Any, schema: Any, v: str, depth: int) -> list[str]:
        origin, args = get_origin(plain), get_args(plain)
        into, count, inner = "    " * depth, f"n{depth}", f"i{depth}"
        more = [*_read_number("n", into), f"{into}{count} = n"]
        lines = [f"{into}{v} = {'{}' if origin is dict else '[]'}", *more, f"{into}while {count}:"]
        lines += [
            f"{into}    if {count} < 0:",
            f"{into}        {count} = -{count}",
            f"{into}        n, at = read_number(d, at)",
            f"{into}    if {count} > len(d): raise Unusual",
            f"{into}    for _ in range({count}):",
        ]
        if origin is dict:
            lines += self._read(args[0], "string", f"k{depth}", depth + 2)
            lines += self._read(args[1], schema["values"], inner, depth + 2)
            lines.append(f"{into}        {v}[k{depth}] = {inner}")
        else:
            lines += self._read(args[0], schema["items"], inner, depth + 2)
            lines.append(f"{into}        {v}.append({inner})")
        lines += ["    " + line for line in more]
        return [*lines, f"{into}{v} = tuple({v})"] if origin is tuple else lines

    def _read_member(self, plain: Any, members: Sequence[Any], schema: Any, v: str, into: str) -> list[str]:
        by_value = {m.value if isinstance(plain, type) else m: m for m in members}
        if isinstance(next(iter(by_value)), str):
            known: Any = {index: by_value[symbol] for index, symbol in enumerate(self._symbols_of(schema))}
        else:
            known = by_value
        return [*_read_number("n", into), f"{into}{v} = {self._constant(known)}[n]"]

    def _read_union(self, members: Sequence[Any], schema: Any, v: str, depth: int) -> list[str]:
        into, word = "    " * depth, "if"
        lines = [f"{into}n = d[at]", f"{into}at += 1"]
        for index, member, branch in self._branches(members, schema):
            lines.append(f"{into}{word} n == {index * 2}:")
            if bare(member) is type(None):
                lines.append(f"{into}    {v} = None")
            else:
                lines += self._read(member, branch, v, depth + 1)
            word = "elif"
        return [*lines, f"{into}else: raise Unusual"]


_BRANCHES: dict[Any, str] = {
    type(None): "null", bool: "boolean", int: "long", float: "double", str: "string", list: "array", tuple: "array", dict: "map",
}  # fmt: skip
_TESTS = {
    "ge": "not {v} >= {limit}",
    "gt": "not {v} > {limit}",
    "le": "not {v} <= {limit}",
    "lt": "not {v} < {limit}",
    "multiple_of": "{v} % {limit}",
    "min_length": "len({v}) < {limit}",
    "max_length": "len({v}) > {limit}",
    "pattern": "{limit}({v}) is None",
}


def _kind(branch: Any) -> str:
    if isinstance(branch, str):
        return branch if branch in _BRANCHES.values() else "record"
    return str(branch["type"])


def _stripped(annotation: Any) -> tuple[Any, list[Any]]:
    """A type without its notes and new names, and its notes."""
    notes: list[Any] = []
    while get_origin(annotation) is Annotated or isinstance(annotation, NewType):
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        else:
            notes += get_args(annotation)[1:]
            annotation = get_args(annotation)[0]
    return annotation, notes


def _scalar(plain: Any, notes: Sequence[Any]) -> _Scalar | None:
    if any(isinstance(note, Precision) for note in notes):
        return _MILLIS
    return _SCALARS.get(plain) if isinstance(plain, type) else None


def _class_of(annotation: Any) -> Any:
    plain = bare(annotation)
    return get_origin(plain) or plain


def _members(plain: Any) -> Sequence[Any] | None:
    """The values of an enum or of a Literal."""
    if get_origin(plain) is Literal:
        found: Sequence[Any] = get_args(plain)
    elif isinstance(plain, type) and issubclass(plain, enum.Enum):
        found = list(plain)
    else:
        return None
    if any(isinstance(m.value if isinstance(m, enum.Enum) else m, str) for m in found) and len(found) > SYMBOLS_MAX:
        raise NotWritable
    return found


def _arguments(cls: type[msgspec.Struct]) -> list[str]:
    """The arguments that make a struct of the variables `f0`, `f1`, ..., one for each field."""
    numbers = {item.name: position for position, item in enumerate(msgspec.structs.fields(cls))}
    parameters = inspect.signature(cls).parameters
    if parameters.keys() != numbers.keys():
        raise NotWritable
    return [
        f"{name}=f{numbers[name]}" if parameter.kind is parameter.KEYWORD_ONLY else f"f{numbers[name]}"
        for name, parameter in parameters.items()
    ]


def _write_scalar(scalar: _Scalar, plain: Any, v: str, into: str) -> list[str]:
    written = scalar.write.format(v=v)
    if scalar.kind == "number":
        if plain is int:
            return [
                f"{into}if 0 <= {v} < 8192: out += LAST[{v} << 1]",
                f"{into}elif -0x8000000000000000 <= {v} < 0x8000000000000000: out += number({v})",
                f"{into}else: raise Unusual",
            ]
        return [f"{into}out += number({written})"]
    return [
        f"{into}b = {written}",
        f"{into}n = len(b)",
        f"{into}out += LAST[n << 1] if n < 8192 else number(n)",
        f"{into}out += b",
    ]


def _read_number(v: str, into: str) -> list[str]:
    return [
        f"{into}n = d[at]",
        f"{into}if n < 128:",
        f"{into}    {v} = SHORT[n]",
        f"{into}    at += 1",
        f"{into}elif (b := d[at + 1]) < 128:",
        f"{into}    n = n & 127 | b << 7",
        f"{into}    {v} = (n >> 1) ^ -(n & 1)",
        f"{into}    at += 2",
        f"{into}else: {v}, at = read_number(d, at)",
    ]


def _read_scalar(scalar: _Scalar, v: str, into: str) -> list[str]:
    if scalar.kind == "number":
        made = scalar.read.format(v=v)
        return _read_number(v, into) + ([] if made == v else [f"{into}{v} = {made}"])
    return [
        f"{into}n = d[at]",
        f"{into}at += 1",
        f"{into}if n < 128 and not n & 1: end = at + (n >> 1)",
        f"{into}else:",
        f"{into}    n, at = read_number(d, at - 1)",
        f"{into}    if n < 0: raise Unusual",
        f"{into}    end = at + n",
        f"{into}{v} = {scalar.read.format(v='d[at:end]')}",
        f"{into}at = end",
    ]
