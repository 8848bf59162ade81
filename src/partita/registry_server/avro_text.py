"""Avro schemas as texts: checked by the specification's rules, and written in one form whatever their layout (Avro 1.12)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from partita.registry_server.language import Parsed
from partita.texts.bounded_json import bounded_json

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
NAMED = ("record", "error", "enum", "fixed")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# The attributes with a meaning, by type; all others are properties, which are kept.
ATTRIBUTES = {
    "record": ("name", "namespace", "doc", "fields", "aliases"),
    "error": ("name", "namespace", "doc", "fields", "aliases"),
    "enum": ("name", "namespace", "doc", "symbols", "default", "aliases"),
    "fixed": ("name", "namespace", "doc", "size", "aliases"),
    "array": ("items",),
    "map": ("values",),
}
FIELD_ATTRIBUTES = ("name", "type", "doc", "default", "order", "aliases")
ORDERS = ("ascending", "descending", "ignore")


class _Definition(NamedTuple):
    """A named type of a referenced schema, and the namespace around it."""

    schema: dict[str, Any]
    space: str


class AvroText:
    """See `partita.registry_server.language.Language`. The order of attributes and the layout have no effect, names are relative
    to the namespace around them; properties, docs and defaults are kept."""

    def parse(self, text: str, references: Mapping[str, str], *, normalize: bool) -> Parsed:
        """Read a schema; its form is normal already."""
        elsewhere: dict[str, _Definition] = {}
        for name, other in references.items():
            try:
                _Writing(elsewhere, collect=elsewhere).write(bounded_json(other), "", "")
            except ValueError as error:
                raise ValueError(f"the referenced schema {name}: {error}") from error
        schema = bounded_json(text)
        canonical = _dumped(_Writing(elsewhere).write(schema, "", ""))
        whole = _dumped(_Writing(elsewhere, inline=True).write(schema, "", "")) if elsewhere else canonical
        return Parsed(canonical, whole)

    def formatted(self, text: str, references: Mapping[str, str], form: str) -> str:
        """The text: it has one form."""
        return text


class _Writing:
    """One walk over a schema, which checks it and writes it again. `space` is the namespace by which the schema's names are read,
    `around` the one around the place where it is written: they differ in a definition that is written inline."""

    def __init__(
        self,
        elsewhere: Mapping[str, _Definition],
        *,
        inline: bool = False,
        collect: dict[str, _Definition] | None = None,
    ) -> None:
        self._elsewhere = dict(elsewhere)
        self._inline = inline
        self._collect = collect
        self._known: set[str] = set()

    def write(self, schema: Any, space: str, around: str) -> Any:
        if isinstance(schema, str):
            return self._name(schema, space, around)
        if isinstance(schema, list):
            return self._union(schema, space, around)
        if not isinstance(schema, dict):
            raise ValueError(f"{_shown(schema)} is no schema")
        kind = schema.get("type")
        if not isinstance(kind, str):
            raise ValueError(f"a schema without a type: {_shown(schema)}")
        if kind in NAMED:
            return self._named(kind, schema, space, around)
        if kind in ("array", "map"):
            inner = "items" if kind == "array" else "values"
            if inner not in schema:
                raise ValueError(f"the type {kind} without {inner}")
            return {"type": kind, inner: self.write(schema[inner], space, around), **_properties(kind, schema)}
        if kind in PRIMITIVES:
            properties = _properties(kind, schema)
            return {"type": kind, **properties} if properties else kind
        return self._name(kind, space, around)

    def _name(self, name: str, space: str, around: str) -> Any:
        if name in PRIMITIVES:
            return name
        full = name if "." in name or not space else f"{space}.{name}"
        if full in self._known:
            return _relative(full, around)
        if full in self._elsewhere:
            if not self._inline:
                return _relative(full, around)
            found = self._elsewhere[full]
            return self.write(found.schema, found.space, around)
        raise ValueError(f"the type {name!r:.200} is not defined")

    def _union(self, branches: list[Any], space: str, around: str) -> list[Any]:
        written, seen = [], set()
        for branch in branches:
            if isinstance(branch, list):
                raise ValueError("a union directly within a union")
            one = self.write(branch, space, around)
            if isinstance(one, list):
                raise ValueError("a union directly within a union")
            kind = one if isinstance(one, str) else one["type"]
            label = kind
            if isinstance(one, dict) and kind in NAMED:
                label = one["name"] + one.get("namespace", around)
            if label in seen:
                raise ValueError(f"two branches of a union are {kind}")
            seen.add(label)
            written.append(one)
        return written

    def _named(self, kind: str, schema: dict[str, Any], space: str, around: str) -> dict[str, Any]:
        full = _full_name(schema, space)
        own_space, _, name = full.rpartition(".")
        if full in self._known or (not self._inline and self._collect is None and full in self._elsewhere):
            raise ValueError(f"{full} is defined twice")
        self._known.add(full)
        if self._collect is not None:
            self._collect.setdefault(full, _Definition(schema, space))
        written: dict[str, Any] = {"type": kind, "name": name}
        if own_space != around:
            written["namespace"] = own_space
        if schema.get("doc") is not None:
            written["doc"] = _text(schema["doc"], f"the doc of {full}")
        if kind in ("record", "error"):
            written["fields"] = self._fields(full, schema.get("fields"), own_space)
        elif kind == "enum":
            written["symbols"] = _symbols(full, schema.get("symbols"))
            if "default" in schema:
                if schema["default"] not in written["symbols"]:
                    raise ValueError(f"the default of {full} is none of its symbols")
                written["default"] = schema["default"]
        else:
            size = schema.get("size")
            if not isinstance(size, int) or isinstance(size, bool) or size < 0:
                raise ValueError(f"{full} has no size")
            written["size"] = size
        written |= _aliases(schema, own_space, full)
        return written | _properties(kind, schema)

    def _fields(self, full: str, fields: Any, space: str) -> list[dict[str, Any]]:
        if not isinstance(fields, list):
            raise ValueError(f"{full} has no fields")
        written: list[dict[str, Any]] = []
        names: set[str] = set()
        for field in fields:
            if not isinstance(field, dict) or "type" not in field:
                raise ValueError(f"a field of {full} without a type: {_shown(field)}")
            name = _checked(field.get("name"), f"a field of {full}")
            if name in names:
                raise ValueError(f"{full} has two fields {name!r}")
            names.add(name)
            one: dict[str, Any] = {"name": name, "type": self.write(field["type"], space, space)}
            if field.get("doc") is not None:
                one["doc"] = _text(field["doc"], f"the doc of {full}.{name}")
            if "default" in field:
                one["default"] = field["default"]
            order = field.get("order", "ascending")
            if order not in ORDERS:
                raise ValueError(f"the order of {full}.{name} is {_shown(order)}")
            if order != "ascending":
                one["order"] = order
            one |= _aliases(field, "", f"{full}.{name}")
            written.append(one | _others(field, FIELD_ATTRIBUTES))
        return written


def _full_name(schema: dict[str, Any], space: str) -> str:
    name = schema.get("name")
    if isinstance(name, str) and "." in name:
        parts = name.split(".")
        own = ".".join(parts[:-1])
    else:
        parts = [name] if isinstance(name, str) else []
        given = schema.get("namespace")
        own = space if given is None else _text(given, "a namespace")
    for part in [*(own.split(".") if own else []), *parts[-1:]]:
        _checked(part, "a name")
    if not parts:
        raise ValueError(f"a {schema.get('type')} without a name")
    return f"{own}.{parts[-1]}" if own else parts[-1]


def _relative(full: str, around: str) -> str:
    space, _, name = full.rpartition(".")
    return name if space == around else full


def _checked(name: Any, what: str) -> str:
    if not isinstance(name, str) or not NAME.match(name):
        raise ValueError(f"{what}: {_shown(name)} is no name in Avro")
    return name


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    return value


def _symbols(full: str, symbols: Any) -> list[str]:
    if not isinstance(symbols, list):
        raise ValueError(f"{full} has no symbols")
    found = [_checked(symbol, f"a symbol of {full}") for symbol in symbols]
    if len(set(found)) != len(found):
        raise ValueError(f"{full} has a symbol twice")
    return found


def _aliases(schema: dict[str, Any], space: str, what: str) -> dict[str, list[str]]:
    aliases = schema.get("aliases")
    if not aliases:
        return {}
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise ValueError(f"the aliases of {what} are no texts")
    return {"aliases": [_relative(alias, space) if "." in alias else alias for alias in aliases]}


def _properties(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    return _others(schema, ("type", *ATTRIBUTES.get(kind, ())))


def _others(schema: dict[str, Any], attributes: tuple[str, ...]) -> dict[str, Any]:
    return {name: schema[name] for name in sorted(schema) if name not in attributes}


def _dumped(schema: Any) -> str:
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def _shown(value: Any) -> str:
    return f"{json.dumps(value):.80}"
