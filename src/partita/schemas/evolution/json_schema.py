"""The rules of JSON Schema: whether each value that fits the writer's schema fits the reader's.

The rules follow those of Confluent's registry (open, closed and partially open content models). They are stricter where these
let a value pass that the reader refuses, as one that fits two alternatives of `oneOf`, and where a `format` is added. A required
property with a default counts as present: a reader fills it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from partita.schemas.evolution import json_advice as advice
from partita.schemas.evolution.finding import Finding
from partita.schemas.evolution.json_bounds import broken_limits
from partita.schemas.evolution.json_disjoint import Separation
from partita.schemas.evolution.json_document import (
    SILENT,
    TYPES,
    Document,
    Part,
    Schema,
    is_part,
    items_of,
    listed,
    mapped,
    matches,
    names,
    number,
    types_of,
    value_of,
)
from partita.schemas.evolution.json_text import refused
from partita.schemas.evolution.json_values import Fitting, values_of
from partita.schemas.evolution.pairs import Pairs

DEPTH_MAX = 40
DEPTH_WITHIN_MAX = 10
BRANCHES_MAX = 200
NESTED_MAX = 2
"""Comparisons within comparisons, for the alternatives that a value does not fit."""

_ONE_TYPE: dict[str, Part] = {
    kind: {"type": kind} for kind in ("null", "boolean", "integer", "number", "string", "array", "object")
}
_BY_NAME, _SCHEMAS = ("properties", "$defs"), ("items", "anyOf", "additionalProperties")
"""The keywords of the schema of a class that hold schemas: each under a name, or one or several without names."""
_ONLY_EQUAL = (
    ("if", "then", "else"),
    ("contains", "minContains", "maxContains"),
    ("dependentSchemas",),
    ("dependencies",),
    ("propertyNames",),
)
"""Keywords that pass only where both schemas have them alike."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """A value of the writer, with one alternative chosen of each anyOf and oneOf. It fits none of `nots`."""

    parts: tuple[Part, ...]
    nots: tuple[tuple[Part, ...], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        return (*map(id, self.parts), "not", *(id(part) for parts in self.nots for part in parts))


class JsonSchemaRules:
    """Whether a reader's JSON Schema takes each value that fits a writer's. With `classes`, the writer is a message class: it
    writes the properties that its schema names and no other, although the schema is open for readers."""

    def __init__(self, *, classes: bool = False) -> None:
        self._classes = classes

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        """As `Rules.compare`."""
        reads, writes = Document(reader), Document(_closed(writer) if self._classes else writer)
        path = reads.name if reads.name != "$" else writes.name
        return _Comparison(reads, writes).findings(writes.schema(writes.root), reads.schema(reads.root), path)


def _closed(text: str) -> str:
    """The schema of a class, for what it writes: each of its records has the named properties alone."""
    return json.dumps(_without_more(json.loads(text)))


def _without_more(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_more(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for key in schema:
        if key in _BY_NAME:
            found[key] = {name: _without_more(each) for name, each in schema[key].items()}
        elif key in _SCHEMAS:
            found[key] = _without_more(schema[key])
    if "properties" in found and "additionalProperties" not in found:
        found["additionalProperties"] = False
    return found


class _Comparison:
    """One walk over two documents; `nested` counts the comparisons around it."""

    def __init__(self, reads: Document, writes: Document, nested: int = 0) -> None:
        self._reads, self._writes, self._nested = reads, writes, nested
        self._pairs = Pairs(DEPTH_WITHIN_MAX if nested else DEPTH_MAX)
        self._fitting, self._writing = Fitting(reads), Fitting(writes)
        self._separation = Separation(writes, reads)

    def findings(self, writer: Schema, reader: Schema, path: str) -> tuple[Finding, ...]:
        """The findings of two schemas and of all schemas within them."""
        if writer is None:
            return ()
        key = (*map(id, writer), "by", *map(id, reader or ()))
        return self._pairs.findings(key, path, lambda: self._compare(writer, reader, path))

    def _compare(self, writer: tuple[Part, ...], reader: Schema, path: str) -> Iterator[Finding]:
        if reader is None:
            instead = "Let the schema take some value here."
            yield advice.changed("nothing-allowed", path, "some values", "false: no value", instead)
            return
        for branch in self._branches(writer):
            yield from self._branch(branch, reader, path)

    def _branches(self, writer: tuple[Part, ...]) -> Iterator[_Branch]:
        queue: list[tuple[_Branch, frozenset[tuple[int, str]]]] = [(_Branch(writer), frozenset())]
        for _ in range(BRANCHES_MAX):
            if not queue:
                return
            branch, chosen = queue.pop(0)
            groups = [(p, k) for p in branch.parts for k in ("anyOf", "oneOf") if k in p and (id(p), k) not in chosen]
            if not groups:
                if types_of(branch.parts) and values_of(branch.parts, frozenset(TYPES)) != []:
                    yield branch
                continue
            part, keyword = groups[0]
            alternatives = [self._writes.schema(text) for text in listed(part, keyword)]
            for place, alternative in enumerate(alternatives):
                if alternative is not None:
                    more = tuple(p for p in alternative if not any(p is known for known in branch.parts))
                    others = (
                        [each for n, each in enumerate(alternatives) if n != place and each]
                        if keyword == "oneOf"
                        else []
                    )
                    found = _Branch((*branch.parts, *more), (*branch.nots, *(each for each in others if each)))
                    queue.append((found, chosen | {(id(part), keyword)}))
        raise refused("The schema has too many alternatives to be compared.")

    def _branch(self, branch: _Branch, reader: tuple[Part, ...], path: str) -> Iterator[Finding]:
        for part in reader:
            self._pairs.count(len(branch.parts), path)
            yield from self._part(branch, part, path)

    def _part(self, branch: _Branch, part: Part, path: str) -> Iterator[Finding]:
        """The findings of a branch by one part of the reader's schema."""
        old, new = types_of(branch.parts), types_of((part,))
        values = values_of(branch.parts, old)
        is_enum = "enum" in part or "const" in part
        if values is not None:
            # By one part after the other: an alternative that was chosen would ask for itself.
            parts = [(each,) for each in branch.parts]
            written = [v for v in values if all(self._writing.fits(v, each) is not False for each in parts)]
            answers = [self._fitting.fits(value, (part,)) for value in written]
            if False in answers:
                lost = [value for value, fits in zip(written, answers, strict=True) if fits is False]
                kind = f"values {advice.said(values_of((part,), new))}" if is_enum else advice.said_types(new)
                yield advice.not_allowed(path, lost, kind, is_enum=is_enum)
                return
            if None not in answers:
                return
        elif is_enum:
            allowed = advice.said(values_of((part,), new))
            yield advice.changed("enum-added", path, advice.said_types(old), f"values {allowed}", "Leave out the enum.")
            return
        if "number" not in new and "integer" in new and _is_whole(branch.parts):
            old -= {"number"}
        if old - new:
            yield advice.types_narrowed(path, old, new)
        types = old & new
        if not types:
            return
        yield from (advice.limited(path, limit) for limit in broken_limits(branch.parts, part, types))
        if "object" in types:
            yield from self._properties(branch, part, path)
            yield from self._required(branch, part, path)
        if "array" in types:
            yield from self._items(branch, part, path)
        yield from self._alternatives(branch, part, types, path)
        yield from self._nots(branch, part, path)
        yield from self._equal(branch, part, types, path)

    # Objects: names that the reader has, names that only the writer has, patterns, and all other names.

    def _properties(self, branch: _Branch, part: Part, path: str) -> Iterator[Finding]:
        own, patterns = mapped(part, "properties"), mapped(part, "patternProperties")
        others = part.get("additionalProperties", True)
        for name, text in own.items():
            for each in (text, *(inner for pattern, inner in patterns.items() if matches(pattern, name))):
                yield from self._property(branch, name, each, f"{path}.{name}")
        written = dict.fromkeys(name for p in branch.parts for name in mapped(p, "properties") if name not in own)
        for name in written:
            fitting = [text for pattern, text in patterns.items() if matches(pattern, name)] or [others]
            yield from self._unnamed(branch, name, fitting, f"{path}.{name}")
        for pattern, text in patterns.items():
            for governing in _matching(branch, pattern):
                yield from self.findings(
                    self._writes.schema(governing), self._reads.schema(text), f"{path}{{{pattern}}}"
                )
        for governing in _remaining(branch, list(patterns)) if others is not True else ():
            if others is not False:
                yield from self.findings(self._writes.schema(governing), self._reads.schema(others), f"{path}{{}}")
            elif self._writes.schema(governing) is not None:
                yield advice.closed(path, "additionalProperties")

    def _unnamed(self, branch: _Branch, name: str, texts: Sequence[object], path: str) -> Iterator[Finding]:
        """A property that the reader does not name, by those of its schemas that govern it."""
        value = self._value(branch, name)
        for text in texts if value is not None else ():
            if text is False:
                yield advice.removed_from_closed_model(path, name)
            else:
                yield from self.findings(value, self._reads.schema(text), path)

    def _property(self, branch: _Branch, name: str, text: object, path: str) -> Iterator[Finding]:
        reader = self._reads.schema(text)
        value = self._value(branch, name)
        found = self.findings(value, reader, path)
        is_declared = any(name in mapped(part, "properties") for part in branch.parts)
        if found and not is_declared and all(not part.keys() - SILENT for part in value or ()):
            yield advice.added_to_open_model(path, name, advice.said_types(types_of(reader or ())))
        else:
            yield from found

    def _value(self, branch: _Branch, name: str) -> Schema:
        return self._writes.schema(*(text for part in branch.parts for text in value_of(part, name)))

    def _required(self, branch: _Branch, part: Part, path: str) -> Iterator[Finding]:
        present = {name for written in branch.parts for name in names(written, "required")}
        for name in names(part, "required"):
            schema = self._reads.schema(*value_of(part, name)) or ()
            defaults = [each["default"] for each in schema if "default" in each][:1]
            is_filled = any(self._fitting.fits(default, schema) is not False for default in defaults)
            if name not in present and not is_filled:
                yield advice.required(f"{path}.{name}", name)
        dependent = mapped(part, "dependentRequired")
        for name in dependent:
            given = [names(mapped(written, "dependentRequired"), name) for written in branch.parts]
            needed = [each for each in names(dependent, name) if each not in present]
            missing = [each for each in needed if not any(each in held for held in given)]
            if missing:
                instead = f'Take {advice.said(missing)} out of "dependentRequired".'
                said = f"{name} needs {advice.said(missing)}"
                yield advice.changed(
                    "dependent-required-added", f"{path}.{name}", f"{name} needs nothing", said, instead
                )

    def _items(self, branch: _Branch, part: Part, path: str) -> Iterator[Finding]:
        first, others = items_of(part)
        written = [items_of(each) for each in branch.parts]
        known = max([len(first), *(len(prefix) for prefix, _ in written)])
        most = min([most for each in branch.parts if (most := number(each, "maxItems")) is not None], default=None)
        for place in range(known + 1):
            if most is not None and place >= most:
                return
            value = self._writes.schema(*(p[place] if place < len(p) else rest for p, rest in written))
            text = first[place] if place < len(first) else others
            if value is None:
                return  # an array of the writer ends here
            if text is False:
                yield advice.closed(path, "items")
                return
            yield from self.findings(value, self._reads.schema(text), f"{path}[{place if place < known else ''}]")

    # Alternatives: one must take the whole branch. Values that several take together are not looked at.

    def _alternatives(self, branch: _Branch, part: Part, types: frozenset[str], path: str) -> Iterator[Finding]:
        split = types - {"integer"} if "number" in types else types
        for keyword in ("anyOf", "oneOf"):
            alternatives = [self._reads.schema(text) for text in listed(part, keyword)]
            for kind in sorted(split) if keyword in part else ():
                single = replace(branch, parts=(*branch.parts, _ONE_TYPE[kind]))
                yield from self._chosen(single, kind, alternatives, path, is_one=keyword == "oneOf")

    def _chosen(
        self, single: _Branch, kind: str, alternatives: list[Schema], path: str, *, is_one: bool
    ) -> Iterator[Finding]:
        tried = {n: self._single(single, each, path) for n, each in enumerate(alternatives) if each is not None}
        fits = [n for n, found in tried.items() if not found]
        if not fits:
            near = [n for n in tried if kind in types_of(alternatives[n] or ())]
            if len(near) == 1:
                yield from tried[near[0]]  # its own findings say more than its absence
                return
            said = f"{len(alternatives)} alternatives, none for each {kind}"
            instead = f"Keep an alternative for each {kind} of before."
            yield advice.changed("alternative-missing", path, kind, said, instead)
            return
        if is_one and not any(self._is_alone(single, fit, alternatives) for fit in fits):
            said = "a value of before may fit two alternatives of oneOf"
            instead = 'Write "anyOf", or give each alternative a required property with another "const".'
            yield advice.changed("alternatives-overlap", path, "one alternative", said, instead)

    def _is_alone(self, single: _Branch, fit: int, alternatives: list[Schema]) -> bool:
        """Whether a value of the branch, which fits the alternative `fit`, fits none of the others."""
        others = [each for n, each in enumerate(alternatives) if n != fit]
        return all(each is None or self._excluded(single, each) for each in others)

    def _single(self, single: _Branch, reader: Schema, path: str) -> tuple[Finding, ...]:
        assert reader is not None
        key = (*single.key, "by", *map(id, reader))
        return self._pairs.findings(key, path, lambda: self._branch(single, reader, path))

    def _excluded(self, branch: _Branch, reader: tuple[Part, ...]) -> bool:
        """Whether no value of a branch fits the reader's schema."""
        if self._separation.are_apart(branch.parts, reader):
            return True
        nots = [*branch.nots, *(self._writes.schema(part["not"]) for part in branch.parts if "not" in part)]
        return any(outer is not None and self._is_within(reader, outer) for outer in nots)

    def _is_within(self, inner: tuple[Part, ...], outer: tuple[Part, ...]) -> bool:
        """Whether each value of a reader's schema fits one of the writer's."""
        if inner == outer and (self._reads.root == self._writes.root or not _refers(list(inner))):
            return True
        if self._nested >= NESTED_MAX:
            return False
        return not _Comparison(self._writes, self._reads, self._nested + 1).findings(inner, outer, "")

    def _nots(self, branch: _Branch, part: Part, path: str) -> Iterator[Finding]:
        refusing = self._reads.schema(part["not"]) if "not" in part else None
        if refusing is not None and not self._excluded(branch, refusing):
            said, instead = advice.said(part["not"]), 'Leave out "not", or refuse fewer values by it.'
            yield advice.changed("not-extended", path, "values that the new schema refuses", f"not {said}", instead)

    def _equal(self, branch: _Branch, part: Part, types: frozenset[str], path: str) -> Iterator[Finding]:
        kept = {"object", "array"} & types
        groups = [*_ONLY_EQUAL, *((("unevaluatedProperties",), ("unevaluatedItems",)) if kept else ())]
        for group in groups:
            if not any(keyword in part for keyword in group):
                continue
            # `unevaluated...` depends on all keywords beside it.
            keywords = part.keys() if group[0].startswith("unevaluated") else group
            if not any(all(_alike(each, part, keyword) for keyword in keywords) for each in branch.parts) or (
                _refers({keyword: part.get(keyword) for keyword in keywords}) and self._reads.root != self._writes.root
            ):
                said = ", ".join(keyword for keyword in group if keyword in part)
                instead = f"Keep {said} as it is: it is not compared further."
                yield advice.changed("keyword-changed", path, f"another {said}, or none", said, instead)


