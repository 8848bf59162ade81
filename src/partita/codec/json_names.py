"""Earlier names of fields in a JSON document, which are given their names of today before it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partita.schemas.fields.reading import Reading
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, WireType

Rename = Callable[[Any], Any]


def rename_of(reading: Reading) -> Rename | None:
    """The function that renames the fields of a document; None where no field has an earlier name."""
    if not any(entry.field.aliases for record in reading.records.values() for entry in record.entries):
        return None
    renaming = _Renaming(reading)
    return lambda document: renaming.of(Nested(reading.root.name), document)


class _Renaming:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def of(self, kind: WireType, value: Any) -> Any:
        """A value with the names of today."""
        match kind:
            case Bounded(of):
                return self.of(of, value)
            case Items(of) if isinstance(value, list):
                return [self.of(of, item) for item in value]
            case Entries(of) if isinstance(value, dict):
                return {key: self.of(of, held) for key, held in value.items()}
            case OneOf(members, _):
                # One member at most holds lists, and one holds objects.
                for member in members:
                    value = self.of(member, value)
            case Nested(name) if isinstance(value, dict):
                return self._record(name, value)
        return value

    def _record(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        found = dict(value)
        for entry in self._reading.records[name].entries:
            held = next((n for n in (entry.name, *entry.field.aliases) if n in found), None)
            if held is not None:
                found[entry.name] = self.of(entry.type, found.pop(held))
        return found
