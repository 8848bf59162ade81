"""The port of a schema language's rules. Its adapters pass the same suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from partita.schemas.evolution.finding import Finding


class Rules(Protocol):
    """The rules of one schema language: Avro's resolution, Protobuf's wire format, JSON Schema's validation."""

    def compare(self, reader: str, writer: str) -> Sequence[Finding]:
        """Each reason why a reader with the schema `reader` cannot read some value that fits the schema `writer`; empty = it
        reads all of them. Both are texts of the language. `old` is the writer's side and `new` the reader's.

        Raises:
            UnknownSchema: a text is no schema of the language, or one that is refused (depth, size, a reference to outside).
        """
        ...