def _matching(branch: _Branch, pattern: str) -> list[object]:
    """The schemas of which one governs the properties that match a pattern, and that no part names."""
    for part in branch.parts:
        own = mapped(part, "patternProperties")
        if pattern in own:
            return [own[pattern]]
    return _remaining(branch, (pattern,))


def _remaining(branch: _Branch, patterns: Sequence[str]) -> list[object]:
    """The schemas of which one governs the properties that no part names, without these patterns. One part is looked at: the
    first that limits them."""
    for part in branch.parts:
        if "additionalProperties" in part:
            own = mapped(part, "patternProperties")
            return [*(text for pattern, text in own.items() if pattern not in patterns), part["additionalProperties"]]
    return [True]


def _is_whole(parts: Sequence[Part]) -> bool:
    return any((step := number(part, "multipleOf")) and step == int(step) for part in parts)


def _alike(one: Part, other: Part, keyword: str) -> bool:
    return keyword in SILENT or (keyword in one) is (keyword in other) and one.get(keyword) == other.get(keyword)


def _refers(text: Any) -> bool:
    """Whether a schema refers to another one, which may have changed."""
    queue = [text]
    while queue:
        at = queue.pop()
        if is_part(at):
            if "$ref" in at:
                return True
            queue += at.values()
        elif isinstance(at, list):
            queue += at
    return False
