"""Values for JSON Schemas: some that are near a schema, and all that differ from one of them at a single place."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.oracles.json_pairs import NAMES

POOL: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 4.5, 5, 6, 7),
    *("", "a", "aa", "aaa", "aaaa", "b", "bb", "ab", "abb", "bbb", "cccc", "aaaab", "abbbb"),
    *(
        [],
        [1],
        ["a"],
        [1, 1],
        ["a", "bb"],
        [1, 2, 3],
        ["a", "a", "a", "a"],
        [None],
        [True, 7],
        {},
        {"a": 1},
        {"zz": "a"},
    ),
)


def near(schema: Any, root: Any, dice: random.Random, depth: int = 0) -> Any:
    """A value that mostly fits."""
    if not isinstance(schema, dict) or depth > 8:
        return dice.choice(POOL)
    if "$ref" in schema:
        return near(root["$defs"]["d"], root, dice, depth + 1)
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return near(dice.choice(schema[keyword]), root, dice, depth + 1)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else dice.choice(schema["enum"])
    kind = schema.get("type")
    kind = dice.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return _object(schema, root, dice, depth)
    if kind == "array":
        first = schema.get("prefixItems", [])
        length = dice.randint(schema.get("minItems", 0), max(schema.get("minItems", 0), schema.get("maxItems", 3)))
        schemas = [*first, *[schema.get("items")] * length][:length]
        return [near(each, root, dice, depth + 1) for each in schemas]
    tests = {"null": type(None), "boolean": bool, "integer": int, "number": (int, float), "string": str}
    fitting = [
        v
        for v in POOL
        if kind is None or (isinstance(v, tests[kind]) and (kind == "boolean" or not isinstance(v, bool)))
    ]
    return dice.choice(fitting)


def _object(schema: Any, root: Any, dice: random.Random, depth: int) -> Any:
    required = schema.get("required", ())
    names = [name for name in schema.get("properties", {}) if name in required or dice.random() < 0.6]
    found = {name: near(schema["properties"][name], root, dice, depth + 1) for name in names}
    for pattern in schema.get("patternProperties", {}):
        found["cc"] = near(schema["patternProperties"][pattern], root, dice, depth + 1)
    if schema.get("additionalProperties") is not False and dice.random() < 0.4:
        others = schema.get("additionalProperties")
        found.setdefault(dice.choice(("zz", *NAMES)), near(others, root, dice, depth + 1))
    return found


def varied(value: Any) -> Iterator[Any]:
    """All values that differ from one at a single place: another value, a property more or less, an item more."""
    for place in list(_places(value)):
        for other in POOL:
            yield _with(value, place, other)
        at = _at(value, place)
        if isinstance(at, dict):
            for name in at:
                yield _with(value, place, {key: inner for key, inner in at.items() if key != name})
            for name in (*NAMES, "cc", "zz"):
                if name not in at:
                    yield from (_with(value, place, {**at, name: other}) for other in POOL)
        if isinstance(at, list):
            yield from (_with(value, place, [*at, *other]) for other in ([1], ["a"], [None], at[:1], at, at[:1] * 3))


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*place, key))


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def _with(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    if not place:
        return other
    found = copy.deepcopy(value)
    _at(found, place[:-1])[place[-1]] = other
    return found


def filled(value: Any, schema: Any, root: Any) -> Any:
    """A value with the defaults of required properties, as a reader fills them."""
    if isinstance(schema, dict) and "$ref" in schema:
        return filled(value, root["$defs"]["d"], root)
    if not isinstance(schema, dict):
        return value
    for keyword in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(keyword, ()):
            value = filled(value, each, root)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key in value:
            for each in _schemas(schema, key):
                value = {**value, key: filled(value[key], each, root)}
        for name in schema.get("required", ()):
            if isinstance(properties.get(name), dict) and "default" in properties[name]:
                value = {name: properties[name]["default"], **value}
        return value
    if isinstance(value, list):
        first = schema.get("prefixItems", [])
        return [filled(each, first[n] if n < len(first) else schema.get("items"), root) for n, each in enumerate(value)]
    return value


def _schemas(schema: Any, key: str) -> list[Any]:
    own = schema.get("properties", {})
    found = [own[key]] if key in own else []
    found += [each for pattern, each in schema.get("patternProperties", {}).items() if key.startswith(pattern[1:])]
    return found or [schema.get("additionalProperties")]
