"""The rules of Avro: its schema resolution (specification 1.12), which Java's `SchemaCompatibility` checks, too.

Two things are stricter than Java's checker, which looks at no logical type: a number that is read as a timestamp, or with
another scale, is misread without an error. The specification asks for equal decimals and says nothing about the others.
A decimal may become more precise: each value is read back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from partita.schemas.evolution.avro_schema import AvroType, Field, parse_avro
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.pairs import Pairs

DEPTH_MAX = 100
"""Levels of types within each other. A chain of named types is deep although its text is flat."""

_READ_AS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
MEANING = frozenset({"logical-type-changed", "decimal-scale-changed", "decimal-precision-narrowed"})
"""Rules about logical types: bytes are read, and misunderstood. No reader chooses a union's branch by them."""

_ZERO = {"string": "", "int": 0, "long": 0, "float": 0.0, "double": 0.0, "boolean": False, "null": None}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A reader's type, a writer's, and their place."""

    reader: AvroType
    writer: AvroType
    path: str

    def finding(self, rule: str, instead: str, keep: str = "") -> Finding:
        return Finding(rule, self.path, str(self.writer)[:200], str(self.reader)[:200], instead, keep=keep or instead)


class AvroRules:
    """Avro's resolution of a writer's schema by a reader's."""

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        """As `Rules.compare`."""
        reads, writes = parse_avro(reader), parse_avro(writer)
        return _Comparison().findings(_Pair(reads, writes, reads.short_name or reads.kind))


class _Comparison:
    """One walk over two graphs."""

    def __init__(self) -> None:
        self._pairs = Pairs(DEPTH_MAX)
        self._missing: dict[str, Finding] = {}

    def findings(self, pair: _Pair) -> tuple[Finding, ...]:
        """The findings of a pair and of all pairs within it."""
        return self._pairs.findings((pair.reader, pair.writer), pair.path, lambda: self._compare(pair))

    def _compare(self, pair: _Pair) -> Sequence[Finding]:
        reader, writer = pair.reader, pair.writer
        if writer.kind == "union":
            return [finding for branch in writer.within for finding in self.findings(replace(pair, writer=branch))]
        if reader.kind == "union":
            return self._branch(pair)
        if reader.kind != writer.kind:
            return _meaning(pair) if reader.kind in _READ_AS.get(writer.kind, ()) else [_type_changed(pair)]
        match reader.kind:
            case "array" | "map":
                path = pair.path + ("[]" if reader.kind == "array" else "{}")
                return self.findings(_Pair(reader.within[0], writer.within[0], path))
            case "record":
                return [*_names(pair), *self._fields(pair)]
            case "enum":
                return [*_names(pair), *_symbols(pair)]
            case "fixed":
                return [*_names(pair), *_size(pair), *_meaning(pair)]
        return _meaning(pair)

    def _branch(self, pair: _Pair) -> Sequence[Finding]:
        """The findings of the branch that a reader takes: the first of the writer's kind that fits, else the first that fits."""
        tried = [(branch, self.findings(replace(pair, reader=branch))) for branch in pair.reader.within]
        fits = [(branch, found) for branch, found in tried if all(f.rule in MEANING for f in found)]
        alike = [(branch, found) for branch, found in tried if branch.kind == pair.writer.kind]
        for branch, found in fits:
            if branch.kind == pair.writer.kind:
                return found
        if fits:
            return fits[0][1]
        if len(alike) == 1:
            return alike[0][1]  # the nearest branch: its own findings say more than its absence
        text = _written(pair.writer)
        return [
            pair.finding(
                "union-branch-missing",
                f"Add {text} to the union: the earlier schema writes it.",
                f"Write no {text} before each reader has it in its union.",
            )
        ]

    def _fields(self, pair: _Pair) -> list[Finding]:
        found: list[Finding] = []
        writes = {entry.name: entry for entry in pair.writer.fields}
        for entry in pair.reader.fields:
            path = f"{pair.path}.{entry.name}"
            sources = [writes[name] for name in dict.fromkeys((entry.name, *entry.aliases)) if name in writes]
            if len(sources) == 1:
                found += self.findings(_Pair(entry.type, sources[0].type, path))
            elif sources:
                names = ", ".join(source.name for source in sources)
                text = f"Give {entry.name} only one alias that the earlier schema has."
                found.append(
                    Finding("alias-is-ambiguous", path, f"fields {names}", f"one field {entry.name}", text, keep=text)
                )
            elif not entry.has_default:
                if path not in self._missing:
                    self._missing[path] = _no_default(entry, path)
                found.append(self._missing[path])
        return found


