"""Random JSON Schemas and their near misses: a schema, and the same one changed by a step or two."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

KINDS = ("null", "boolean", "integer", "number", "string")
NAMES = "abcd"
VALUES = ("a", "bb", 1, 2, None, True)
LIMITS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "minimum": ("number", (0, 1, 2)),
    "maximum": ("number", (2, 3, 5)),
    "exclusiveMinimum": ("number", (0, 1)),
    "exclusiveMaximum": ("number", (4, 5)),
    "multipleOf": ("number", (1, 2, 0.5)),
    "minLength": ("string", (1, 2)),
    "maxLength": ("string", (2, 3)),
    "pattern": ("string", ("^a", "b$")),
    "minItems": ("array", (1, 2)),
    "maxItems": ("array", (2, 3)),
    "uniqueItems": ("array", (True,)),
    "minProperties": ("object", (1, 2)),
    "maxProperties": ("object", (2, 3)),
}


class Schemas:
    """Schemas by dice, each an object with properties."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def pair(self) -> tuple[Any, Any]:
        """Two schemas, of which the second is the first after one or two steps."""
        first = self._object(0) | {"$defs": {"d": self._schema(2)}, "title": "Order"}
        second = copy.deepcopy(first)
        for _ in range(self.dice.choice((1, 1, 2))):
            self._step(second)
        return first, second

    def _schema(self, depth: int) -> Any:
        kinds: list[Callable[[int], Any]] = [self._plain, self._plain, self._limited, self._enum]
        if depth < 3:
            kinds += [self._object, self._object, self._array, self._alternatives, self._both]
        if depth < 2:
            kinds += [self._reference]
        return self.dice.choice(kinds)(depth)

    def _plain(self, depth: int) -> Any:
        kind = self.dice.choice(KINDS)
        return {"type": [kind, self.dice.choice([k for k in KINDS if k != kind])] if self.dice.random() < 0.2 else kind}

    def _limited(self, depth: int) -> Any:
        found = {"type": self.dice.choice(("integer", "number", "string"))}
        self._limit(found)
        return found

    def _limit(self, schema: Any) -> None:
        kind = schema.get("type")
        kind = "number" if kind == "integer" else kind
        fitting = [keyword for keyword, (of, _) in LIMITS.items() if of == kind]
        if fitting:
            keyword = self.dice.choice(fitting)
            schema[keyword] = self.dice.choice(LIMITS[keyword][1])

    def _enum(self, depth: int) -> Any:
        if self.dice.random() < 0.2:
            return {"const": self.dice.choice(VALUES)}
        return {"enum": self.dice.sample(VALUES, self.dice.randint(1, 3))}

    def _reference(self, depth: int) -> Any:
        return {"$ref": "#/$defs/d"}

    def _array(self, depth: int) -> Any:
        found: dict[str, Any] = {"type": "array", "items": self._schema(depth + 1)}
        if self.dice.random() < 0.2:
            found["prefixItems"] = [self._schema(depth + 1)]
        if self.dice.random() < 0.3:
            self._limit(found)
        return found

    def _object(self, depth: int) -> Any:
        names = self.dice.sample(NAMES, self.dice.randint(1, 3))
        found: dict[str, Any] = {"type": "object", "properties": {name: self._schema(depth + 1) for name in names}}
        required = [name for name in names if self.dice.random() < 0.4]
        if required:
            found["required"] = required
        self._set_model(found, depth)
        if self.dice.random() < 0.1:
            found["patternProperties"] = {"^c": self._schema(depth + 2)}
        return found

    def _set_model(self, schema: Any, depth: int) -> None:
        roll = self.dice.random()
        schema.pop("additionalProperties", None)
        if roll < 0.5:
            schema["additionalProperties"] = False
        elif roll < 0.65:
            schema["additionalProperties"] = self._plain(depth)

    def _alternatives(self, depth: int) -> Any:
        return {
            self.dice.choice(("anyOf", "anyOf", "oneOf")): [
                self._schema(depth + 1) for _ in range(self.dice.randint(1, 3))
            ]
        }

    def _both(self, depth: int) -> Any:
        found = self._limited(depth)
        return {"allOf": [found, {key: value for key, value in self._limited(depth).items() if key != "type"}]}

    def _step(self, schema: Any) -> None:
        """One change of a random place."""
        at = self.dice.choice(list(places(schema)))
        steps: list[Callable[[Any], None]] = [self._change_type, self._change_limit]
        if "properties" in at:
            steps = [self._add, self._remove, self._require, self._require, lambda found: self._set_model(found, 1)]
        elif "enum" in at:
            steps = [self._change_values]
        elif "anyOf" in at or "oneOf" in at:
            steps = [self._change_alternatives]
        elif "items" in at:
            steps = [self._change_limit, self._change_items]
        self.dice.choice(steps)(at)

    def _change_type(self, at: Any) -> None:
        if "type" not in at:
            return
        kinds = at["type"] if isinstance(at["type"], list) else [at["type"]]
        roll = self.dice.random()
        if roll < 0.4:
            at["type"] = sorted({*kinds, self.dice.choice(KINDS)})
        elif roll < 0.6 and "integer" in kinds:
            at["type"] = sorted({"number" if kind == "integer" else kind for kind in kinds})
        elif roll < 0.7:
            at["type"] = kinds[0]
        else:
            at["type"] = self.dice.choice(KINDS)

    def _change_limit(self, at: Any) -> None:
        held = [keyword for keyword in LIMITS if keyword in at]
        if held and self.dice.random() < 0.5:
            at.pop(self.dice.choice(held))
        else:
            self._limit(at)

    def _change_items(self, at: Any) -> None:
        at["items"] = False if self.dice.random() < 0.2 else {"anyOf": [at["items"], self._plain(2)]}

    def _change_values(self, at: Any) -> None:
        free = [value for value in VALUES if not any(value is each for each in at["enum"])]
        if free and self.dice.random() < 0.5:
            at["enum"].append(free[0])
        elif len(at["enum"]) > 1:
            at["enum"].pop()

    def _change_alternatives(self, at: Any) -> None:
        keyword = "anyOf" if "anyOf" in at else "oneOf"
        roll = self.dice.random()
        if roll < 0.4:
            at[keyword].append(self._schema(2))
        elif roll < 0.6 and len(at[keyword]) > 1:
            at[keyword].pop()
        elif roll < 0.8:
            self.dice.shuffle(at[keyword])
        else:
            at["oneOf" if keyword == "anyOf" else "anyOf"] = at.pop(keyword)

    def _add(self, at: Any) -> None:
        free = [name for name in NAMES if name not in at["properties"]]
        if free:
            at["properties"][free[0]] = {} if self.dice.random() < 0.2 else self._schema(2)

    def _remove(self, at: Any) -> None:
        if at["properties"]:
            name = self.dice.choice(list(at["properties"]))
            at["properties"].pop(name)
            at["required"] = [each for each in at.get("required", ()) if each != name]

    def _require(self, at: Any) -> None:
        required = at.setdefault("required", [])
        if required and self.dice.random() < 0.5:
            required.pop()
            return
        free = [name for name in at["properties"] if name not in required]
        if free:
            required.append(free[0])
            if isinstance(at["properties"][free[0]], dict) and self.dice.random() < 0.5:
                at["properties"][free[0]]["default"] = "a"


def places(schema: Any) -> Iterator[Any]:
    """Each schema within a schema that has keywords, and the schema itself."""
    queue = [schema]
    while queue:
        at = queue.pop(0)
        if not isinstance(at, dict):
            continue
        yield at
        for keyword in ("properties", "$defs", "patternProperties"):
            queue += at.get(keyword, {}).values()
        for keyword in ("items", "additionalProperties"):
            queue.append(at.get(keyword))
        for keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            queue += at.get(keyword, [])
