"""Random Avro schemas and their near misses: a schema, and the same one changed by a step or two."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.oracles.text import dumps

from partita.errors import UnknownSchema
from partita.schemas.evolution.avro_schema import AvroType, parse_avro

PLAIN = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
LOGICAL: tuple[dict[str, Any], ...] = (
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "int", "logicalType": "date"},
    {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2},
    {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9},
)
NAMES = "ABCDEFGH"
FIELDS = "abcdef"
SYMBOLS = ("S", "M", "L", "XL")
ZERO = {"string": "", "int": 0, "long": 0, "float": 0.0, "double": 0.0, "boolean": False, "null": None}


class Schemas:
    """Schemas by dice. A name is defined once in a schema and referred to afterwards."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def whole(self) -> Any:
        """A record, as messages are."""
        self.named: list[str] = []
        return self._record(0)

    def pair(self) -> tuple[Any, Any]:
        """Two schemas, of which the second is the first after one or two steps."""
        while True:
            first = self.whole()
            second = copy.deepcopy(first)
            for _ in range(self.dice.choice((1, 1, 2))):
                second = self._step(second)
            if _is_schema(first) and _is_schema(second):
                return first, second

    def _type(self, depth: int) -> Any:
        kinds: list[Callable[[int], Any]] = [self._plain, self._plain, self._plain, self._logical]
        if depth < 3:
            kinds += [
                self._array,
                self._map,
                self._enum,
                self._fixed,
                self._record,
                self._union,
                self._union,
                self._known,
            ]
        return self.dice.choice(kinds)(depth)

    def _plain(self, depth: int) -> Any:
        return self.dice.choice(PLAIN[1:])

    def _logical(self, depth: int) -> Any:
        return dict(self.dice.choice(LOGICAL)) if self.dice.random() < 0.5 else self._plain(depth)

    def _array(self, depth: int) -> Any:
        return {"type": "array", "items": self._type(depth + 1)}

    def _map(self, depth: int) -> Any:
        return {"type": "map", "values": self._type(depth + 1)}

    def _union(self, depth: int) -> Any:
        branches: list[Any] = ["null"] if self.dice.random() < 0.7 else []
        for _ in range(self.dice.choice((1, 1, 2, 3))):
            branch = self._type(depth + 1)
            if isinstance(branch, list) or _key(branch) in map(_key, branches):
                continue
            branches.append(branch)
        return branches if branches else ["null"]

    def _known(self, depth: int) -> Any:
        # A reference may close a circle: only behind a null does a value of it end.
        return ["null", self.dice.choice(self.named)] if self.named else self._plain(depth)

    def _name(self) -> str | None:
        free = [name for name in NAMES if name not in self.named]
        if not free:
            return None
        self.named.append(name := self.dice.choice(free[:3]))
        return name

    def _enum(self, depth: int) -> Any:
        name = self._name()
        if name is None:
            return self._plain(depth)
        found = {"type": "enum", "name": name, "symbols": list(SYMBOLS[: self.dice.randint(1, 3)])}
        return found | ({"default": "S"} if self.dice.random() < 0.3 else {})

    def _fixed(self, depth: int) -> Any:
        name = self._name()
        return self._plain(depth) if name is None else {"type": "fixed", "name": name, "size": self.dice.randint(1, 3)}

    def _record(self, depth: int) -> Any:
        name = self._name()
        if name is None:
            return self._plain(depth)
        names = self.dice.sample(FIELDS, self.dice.randint(1, 4 - min(depth, 2)))
        fields = [self._field(each, depth) for each in names]
        return {"type": "record", "name": name, "fields": fields}

    def _field(self, name: str, depth: int, has_default: bool | None = None) -> Any:
        found = {"name": name, "type": self._type(depth + 1)}
        if has_default or (has_default is None and self.dice.random() < 0.4):
            self._give_default(found)
        return found

    def _give_default(self, field: Any) -> None:
        kind = field["type"]
        first = kind[0] if isinstance(kind, list) and kind else kind
        if isinstance(first, str) and first in ZERO:
            field["default"] = ZERO[first]
        elif isinstance(first, dict) and first["type"] in ("array", "map"):
            field["default"] = [] if first["type"] == "array" else {}

    def _step(self, schema: Any) -> Any:
        """One change of a random place."""
        places = list(_places(schema))
        holder, key = self.dice.choice(places)
        at = holder[key]
        self.named = _defined(schema)
        if isinstance(at, list):
            holder[key] = self._union_step(at)
        elif isinstance(at, dict) and at["type"] in ("record", "enum", "fixed"):
            {"record": self._record_step, "enum": self._enum_step, "fixed": self._fixed_step}[at["type"]](at)
        elif isinstance(at, dict) and at["type"] in ("array", "map") and self.dice.random() < 0.5:
            inner = "items" if at["type"] == "array" else "values"
            holder[key] = (
                {"type": "map", "values": at[inner]} if inner == "items" else {"type": "array", "items": at[inner]}
            )
        else:
            holder[key] = self._replaced(at)
        return places[0][0]["schema"]

    def _replaced(self, at: Any) -> Any:
        wider = {"int": ["long", "float", "double"], "long": ["float", "double"], "float": ["double"]}
        wider |= {"string": ["bytes"], "bytes": ["string"]}
        roll = self.dice.random()
        if isinstance(at, str) and at in wider and roll < 0.5:
            return self.dice.choice(wider[at])
        if roll < 0.75:
            return ["null", at] if at != "null" else "null"
        return self._logical(0)

    def _union_step(self, at: list[Any]) -> Any:
        roll = self.dice.random()
        if roll < 0.25 and len(at) > 1:
            at.pop(self.dice.randrange(len(at)))
        elif roll < 0.5:
            at.insert(self.dice.randint(0, len(at)), self._type(2))
        elif roll < 0.65:
            self.dice.shuffle(at)
        elif roll < 0.85 and at:
            place = self.dice.randrange(len(at))
            at[place] = self._replaced(at[place]) if isinstance(at[place], str) else at[place]
        elif at:
            return self.dice.choice(at)
        return at

    def _record_step(self, at: Any) -> None:
        fields, roll = at["fields"], self.dice.random()
        free = [name for name in FIELDS if name not in {field["name"] for field in fields}]
        if roll < 0.35 and free:
            fields.insert(self.dice.randint(0, len(fields)), self._field(free[0], 2, self.dice.random() < 0.6))
        elif roll < 0.5 and fields:
            fields.pop(self.dice.randrange(len(fields)))
        elif roll < 0.6 and fields and free:
            field = self.dice.choice(fields)
            if self.dice.random() < 0.6:
                field["aliases"] = [field["name"]]
            field["name"] = free[0]
        elif roll < 0.7:
            self.dice.shuffle(fields)
        elif roll < 0.8 and fields:
            field = self.dice.choice(fields)
            if field.pop("default", field) is field:
                self._give_default(field)
        else:
            self._renamed(at)

    def _renamed(self, at: Any) -> None:
        if self.dice.random() < 0.3:
            at["namespace"] = self.dice.choice(("shop", "market"))
            return
        if self.dice.random() < 0.6:
            at["aliases"] = [at["name"]]
        at["name"] = next((name for name in NAMES + "IJKL" if name not in self.named), at["name"])

    def _enum_step(self, at: Any) -> None:
        roll, symbols = self.dice.random(), at["symbols"]
        if roll < 0.3 and len(symbols) < len(SYMBOLS):
            symbols.append(SYMBOLS[len(symbols)])
        elif roll < 0.6 and len(symbols) > 1:
            symbols.pop()
        elif roll < 0.8 and at.pop("default", None) is None:
            at["default"] = symbols[0]
        elif roll >= 0.8:
            self._renamed(at)

    def _fixed_step(self, at: Any) -> None:
        if self.dice.random() < 0.6:
            at["size"] = self.dice.randint(1, 3)
        else:
            self._renamed(at)


