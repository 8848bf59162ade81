"""Nodes of a text matched with the shapes of the form: values, and a finding for each node that does not fit."""

from __future__ import annotations

import math
import re
from difflib import get_close_matches

from partita.design.brief.form import NO_REFUSAL, RECORDS
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

SPAN = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h|d|w|y)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0, "y": 31_557_600.0}
FOREVER = "forever"
NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
YES_NO = {"yes": True, "true": True, "no": False, "false": False}
# C0, C1, the separators of lines, the marks of direction, lone surrogates: none of them may reach a terminal or a page.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
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
        if where == "fail" and isinstance(node, Scalar) and node.text == NO_REFUSAL and not node.quoted:
            return Value(node.line, ())
        if isinstance(node, Items) and not node.items:
            return self._no(node, f"{where} is an empty list.", f"{where}: {example(shape)}, or leave `{where}` out.")
        found = [self.value(item, shape.of, where) for item in (node.items if isinstance(node, Items) else (node,))]
        return Value(node.line, tuple(each for each in found if each is not None)) if any(found) else None

    def _plain(self, node: Scalar, shape: Shape, where: str) -> Value | None:
        found: Plain = None
        text = node.text
        if isinstance(shape, Literal):
            return self._misfit(node, shape, where) if _UNSEEN.search(text) else Value(node.line, text)
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
            found = _number(text, shape)
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
    found = SPAN.fullmatch(text)
    seconds = float(found[1]) * SECONDS[found[2]] if found else 0.0
    return seconds if 0.0 < seconds <= 1_000 * SECONDS["y"] else None


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
    if not NUMBER.fullmatch(text) or (shape.whole and "." in text):
        return None
    found = float(text)
    if not shape.least <= found <= shape.most:
        return None
    return int(text) if "." not in text else found
