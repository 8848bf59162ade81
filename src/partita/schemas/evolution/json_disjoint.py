"""Whether two schemas have no value in common, for certain."""

from __future__ import annotations

from partita.schemas.evolution.json_document import Document, Part, Schema, names, types_of, value_of
from partita.schemas.evolution.json_values import same, type_of, values_of

DEPTH_MAX = 3


class Separation:
    """Schemas of a writer and of a reader side by side. They differ by types, by values, or by a property that both need."""

    def __init__(self, writes: Document, reads: Document) -> None:
        self._writes, self._reads = writes, reads

    def are_apart(self, writer: tuple[Part, ...], reader: tuple[Part, ...], depth: int = 0) -> bool:
        """Whether no value fits both; False also where it is not certain."""
        types = types_of(writer) & types_of(reader)
        written, read = values_of(writer, types_of(writer)), values_of(reader, types_of(reader))
        if not types:
            return True
        if written is not None and read is not None:
            return not any(same(one, other) for one in written for other in read)
        if written is not None or read is not None:
            return not any(type_of(value) in types for value in written or read or ())
        if types != {"object"} or depth >= DEPTH_MAX:
            return False
        present = dict.fromkeys(name for part in (*writer, *reader) for name in names(part, "required"))
        return any(self._apart_at(name, writer, reader, depth) for name in present)

    def _apart_at(self, name: str, writer: tuple[Part, ...], reader: tuple[Part, ...], depth: int) -> bool:
        one: Schema = self._writes.schema(*(text for part in writer for text in value_of(part, name)))
        other: Schema = self._reads.schema(*(text for part in reader for text in value_of(part, name)))
        return one is None or other is None or self.are_apart(one, other, depth + 1)