def _no_default(entry: Field, path: str) -> Finding:
    whole = {"name": entry.name, "type": entry.text}
    return Finding(
        "field-without-default",
        path,
        f"no field {entry.name}",
        f"{str(entry.type)[:150]}, without a default",
        f"Give the field a default: {_json(_with_default(entry))}",
        keep=f"Keep the field: {_json(whole)}. Its earlier readers have no default for it.",
    )


def _with_default(entry: Field) -> dict[str, object]:
    kind = entry.type
    if kind.kind == "union" and kind.within and kind.within[0].kind in _ZERO:
        return {"name": entry.name, "type": entry.text, "default": _ZERO[kind.within[0].kind]}
    if kind.kind in ("array", "map"):
        return {"name": entry.name, "type": entry.text, "default": [] if kind.kind == "array" else {}}
    if kind.kind == "enum" and kind.symbols:
        return {"name": entry.name, "type": entry.text, "default": kind.default or kind.symbols[0]}
    if kind.kind in _ZERO and kind.logical is None:
        return {"name": entry.name, "type": entry.text, "default": _ZERO[kind.kind]}
    # A money of 0 or a time of 1970 would be taken for a value that was sent.
    types = [text for text in entry.text if text != "null"] if isinstance(entry.text, list) else [entry.text]
    return {"name": entry.name, "type": ["null", *types], "default": None}


def _type_changed(pair: _Pair) -> Finding:
    reader, writer = pair.reader, pair.writer
    both = f'["{reader.kind}", "{writer.kind}"]' if not reader.name and not writer.name else "a union of both types"
    if writer.kind == "null":
        text = f'Read null, too: ["null", {_written(reader)}].'
        return pair.finding("null-not-read", text, f"Write no null: {_written(reader)}.")
    wider = _READ_AS.get(writer.kind, ())
    more = f" {writer.kind} may become {', '.join(wider)}." if wider else ""
    text = f"Keep {_written(writer)}, or read {both}, or add a field with another name.{more}"
    return pair.finding(
        "type-changed", text, f"Keep {_written(reader)}, or write the new type to a field with another name."
    )


def _names(pair: _Pair) -> list[Finding]:
    reader, writer = pair.reader, pair.writer
    if reader.short_name == writer.short_name or writer.name in reader.aliases:
        return []
    return [
        pair.finding(
            "name-changed",
            f'Give {reader.name} the earlier name as an alias: "aliases": ["{writer.name}"]',
            f"Keep the name {reader.name}.",
        )
    ]


def _symbols(pair: _Pair) -> list[Finding]:
    reader = pair.reader
    unknown = [symbol for symbol in pair.writer.symbols if symbol not in reader.symbols]
    if not unknown or reader.default is not None:
        return []
    said = ", ".join(unknown)[:150]
    default = reader.symbols[0] if reader.symbols else unknown[0]
    return [
        Finding(
            "enum-symbol-unknown",
            pair.path,
            f"enum {pair.writer.name} with {said}",
            f"enum {reader.name} without {said}",
            f'Keep the symbols {said}, or give the enum a default for them: "default": "{default}"',
            keep=f"Send no {said} before each reader has a default for them or knows them.",
        )
    ]


def _size(pair: _Pair) -> list[Finding]:
    reader, writer = pair.reader, pair.writer
    if reader.size == writer.size:
        return []
    return [
        Finding(
            "fixed-size-changed",
            pair.path,
            f"fixed {writer.name} of {writer.size} bytes",
            f"fixed {reader.name} of {reader.size} bytes",
            f'Keep "size": {writer.size}, or add a field of a new type with another name.',
            keep=f'Keep "size": {reader.size}, or add a field of a new type with another name.',
        )
    ]


def _meaning(pair: _Pair) -> list[Finding]:
    """Findings about logical types: the bytes are read, but mean another value."""
    reads, writes = pair.reader.logical, pair.writer.logical
    if reads == writes:
        return []
    rule = "logical-type-changed"
    if reads is not None and writes is not None and reads.name == writes.name == "decimal":
        rule = "decimal-scale-changed" if reads.scale != writes.scale else "decimal-precision-narrowed"
        if rule == "decimal-precision-narrowed" and reads.precision > writes.precision:
            return []
    return [
        pair.finding(
            rule,
            f"Keep {pair.writer}, or add a field with another name: a reader would take each value for another one.",
            f"Keep {pair.reader}, or add a field with another name: a reader would take each value for another one.",
        )
    ]


def _written(kind: AvroType) -> str:
    """A type as it is written in a schema: a name, or the JSON of a small type."""
    if kind.logical is not None:
        return str(kind)
    return f'"{kind.name or kind.kind}"' if not kind.within else str(kind)[:200]


def _json(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 600 else f"{text[:600]} ..."
