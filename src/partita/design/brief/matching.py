"""Nodes of a text matched with the shapes of the form: values, and a finding for each node that does not fit."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches

from partita.design.brief.form import RECORDS
from partita.design.brief.nodes import Entries, Items, Node, Scalar
from partita.design.brief.part import Part, Plain, Value
from partita.design.brief.shape import (
    Again,
    Choice,
    Literal,
    Many,
    Named,
    Number,
    Record,
    Shape,
    Span,
    Text,
    Word,
    YesNo,
)
from partita.design.model.finding import Finding

SPAN = r"(?=.*[1-9])([0-9]{1,6}(\.[0-9]{1,3})?(ms|s|m|h|d)|[0-9]{1,5}w|[0-9]{1,4}y)"
"""A time, in the syntax that Python's and JSON Schema's patterns share."""
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_557_600.0}
FOREVER = "forever"
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?")
YES_NO = {"yes": True, "true": True, "no": False, "false": False}
NOTHING = ("", "~", "null", "Null", "NULL")
"""Plain words for no value."""
UNSEEN = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""C0, C1, separators of lines and marks of direction: none of them may reach a terminal or a page."""
_NO_WORD = re.compile(
    r"[Tt]rue|TRUE|[Ff]alse|FALSE|[-+]?(0x[0-9a-fA-F]+|0o[0-7]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
)
_UNSEEN = re.compile(f"[{UNSEEN}\\ud800-\\udfff]")
WHY = "The form has one meaning for each line; a line outside of it would be dropped silently."


