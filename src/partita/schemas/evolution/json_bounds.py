"""The keywords that limit a value by a number or a pattern, and the limits of a reader that a writer may break."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from partita.schemas.evolution.json_document import Part, number


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the reader that a writer's value may break: the rule, the keyword, and both values."""

    rule: str
    keyword: str
    old: object
    new: object


_SIZES = {
    "string": (("minLength", True), ("maxLength", False)),
    "array": (("minItems", True), ("maxItems", False)),
    "object": (("minProperties", True), ("maxProperties", False)),
}
_RULES = {
    "minLength": "min-length-raised",
    "maxLength": "max-length-lowered",
    "minItems": "min-items-raised",
    "maxItems": "max-items-lowered",
    "minProperties": "min-properties-raised",
    "maxProperties": "max-properties-lowered",
}


def broken_limits(writer: Sequence[Part], reader: Part, types: frozenset[str]) -> Iterator[Limit]:
    """The limits of one part of the reader that values of the writer's parts, of these types, may break."""
    for kind, sizes in _SIZES.items():
        for keyword, is_least in sizes if kind in types else ():
            asked, held = number(reader, keyword), _tightest(writer, keyword, is_least)
            if asked is not None and not (keyword.startswith("min") and asked <= 0):
                if held is None or (held < asked if is_least else held > asked):
                    yield Limit(_RULES[keyword], keyword, held, asked)
    if types & {"number", "integer"}:
        yield from _numbers(writer, reader, is_whole="number" not in types)
    if "string" in types:
        for keyword, rule in (("pattern", "pattern-changed"), ("format", "format-changed")):
            if keyword in reader and all(part.get(keyword) != reader[keyword] for part in writer):
                yield Limit(rule, keyword, next((p[keyword] for p in writer if keyword in p), None), reader[keyword])
    if "array" in types and reader.get("uniqueItems") is True and all(p.get("uniqueItems") is not True for p in writer):
        yield Limit("unique-items-added", "uniqueItems", False, True)


def _numbers(writer: Sequence[Part], reader: Part, *, is_whole: bool) -> Iterator[Limit]:
    for is_least, rule in ((True, "minimum-raised"), (False, "maximum-lowered")):
        limit, kept = _bound((reader,), is_least, is_whole), _bound(writer, is_least, is_whole)
        if limit is not None and (kept is None or (kept < limit if is_least else kept > limit)):
            names = ("minimum", "exclusiveMinimum") if is_least else ("maximum", "exclusiveMaximum")
            keyword = next((name for name in reversed(names) if name in reader), names[0])
            told = next((part[name] for part in writer for name in reversed(names) if name in part), None)
            yield Limit(rule, keyword, told, reader[keyword])
    step = number(reader, "multipleOf")
    if step:
        steps = [held for part in writer if (held := number(part, "multipleOf"))] + ([1] if is_whole else [])
        if not any(_exact(held) % _exact(step) == 0 for held in steps):
            yield Limit("multiple-of-changed", "multipleOf", steps[0] if steps else None, step)


def _exact(found: float | int) -> Fraction:
    """0.3 as three tenths, as it is written, and not as the double nearest to it."""
    return Fraction(str(found))


def _bound(parts: Sequence[Part], is_least: bool, is_whole: bool) -> tuple[float | int, bool] | None:
    """The tightest bound, and whether it is exclusive; ordered so that a greater one is the higher bound."""
    plain, open_ = ("minimum", "exclusiveMinimum") if is_least else ("maximum", "exclusiveMaximum")
    found: list[tuple[float | int, bool]] = []
    for part in parts:
        for keyword in (plain, open_):
            value = number(part, keyword)
            if value is None:
                continue
            if is_whole:
                nearest = math.ceil(value) if is_least else math.floor(value)
                step = (1 if is_least else -1) if keyword == open_ and nearest == value else 0
                found.append((nearest + step, False))
            else:
                # An open upper bound lies below the closed one of the same number.
                found.append((value, (keyword == open_) is is_least))
    if not found:
        return None
    return max(found) if is_least else min(found)


def _tightest(parts: Sequence[Part], keyword: str, is_least: bool) -> float | int | None:
    found = [held for part in parts if (held := number(part, keyword)) is not None]
    if not found:
        return None
    return max(found) if is_least else min(found)
