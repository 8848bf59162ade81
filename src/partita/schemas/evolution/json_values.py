"""Whether one value fits a schema, as far as it is certain: for the values of an enum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from partita.schemas.evolution.json_document import SILENT, Document, Part, Schema, found_in, listed, number, types_of
from partita.schemas.evolution.json_text import refused

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength")
LOOKED_AT = frozenset({"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", *BOUNDS}) | SILENT
CONDITIONS = frozenset({"not", "if"})
_FEW: dict[str, list[Any]] = {"null": [None], "boolean": [False, True]}
LOOKS_MAX = 10_000
DEPTH_MAX = 50


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in JSON: true is not 1, and 1.0 is 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def type_of(value: Any) -> str:
    """The narrowest type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def values_of(parts: tuple[Part, ...], types: frozenset[str]) -> list[Any] | None:
    """The values that an enum, a const, or types of few values leave; None when there are too many to be listed."""
    few = [value for kind, values in _FEW.items() if kind in types for value in values]
    found: list[Any] | None = few if types <= _FEW.keys() else None
    for part in parts:
        lists = [listed(part, "enum")] if "enum" in part else []
        lists += [[part["const"]]] if "const" in part else []
        for values in lists:
            found = values if found is None else [each for each in found if any(same(each, value) for value in values)]
    return found


class Fitting:
    """Whether values fit the schemas of one document. None = it is not certain."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._looks = 0

    def fits(self, value: Any, schema: Schema, within: tuple[Part, ...] = ()) -> bool | None:
        """Whether a value fits. `within` are the parts that ask: a part that asks for itself leads nowhere.

        Raises:
            UnknownSchema: there are too many alternatives.
        """
        self._looks += 1
        if self._looks > LOOKS_MAX:
            raise refused("The schema has too many alternatives to be compared.")
        if schema is None:
            return False
        allowed = values_of(schema, types_of(schema))
        if allowed is not None and not any(same(value, each) for each in allowed):
            return False
        if type_of(value) not in types_of(schema):
            return False
        if len(within) > DEPTH_MAX or any(part is asking for part in schema for asking in within):
            return None
        return _all(self._fits_part(value, part, (*within, *schema)) for part in schema)

    def _fits_part(self, value: Any, part: Part, within: tuple[Part, ...]) -> bool | None:
        found: list[bool | None] = []
        for keyword in ("anyOf", "oneOf"):
            if keyword in part:
                each = [self.fits(value, self._document.schema(text), within) for text in listed(part, keyword)]
                if keyword == "oneOf" and each.count(True) > 1:
                    return False
                found.append(True in each if None not in each or (keyword == "anyOf" and True in each) else None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.append(_fits_bounds(value, part))
        elif isinstance(value, str):
            least, most = number(part, "minLength"), number(part, "maxLength")
            found.append((least is None or len(value) >= least) and (most is None or len(value) <= most))
            found += [found_in(part["pattern"], value)] if "pattern" in part else []
            found += [None] if "format" in part else []
        elif value is not None and not isinstance(value, bool) and part.keys() - LOOKED_AT:
            found.append(None)
        return _all([*found, None if part.keys() & CONDITIONS else True])


def _all(found: Iterable[bool | None]) -> bool | None:
    answers = list(found)
    return False if False in answers else None if None in answers else True


def _fits_bounds(value: float | int, part: Part) -> bool:
    least, most, step = number(part, "minimum"), number(part, "maximum"), number(part, "multipleOf")
    above, below = number(part, "exclusiveMinimum"), number(part, "exclusiveMaximum")
    return (
        (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
        and (below is None or value < below)
        and (not step or value % step == 0)
    )
