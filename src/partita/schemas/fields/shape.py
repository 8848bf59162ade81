"""The shape of a message: its record name and the struct that holds its fields, the input of every schema language."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Since:
    """Marks the contract revision of a field: `lines: Annotated[list[Line], Since(2)] = []`.

    A field of a later revision needs a default, so that old bytes can still be read; revision 1 is the first.
    """

    revision: int


@dataclass(frozen=True)
class Shape:
    """A record: its name and namespace on the wire, the msgspec struct with its fields, and the language it is written in. `home`
    is the project's folder of schemas, or the module that declares the record, above which that folder is looked for.
    """

    name: str
    namespace: str
    struct: type[msgspec.Struct]
    language: str = "avro"
    home: Path | None = field(default=None, compare=False)

    @cached_property
    def full_name(self) -> str:
        """Namespace and name, as CloudEvents `type` and Avro full name: `shop.order.v1.OrderPlaced`."""
        return f"{self.namespace}.{self.name}"


def record_name(cls: type[Any]) -> str:
    """The name of a class on the wire: its own, or the one that it keeps when the class is renamed."""
    name: str = vars(cls).get("__wire_name__", cls.__name__)
    return name
