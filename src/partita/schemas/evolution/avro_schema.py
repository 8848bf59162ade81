"""An Avro schema as a graph of types, parsed from any Avro text (specification 1.12, "Schema Declaration")."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from partita.schemas.evolution.json_text import parse, refused

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
TYPES_MAX = 20_000
"""Types in one schema. References are counted once: a name stands for one type however often it is used."""
LOOKS_MAX = 100_000

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LOGICAL = {
    "date": "int",
    "time-millis": "int",
    "time-micros": "long",
    "timestamp-millis": "long",
    "timestamp-micros": "long",
    "timestamp-nanos": "long",
    "local-timestamp-millis": "long",
    "local-timestamp-micros": "long",
    "local-timestamp-nanos": "long",
    "big-decimal": "bytes",
}
"""Logical types with one underlying type each; `decimal`, `uuid` and `duration` are looked at by hand."""


@dataclass(frozen=True, slots=True)
class Logical:
    """A logical type that the specification knows, with the two numbers of a decimal."""

    name: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision}, {self.scale})" if self.name == "decimal" else self.name


@dataclass(slots=True)
class Field:
    """A field of a record."""

    name: str
    type: AvroType
    text: object
    has_default: bool
    aliases: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class AvroType:
    """One type: `kind` is its primitive, or record, enum, fixed, array, map, union. Names are full names."""

    kind: str
    logical: Logical | None = None
    name: str = ""
    aliases: tuple[str, ...] = ()
    fields: list[Field] = field(default_factory=list)
    symbols: tuple[str, ...] = ()
    default: str | None = None
    size: int = 0
    within: list[AvroType] = field(default_factory=list)
    """The items of an array, the values of a map, or the branches of a union."""

    @property
    def short_name(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(".")[2]

    def __str__(self) -> str:
        return self._said(2)

    def _said(self, levels: int) -> str:
        """In few words: a bomb is named in an error, and must not explode there."""
        if self.logical is not None:
            return f"{self.kind} {self.logical}"
        if self.name or not self.within or not levels:
            return f"{self.kind} {self.name}" if self.name else self.kind
        within = ", ".join(inner._said(levels - 1) for inner in self.within[:8]) + ", ..." * (len(self.within) > 8)
        return f"[{within}]" if self.kind == "union" else f"{self.kind} of {within}"


def parse_avro(text: str) -> AvroType:
    """The type of an Avro text. Defaults are checked as Avro's own parser checks them.

    Raises:
        UnknownSchema: it is no Avro schema, or one beyond the limits.
    """
    return _Parser().type(parse(text), "")


class _Parser:
    """One walk over a text. `_named` are the types that have a name so far, by their full names."""

    def __init__(self) -> None:
        self._named: dict[str, AvroType] = {}
        self._count = 0
        self._looks = 0

    def type(self, text: object, space: str) -> AvroType:
        self._count += 1
        if self._count > TYPES_MAX:
            raise refused(f"The schema has more than {TYPES_MAX:,} types.")
        match text:
            case str():
                return AvroType(text) if text in PRIMITIVES else self._known(text, space)
            case list():
                return self._union(text, space)
            case dict() if isinstance(kind := text.get("type"), str):
                return self._described(kind, text, space)
            case dict() if isinstance(inner := text.get("type"), dict | list):
                return self.type(inner, space)
        raise refused(f"This is no Avro type: {text!r:.100}.")

    def _known(self, name: str, space: str) -> AvroType:
        local = f"{space}.{name}" if space and "." not in name else name
        found = self._named.get(local) or self._named.get(name)
        if found is None:
            raise refused(
                f"The schema names {name!r:.100}, which it does not define before.",
                hint="Put the definition of the type into the same text, at its first use.",
            )
        return found

    def _union(self, texts: Sequence[object], space: str) -> AvroType:
        branches = [self.type(branch, space) for branch in texts]
        seen = [branch.name or branch.kind for branch in branches]
        if "union" in seen or len(set(seen)) < len(seen):
            raise refused(f"A union has two branches of one type, or a union in it: {', '.join(seen):.200}.")
        return AvroType("union", within=branches)

    def _described(self, kind: str, text: Mapping[str, object], space: str) -> AvroType:
        if kind in PRIMITIVES:
            return AvroType(kind, _logical(kind, text))
        match kind:
            case "array" | "map":
                inner = "items" if kind == "array" else "values"
                if inner not in text:
                    raise refused(f"An {kind} has no {inner!r}.")
                return AvroType(kind, within=[self.type(text[inner], space)])
            case "record" | "error":
                found, space = self._name(AvroType("record"), text, space)
                self._fields(found, text.get("fields"), space)
                return found
            case "enum":
                return self._enum(text, space)
            case "fixed":
                found, _ = self._name(AvroType("fixed"), text, space)
                found.size = _whole(text.get("size"), f"The size of {found.name}")
                found.logical = _logical("fixed", text, found.size)
                return found
        return self._known(kind, space)

    def _name(self, found: AvroType, text: Mapping[str, object], space: str) -> tuple[AvroType, str]:
        """Give a named type its full name and its aliases; the namespace of the types within it is returned, too."""
        name, own = text.get("name"), text.get("namespace", space)
        if not isinstance(name, str) or not isinstance(own, str):
            raise refused(f"The {found.kind} {name!r:.100} has no name, or its namespace is no text.")
        if "." in name:
            own, _, name = name.rpartition(".")
        found.name = _checked_name(own, name)
        if found.name in self._named or found.name in PRIMITIVES:
            raise refused(f"The schema defines {found.name} twice, or names it like a primitive type.")
        self._named[found.name] = found
        found.aliases = tuple(
            alias if "." in alias else _checked_name(own, alias)
            for alias in _texts(text.get("aliases", []), found.name)
        )
        return found, own

    def _fields(self, record: AvroType, texts: object, space: str) -> None:
        if not isinstance(texts, list):
            raise refused(f"The record {record.name} has no list of fields.")
        for text in texts:
            if not isinstance(text, dict) or not isinstance(text.get("name"), str) or "type" not in text:
                raise refused(f"A field of {record.name} has no name or no type: {text!r:.100}.")
            name, where = _checked_name("", text["name"]), f"{record.name}.{text['name']}"
            kind = self.type(text["type"], space)
            if "default" in text and not self._fits(kind, text["default"]):
                raise refused(f"The default of {where} is no value of its type, {kind}: {text['default']!r:.100}.")
            aliases = tuple(_texts(text.get("aliases", []), where))
            record.fields.append(Field(name, kind, text["type"], "default" in text, aliases))
        names = [entry.name for entry in record.fields]
        if len(set(names)) < len(names):
            raise refused(f"The record {record.name} has two fields of one name.")

    def _fits(self, kind: AvroType, value: object) -> bool:
        """Whether a default, as JSON, is a value of a type. One of a union fits any of its branches (Avro 1.12)."""
        self._looks += 1
        if self._looks > LOOKS_MAX:
            # Two records that hold a union of each other would be tried twice at each level of a default.
            raise refused("The defaults of the schema take too long to check.")
        match kind.kind:
            case "null":
                return value is None
            case "boolean":
                return isinstance(value, bool)
            case "int" | "long":
                bits = 31 if kind.kind == "int" else 63
                return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits
            case "float" | "double":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "string" | "enum" | "bytes" | "fixed":
                return isinstance(value, str)
            case "array":
                return isinstance(value, list) and all(self._fits(kind.within[0], item) for item in value)
            case "map":
                return isinstance(value, dict) and all(self._fits(kind.within[0], item) for item in value.values())
            case "union":
                return any(self._fits(branch, value) for branch in kind.within)
        return isinstance(value, dict) and all(
            self._fits(entry.type, value[entry.name]) if entry.name in value else entry.has_default
            for entry in kind.fields
        )

    def _enum(self, text: Mapping[str, object], space: str) -> AvroType:
        found, _ = self._name(AvroType("enum"), text, space)
        found.symbols = tuple(_checked_name("", symbol) for symbol in _texts(text.get("symbols"), found.name))
        default = text.get("default")
        if len(set(found.symbols)) < len(found.symbols):
            raise refused(f"The enum {found.name} has a symbol twice.")
        if default is not None and default not in found.symbols:
            raise refused(f"The default of {found.name} is none of its symbols: {default!r:.100}.")
        found.default = default if isinstance(default, str) else None
        return found


def _checked_name(space: str, name: str) -> str:
    parts = [*space.split("."), name] if space else [name]
    if not all(_NAME.match(part) for part in parts):
        raise refused(
            f"{'.'.join(parts)!r:.200} is no name in Avro.",
            hint="A name has letters a to z, digits and _, and begins with no digit.",
        )
    return ".".join(parts)


def _texts(found: object, where: str) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise refused(f"{where}: this is no list of texts: {found!r:.100}.")
    return found


def _whole(found: object, what: str) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**31:
        raise refused(f"{what} is no whole number that Avro takes: {found!r:.50}.")
    return found


def _logical(kind: str, text: Mapping[str, object], size: int = 0) -> Logical | None:
    """The logical type of a description. One that is unknown, or impossible, is ignored, as the specification says."""
    name = text.get("logicalType")
    if not isinstance(name, str):
        return None
    if name == "decimal" and kind in ("bytes", "fixed"):
        precision, scale = text.get("precision"), text.get("scale", 0)
        if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision or precision < 1:
            return None
        digits_max = math.floor(math.log10(2) * (8 * size - 1)) if kind == "fixed" else precision
        return Logical(name, precision, scale) if precision <= digits_max else None
    if name == "uuid" and (kind == "string" or (kind == "fixed" and size == 16)):
        return Logical(name)
    if name == "duration" and kind == "fixed" and size == 12:
        return Logical(name)
    return Logical(name) if _LOGICAL.get(name) == kind else None