class Matching:
    """One walk over the nodes of a brief; `findings` has the nodes that do not fit."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def value(self, node: Node, shape: Shape, where: str) -> Value | None:
        """The value of a node, or None after a finding."""
        if isinstance(shape, Again):
            shape = RECORDS[shape.name]
        if isinstance(shape, Record):
            return self._record(node, shape, where)
        if isinstance(shape, Named):
            return self._named(node, shape, where)
        if isinstance(shape, Many):
            return self._many(node, shape, where)
        if not isinstance(node, Scalar):
            return self._no(node, f"{where} is a {_kind(node)}.", f"{where}: {example(shape)}")
        return self._plain(node, shape, where)

    def _record(self, node: Node, shape: Record, where: str) -> Value | None:
        if shape.short is not None and isinstance(node, Scalar):
            found = self.value(node, shape.short, where)
            return found and Value(node.line, Part(node.line, {shape.short_key: found}))
        if not isinstance(node, Entries):
            return self._no(node, f"{where} is a {_kind(node)}, and not {shape.noun}.", _record_example(shape))
        values: dict[str, Value] = {}
        for key, inner in node.entries:
            entry = shape.entries.get(key.text)
            if entry is not None:
                found = self.value(inner, entry.of, key.text)
            elif shape.others is not None and re.fullmatch(shape.others.key.pattern, key.text):
                found = self.value(inner, shape.others.of, key.text)
            else:
                self._unknown(key, shape, where)
                continue
            if found is not None:
                values[key.text] = Value(key.line, found.of)
        written = {key.text for key, _ in node.entries}
        for name, entry in shape.entries.items():
            if entry.required and name not in written:
                self._no(node, f"{where} has no `{name}`: {entry.doc}.", f"{name}: {example(entry.of)}")
        return Value(node.line, Part(node.line, values, frozenset(written - values.keys())))

    def _unknown(self, key: Scalar, shape: Record, where: str) -> None:
        near = get_close_matches(key.text, shape.entries, 1)
        known = ", ".join([*shape.entries, *([shape.others.key.example] if shape.others else [])])
        write = f"`{near[0]}`." if near else f"one of: {known}."
        if " " in key.text.strip():
            write = "the text in quotes ('...'): in braces a comma ends it."
        self._no(key, f"{where} has no key {shown(key.text)}.", write)

    def _named(self, node: Node, shape: Named, where: str) -> Value | None:
        if not isinstance(node, Entries):
            return self._no(node, f"{where} is a {_kind(node)}.", f"{shape.key.example}: {example(shape.of)}")
        values: dict[str, Value] = {}
        for key, inner in node.entries:
            if self._plain(key, shape.key, f"the name in {where}") is None:
                continue
            found = self.value(inner, shape.of, key.text)
            if found is not None:
                values[key.text] = Value(key.line, found.of)
        return Value(node.line, Part(node.line, values))

    def _many(self, node: Node, shape: Many, where: str) -> Value | None:
        if shape.none and isinstance(node, Scalar) and node.text == shape.none:
            return Value(node.line, ())
        if isinstance(node, Items) and not node.items:
            empty = f"`{where}: {shape.none}`" if shape.none else f"leave `{where}` out"
            return self._no(node, f"{where} is an empty list.", f"{where}: {example(shape)}, or {empty}.")
        found = [self.value(item, shape.of, where) for item in (node.items if isinstance(node, Items) else (node,))]
        return Value(node.line, tuple(each for each in found if each is not None)) if any(found) else None

    def _plain(self, node: Scalar, shape: Shape, where: str) -> Value | None:
        found: Plain = None
        text = node.text
        if text in NOTHING and not node.quoted:
            return self._no(node, f"{where} has no value.", f"{where}: {example(shape)}, or leave `{where}` out.")
        if isinstance(shape, Literal):
            return self._misfit(node, shape, where) if _UNSEEN.search(text) else Value(node.line, text)
        if isinstance(shape, Word) and not node.quoted and _NO_WORD.fullmatch(text):
            return self._no(node, f"{where}: YAML reads {shown(text)} as no word.", f"{where}: '{text}', in quotes.")
        if isinstance(shape, Word):
            found = text if re.fullmatch(shape.pattern, text) and text not in shape.taken else None
        elif isinstance(shape, Choice):
            found = text if text in shape.words else None
        elif isinstance(shape, Text):
            found = text if text.strip() and len(text) <= shape.length_max and not _UNSEEN.search(text) else None
        elif isinstance(shape, Span):
            found = seconds_of(text)
            found = None if found == math.inf and not shape.forever else found
        elif isinstance(shape, Number):
            found = None if node.quoted else _number(text, shape)
        elif isinstance(shape, YesNo):
            found = YES_NO.get(text)
        return Value(node.line, found) if found is not None else self._misfit(node, shape, where)

    def _misfit(self, node: Scalar, shape: Shape, where: str) -> Value | None:
        near = get_close_matches(node.text, shape.words, 1) if isinstance(shape, Choice) else []
        write = f"{where}: {near[0]}" if near else _allowed(shape, where)
        return self._no(node, f"{where}: {shown(node.text)} is not {_noun(shape)}.", write)

    def _no(self, node: Node, what: str, write: str) -> Value | None:
        self.findings.append(Finding(node.line, "form", what, WHY, write))
        return None


def seconds_of(text: str) -> float | None:
    """The seconds of `30s`, `15m`, `10y` or `forever` (infinite); None for any other text."""
    if text == FOREVER:
        return math.inf
    if not re.fullmatch(SPAN, text):
        return None
    unit = text.lstrip("0123456789.")
    return float(text.removesuffix(unit)) * SECONDS[unit]


def example(shape: Shape) -> str:
    """A value of a shape, for a finding and for the prompt."""
    if isinstance(shape, Word):
        return shape.example
    if isinstance(shape, Choice):
        return shape.words[0]
    if isinstance(shape, Many):
        return f"[{example(shape.of)}]"
    if isinstance(shape, Named):
        return f"{{{shape.key.example}: {example(shape.of)}}}"
    if isinstance(shape, Record):
        return example(shape.short) if shape.short is not None else _record_example(shape)
    plain: dict[type[Shape], str] = {Span: "30s", Number: "12", YesNo: "yes", Text: "a sentence", Again: "{...}"}
    return plain.get(type(shape), "a value")


def shown(text: str) -> str:
    """A foreign word in a finding: in ASCII, of a long one the beginning."""
    found = ascii(text)
    return found if len(found) <= 60 else f"{found[:57]}...'"


def _record_example(shape: Record) -> str:
    required = [f"{name}: {example(each.of)}" for name, each in shape.entries.items() if each.required]
    return "{" + ", ".join(required) + "}"


def _kind(node: Node) -> str:
    return {Scalar: "plain value", Items: "list", Entries: "mapping"}[type(node)]


def _noun(shape: Shape) -> str:
    if isinstance(shape, Word):
        return f"a name for {shape.noun}"
    if isinstance(shape, Choice):
        return "one of its words"
    if isinstance(shape, Text):
        return f"a text of 1 to {shape.length_max} visible characters"
    return {Span: "a time", Number: "a number that it can be", YesNo: "yes or no"}.get(type(shape), "a plain value")


def _allowed(shape: Shape, where: str) -> str:
    if isinstance(shape, Choice):
        return f"one of: {', '.join(shape.words)}."
    if isinstance(shape, Span):
        return "a number and ms, s, m, h, d, w or y: 30s, 24h, 10y" + (", or forever." if shape.forever else ".")
    if isinstance(shape, Number):
        kind = "a whole number" if shape.whole else "a number"
        return f"{kind} from {shape.least:g} to {shape.most:g}."
    return f"such as {example(shape)}."


def _number(text: str, shape: Number) -> float | int | None:
    found = float(text) if NUMBER.fullmatch(text) else math.inf
    if not shape.least <= found <= shape.most or (shape.whole and not found.is_integer()):
        return None
    return int(found) if found.is_integer() else found
