"""A JSON Schema document: its parts by reference, and what each part says of a value.

A value that fits a schema fits each of its parts: those of `allOf` and of `$ref` beside the schema's own keywords. Nothing is
fetched: a reference leads into the same document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from partita.schemas.evolution.json_text import parse, refused

# A schema from elsewhere holds any JSON; each keyword is looked at before it is used.
Part = Mapping[str, Any]
Schema = tuple[Part, ...] | None
"""The parts of a schema, without their references; None = no value fits it."""

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
SILENT = frozenset(
    {"$id", "$schema", "$anchor", "$defs", "$comment", "definitions", "title", "description", "default", "examples"}
) | {"deprecated", "readOnly", "writeOnly", "contentEncoding", "contentMediaType", "contentSchema"}
"""Keywords that refuse no value."""
PARTS_MAX = 500
CHARS_MAX = 1_000

_SIMPLE = re.compile(
    r"\^?(?:[A-Za-z0-9_ .:/@-]|\\[.dwDW\-/]|\[\^?[A-Za-z0-9_.\-]+\])*(?:[*+?]|\{\d{1,3}(?:,\d{0,3})?\})?\$?\Z"
)
"""A pattern with one repetition at most: no text makes it run for long."""


class Document:
    """One text. A part is found again by reference, and is the same object each time."""

    def __init__(self, text: str) -> None:
        root = parse(text)
        if not is_part(root) and not isinstance(root, bool):
            raise refused("A JSON Schema is an object, true or false.")
        self.root: Any = root
        self._home = root.get("$id", "") if is_part(root) else ""
        self._anchors: dict[str, object] = {}
        self._find_anchors(root)

    @property
    def name(self) -> str:
        """The name of its values in paths: its title, else `$`."""
        title = self.root.get("title", "$") if is_part(self.root) else "$"
        return title if isinstance(title, str) and title.isidentifier() else "$"

    def schema(self, *texts: object) -> Schema:
        """The parts of a value that fits all of these schemas.

        Raises:
            UnknownSchema: one is no schema, or a reference leads outside, nowhere, or to itself.
        """
        found: list[Part] = []
        queue = list(texts)
        while queue:
            text = queue.pop(0)
            if text is False:
                return None
            if text is True:
                continue
            if not is_part(text):
                raise refused(f"This is no JSON Schema: {text!r:.100}.")
            if any(text is part for part in found):
                continue
            found.append(text)
            if len(found) > PARTS_MAX:
                raise refused(f"A schema has more than {PARTS_MAX} parts in its allOf.")
            queue += listed(text, "allOf")
            if "$ref" in text:
                queue.append(self._referred(text["$ref"]))
        return tuple(found)

    def _referred(self, reference: object) -> object:
        if not isinstance(reference, str):
            raise refused(f"This is no reference: {reference!r:.100}.")
        home, _, place = reference.partition("#")
        if home and home != self._home:
            raise refused(
                f"The reference {reference!r:.100} leads out of the schema.",
                hint='Copy the other schema into "$defs" and refer to it by "#/$defs/Name": nothing is fetched.',
            )
        if place and not place.startswith("/"):
            if place in self._anchors:
                return self._anchors[place]
            raise refused(f"The reference {reference!r:.100} leads nowhere.")
        at: Any = self.root
        for step in place.split("/")[1:]:
            key = _unescaped(step)
            if is_part(at) and key in at:
                at = at[key]
            elif isinstance(at, list) and key.isdecimal() and int(key) < len(at):
                at = at[int(key)]
            else:
                raise refused(f"The reference {reference!r:.100} leads nowhere.")
        return at

    def _find_anchors(self, root: object) -> None:
        queue = [root]
        while queue:
            at = queue.pop()
            if is_part(at):
                for keyword in ("$dynamicRef", "$recursiveRef"):
                    if keyword in at:
                        raise refused(f"{keyword} is not compared.", hint="Refer to a definition by $ref.")
                if isinstance(at.get("$anchor"), str):
                    self._anchors[at["$anchor"]] = at
                queue += at.values()
            elif isinstance(at, list):
                queue += at


def is_part(found: object) -> TypeGuard[Part]:
    """Whether a schema has keywords."""
    return isinstance(found, dict)


def listed(part: Part, keyword: str) -> list[Any]:
    """The list of a keyword; none when it is absent.

    Raises:
        UnknownSchema: it is no list.
    """
    found = part.get(keyword, [])
    if not isinstance(found, list):
        raise refused(f"{keyword} is no list: {found!r:.100}.")
    return found


def names(part: Part, keyword: str) -> list[str]:
    """The names of properties in the list of a keyword; none when it is absent.

    Raises:
        UnknownSchema: it is no list of texts.
    """
    found = listed(part, keyword)
    if not all(isinstance(name, str) for name in found):
        raise refused(f"{keyword} is no list of names: {found!r:.100}.")
    return found


def mapped(part: Part, keyword: str) -> Part:
    """The object of a keyword; empty when it is absent.

    Raises:
        UnknownSchema: it is no object.
    """
    found = part.get(keyword, {})
    if not is_part(found):
        raise refused(f"{keyword} is no object: {found!r:.100}.")
    return found


def number(part: Part, keyword: str) -> float | int | None:
    """The number of a keyword; None when it is absent.

    Raises:
        UnknownSchema: it is no number.
    """
    found = part.get(keyword)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise refused(f"{keyword} is no number: {found!r:.100}.")
    return found


def types_of(parts: Iterable[Part]) -> frozenset[str]:
    """The types of a value that fits all parts. A whole number is both an integer and a number."""
    found = frozenset(TYPES)
    for part in parts:
        if "type" not in part:
            continue
        named = part["type"] if isinstance(part["type"], list) else [part["type"]]
        if not all(name in TYPES for name in named):
            raise refused(f"This is no type in JSON Schema: {part['type']!r:.100}.")
        found &= frozenset(named) | (frozenset({"integer"}) if "number" in named else frozenset())
    return found


def value_of(part: Part, name: str) -> list[object]:
    """The schemas of one part for the property `name`."""
    own = mapped(part, "properties")
    found = [own[name]] if name in own else []
    found += [inner for pattern, inner in mapped(part, "patternProperties").items() if matches(pattern, name)]
    return found or [part.get("additionalProperties", True)]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern is found in the name of a property.

    Raises:
        UnknownSchema: it is not certain.
    """
    found = found_in(pattern, name)
    if found is None:
        raise refused(
            f"The pattern {pattern!r:.100} is too complex to be compared with the name of a property.",
            hint="Use a pattern with one repetition, such as ^x_[a-z]*$.",
        )
    return found


def found_in(pattern: object, text: str) -> bool | None:
    """Whether a pattern is found in a text; None where the search could run for ever, as with `(a+)+$`."""
    if len(text) > CHARS_MAX or not isinstance(pattern, str) or not _SIMPLE.match(pattern):
        return None
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return None


def items_of(part: Part) -> tuple[Sequence[object], object]:
    """The schemas of the first items, and that of all others. Drafts before 2020-12 write them in other keywords."""
    if isinstance(part.get("items"), list):
        return listed(part, "items"), part.get("additionalItems", True)
    return listed(part, "prefixItems"), part.get("items", True)


def _unescaped(step: str) -> str:
    return re.sub("%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), step).replace("~1", "/").replace("~0", "~")