def _key(kind: Any) -> Any:
    return kind if isinstance(kind, str) else kind.get("name", kind["type"])


def _places(schema: Any) -> Iterator[tuple[Any, Any]]:
    """Each type of a schema by its holder and key; the first one is the schema itself."""
    queue: list[tuple[Any, Any]] = [({"schema": schema}, "schema")]
    while queue:
        holder, key = place = queue.pop(0)
        yield place
        at = holder[key]
        if isinstance(at, list):
            queue += [(at, index) for index in range(len(at))]
        elif isinstance(at, dict):
            queue += [(at, inner) for inner in ("items", "values") if inner in at]
            queue += [(field, "type") for field in at.get("fields", ())]


def _defined(schema: Any) -> list[str]:
    return [
        holder[key]["name"]
        for holder, key in _places(schema)
        if isinstance(holder[key], dict) and "name" in holder[key]
    ]


def _is_schema(schema: Any) -> bool:
    try:
        return _ends(parse_avro(dumps(schema)), ())
    except UnknownSchema:
        return False


def _ends(kind: AvroType, within: tuple[AvroType, ...]) -> bool:
    """Whether a type has a value: a record that must hold itself has none."""
    if kind.kind == "union":
        return any(_ends(branch, within) for branch in kind.within)
    return kind not in within and all(_ends(field.type, (*within, kind)) for field in kind.fields)
