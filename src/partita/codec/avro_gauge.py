"""The size of a decoded value, known before decoding: a megabyte, or ten bytes, may unfold to gigabytes.

A schema is compiled to a gauge. For most values the number of bytes alone shows that they are small enough. Else the gauge
walks over the bytes and builds nothing: it counts the values that decoding would build, also the defaults that the reader
fills in. It refuses numbers that are too long, depth that overflows the stack of a decoder in C (seen with fastavro 1.13:
the process dies), and lengths without bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from partita.codec.avro_decimal import BYTES_MAX as DECIMAL_BYTES_MAX
from partita.codec.avro_values import DEPTH_MAX

WEIGHT_MAX = 1_000_000
"""The most a value may unfold to, in fields and items of some 64 bytes of memory each; a record counts three more."""
SENT_WEIGHT_MAX = WEIGHT_MAX // 2
"""The most that may be sent: a later reader fills in defaults of its own."""
STATIC_WEIGHT_MAX = 50_000
"""The most that a schema's value with empty lists may unfold to: records that hold each other twice double at each level."""

_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_PRIMITIVES = frozenset((*_SIZES, "int", "long", "bytes", "string"))
_RECORD = 3


class TooMuch(ValueError):
    """A value that unfolds to more than may be decoded."""


class _Count:
    """The rest that may be unfolded."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, weight: int) -> None:
        self.left -= weight
        if self.left < 0:
            raise TooMuch("it unfolds to more than a message may hold")


_Walk = Callable[[bytes, int, int, _Count], int]
"""Takes the bytes, a position in them and a depth; returns the position behind the value."""


class _Measured(NamedTuple):
    """Measures of a type: the fewest bytes of a value, its weight with empty lists, the most weight per further byte (infinite
    for a recursive type), and its walk."""

    bytes_min: int
    static: int
    per_byte: float
    walk: _Walk


class Gauge:
    """The gauge of one parsed schema, whose names are full names. `filled` is the weight that a reader adds to each
    record, by name.

    Raises:
        ValueError: a list whose items take no bytes, so that ten bytes mean 2^60 of them; or a value that is too large.
    """

    def __init__(self, schema: Any, filled: Mapping[str, int] | None = None) -> None:
        self._named: dict[str, _Measured] = {}
        self._filled = filled or {}
        self._bytes_min = _FewestBytes(schema)
        top = self._of(schema, "the value")
        if top.static > STATIC_WEIGHT_MAX:
            raise TooMuch(f"an empty value of it has {top.static:,} fields")
        self._walk = top.walk
        self._static, self._per_byte = top.static, top.per_byte
        self.is_recursive = top.per_byte == math.inf

    def free_bytes(self, weight_max: int = WEIGHT_MAX) -> int:
        """The most bytes of a value that needs no walk; -1 where each value needs one."""
        if self._static > weight_max or self.is_recursive:
            return -1
        return int(min((weight_max - self._static) / self._per_byte, 1 << 60)) if self._per_byte else 1 << 60

    def check(self, data: bytes, weight_max: int = WEIGHT_MAX) -> None:
        """Walk over a value.

        Raises:
            ValueError, IndexError: it is no value of the schema, or unfolds to too much.
        """
        if self._walk(data, 0, DEPTH_MAX, _Count(weight_max)) > len(data):
            raise ValueError("it ends before its end")

    def _of(self, schema: Any, where: str) -> _Measured:
        if isinstance(schema, list):
            return _union([self._of(branch, where) for branch in schema])
        if isinstance(schema, str):
            return self._primitive(schema) if schema in _PRIMITIVES else self._reference(schema)
        kind = schema["type"]
        if kind in ("record", "error"):
            return self._record(schema)
        if kind in ("array", "map"):
            inner = self._of(schema["items" if kind == "array" else "values"], where)
            if kind == "array" and not inner.bytes_min:
                raise TooMuch(f"the items of {where} take no bytes")
            return _blocks(inner, is_map=kind == "map")
        if kind == "enum":
            found = self._primitive("int")
        elif kind == "fixed":
            size = schema["size"]
            if not (type(size) is int and size >= 0):
                raise ValueError(f"a fixed of {size!r} bytes")
            found = _sized(size)
        elif kind == "bytes" and schema.get("logicalType", "").endswith("decimal"):
            found = _Measured(1, 1, 0.0, _decimal)
        else:
            found = self._of(kind, where)
        if "name" in schema:
            self._named[schema["name"]] = found
        return found

    def _primitive(self, kind: str) -> _Measured:
        if kind in _SIZES:
            return _sized(_SIZES[kind])
        return _Measured(1, 1, 0.0, _long if kind in ("int", "long") else _length)

    def _reference(self, name: str) -> _Measured:
        known = self._named.get(name)
        if known is None:
            raise ValueError(f"there is no type {name!r:.80}")
        return known

    def _record(self, schema: Any) -> _Measured:
        name, fields = schema["name"], schema["fields"]
        own = _RECORD + self._filled.get(name.rpartition(".")[2], 0)
        walks: list[_Walk] = []

        def walk(data: bytes, at: int, depth: int, count: _Count) -> int:
            if not depth:
                raise TooMuch(f"it is nested more than {DEPTH_MAX} levels deep")
            count.take(own)
            for step in walks:
                at = step(data, at, depth - 1, count)
            return at

        bytes_min = self._bytes_min.of(schema)
        self._named[name] = _Measured(bytes_min, own, math.inf, walk)  # seen from inside itself
        parts = [self._of(f["type"], f"{name}.{f['name']}") for f in fields]
        walks += [part.walk for part in parts]
        found = _Measured(
            bytes_min,
            min(own + sum(part.static for part in parts), 1 << 60),
            max((part.per_byte for part in parts), default=0.0),
            walk,
        )
        self._named[name] = found
        return found


class _FewestBytes:
    """The fewest bytes that a value of each record takes; a recursive field counts as the rest of its record."""

    def __init__(self, schema: Any) -> None:
        self._defined: dict[str, Any] = {}
        self._found: dict[str, int] = {}
        self._define(schema)

    def of(self, schema: Any) -> int:
        """The fewest bytes of a type."""
        if isinstance(schema, list):
            return 1  # the number of the branch
        if isinstance(schema, str):
            return min(_SIZES.get(schema, 1), 1) if schema in _PRIMITIVES else self.of(self._defined[schema])
        kind = schema["type"]
        if kind == "fixed":
            return min(int(schema["size"]), 1)
        if kind not in ("record", "error"):
            return 1 if kind in ("array", "map", "enum") else self.of(kind)
        name = schema["name"]
        if name not in self._found:
            self._found[name] = 0
            self._found[name] = sum(self.of(f["type"]) for f in schema["fields"])
        return self._found[name]

    def _define(self, schema: Any) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._define(branch)
        elif isinstance(schema, dict):
            if "name" in schema:
                self._defined[schema["name"]] = schema
            for inner in (schema["type"], schema.get("items"), schema.get("values")):
                self._define(inner)
            for item in schema.get("fields", ()):
                self._define(item["type"])


def _union(branches: list[_Measured]) -> _Measured:
    walks = [branch.walk for branch in branches]

    def walk(data: bytes, at: int, depth: int, count: _Count) -> int:
        number, at = _number(data, at)
        if number < 0:
            raise ValueError("a union has no branch of that number")
        return walks[number](data, at, depth, count)

    static = max((branch.static for branch in branches), default=0)
    return _Measured(1, static, max((branch.per_byte for branch in branches), default=0.0), walk)


def _blocks(inner: _Measured, *, is_map: bool) -> _Measured:
    """A list or a dict: blocks, each preceded by the number of its items."""
    bytes_min, static = inner.bytes_min + is_map, inner.static + is_map
    step = inner.walk

    def walk(data: bytes, at: int, depth: int, count: _Count) -> int:
        if not depth:
            raise TooMuch(f"it is nested more than {DEPTH_MAX} levels deep")
        count.take(1)
        items, at = _number(data, at)
        while items:
            if items < 0:
                items, (_, at) = -items, _number(data, at)
            if items * bytes_min > len(data) - at:
                raise ValueError("a list of more items than there are bytes")
            if items * static > count.left:
                raise TooMuch("it unfolds to more than a message may hold")
            for _ in range(items):
                if is_map:
                    at = _length(data, at, depth, count)
                at = step(data, at, depth - 1, count)
            items, at = _number(data, at)
        return at

    return _Measured(1, 1, static / bytes_min + inner.per_byte, walk)


def _sized(size: int) -> _Measured:
    def walk(data: bytes, at: int, depth: int, count: _Count) -> int:
        count.take(1)
        return at + size

    return _Measured(size, 1, 0.0, walk)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A whole number and the position behind it: seven bits per byte, at most ten bytes."""
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    found, shift = byte & 0x7F, 7
    for here in range(at + 1, at + 10):
        byte = data[here]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (found >> 1) ^ -(found & 1), here + 1
        shift += 7
    raise ValueError("a number of more than ten bytes")


def _long(data: bytes, at: int, depth: int, count: _Count) -> int:
    count.take(1)
    return _number(data, at)[1]


def _length(data: bytes, at: int, depth: int, count: _Count) -> int:
    count.take(1)
    size, at = _number(data, at)
    if not 0 <= size <= len(data) - at:
        raise ValueError("a text of more bytes than there are")
    return at + size


def _decimal(data: bytes, at: int, depth: int, count: _Count) -> int:
    end = _length(data, at, depth, count)
    if end - at > DECIMAL_BYTES_MAX + 2:
        raise ValueError(f"a decimal of {end - at:,} bytes")
    return end


def weight_of(plain: Any) -> int:
    """The weight of a plain value, as a gauge counts."""
    if isinstance(plain, dict):
        return _RECORD + sum(1 + weight_of(inner) for inner in plain.values())
    return 1 + sum(map(weight_of, plain)) if isinstance(plain, list | tuple) else 1
