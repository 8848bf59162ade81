"""The size of a decoded JSON value, known before it is decoded: a megabyte of `{}` may unfold to gigabytes of defaults.

For most values the commas and brackets alone show that they are small enough. Else the document is walked, and the fields that
the reader's defaults add are counted.
"""

from __future__ import annotations

from typing import Any

from partita.codec.avro_gauge import WEIGHT_MAX, weight_of
from partita.codec.recursion import is_recursive
from partita.schemas.fields.reading import Reading
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

_RECORD = 3


class JsonGauge:
    """The gauge of one reading; weights are those of `avro_gauge`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._defaults = {
            record.name: {e.name: 1 + weight_of(e.default) for e in record.entries if not e.field.required}
            for record in reading.records.values()
        }
        heaviest = max(
            _RECORD + len(record.entries) + sum(self._defaults[record.name].values())
            for record in reading.records.values()
        )
        self._heaviest = heaviest
        self.is_recursive = is_recursive(reading)

    def is_light(self, data: bytes, weight_max: int = WEIGHT_MAX) -> bool:
        """Whether the bytes alone show that a value is within the limit."""
        if len(data) * self._heaviest <= weight_max:
            return True
        objects, items = data.count(b"{"), data.count(b",") + data.count(b"[")
        return (objects + 1) * self._heaviest + items <= weight_max

    def weigh(self, document: Any) -> int:
        """The weight of a document as a value of the message; one over the limit is not counted to its end."""
        return self._weigh(Nested(self._reading.root.name), document, WEIGHT_MAX)

    def _weigh(self, kind: WireType, value: Any, left: int) -> int:
        match kind:
            case Bounded(of):
                return self._weigh(of, value, left)
            case Items(of) if isinstance(value, list):
                return self._sum(1, of, value, left)
            case Entries(of) if isinstance(value, dict):
                return self._sum(1 + len(value), of, list(value.values()), left)
            case OneOf(members, _):
                # One member at most holds lists, and one holds objects.
                return max(self._weigh(member, value, left) for member in members)
            case Nested(name) if isinstance(value, dict):
                return self._record(name, value, left)
        return 1

    def _record(self, name: str, value: dict[str, Any], left: int) -> int:
        found, defaults = _RECORD, self._defaults[name]
        for entry in self._reading.records[name].entries:
            if entry.name in value:
                found += 1 + self._weigh(entry.type, value[entry.name], left - found)
            else:
                found += defaults.get(entry.name, 0)
            if found > left:
                break
        return found

    def _sum(self, found: int, of: WireType, values: list[Any], left: int) -> int:
        if isinstance(of, Scalar | Symbols):
            return found + len(values)
        for value in values:
            found += self._weigh(of, value, left - found)
            if found > left:
                break
        return found
