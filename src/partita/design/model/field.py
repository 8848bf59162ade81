"""A field of a message, as a design knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from partita.design.model.origin import Origin

FieldType = Literal[
    "id",
    "string",
    "int",
    "float",
    "bool",
    "decimal",
    "money",
    "date",
    "timestamp",
    "duration",
    "geo",
    "bytes",
    "list",
    "map",
    "record",
]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)


@dataclass(frozen=True, slots=True)
class FieldDesign:
    """A field; `name` is in snake_case, and camelCase on the wire.

    `of` is the type of a list's or a map's values, `fields` those of a record or of a list's records; `values` the words of an
    enumeration. `since` is the revision that added it; a field added later has a `default`.
    """

    name: str
    type: FieldType
    origin: Origin
    doc: str = ""
    unit: str = ""
    pii: bool = False
    optional: bool = False
    default: str | int | float | bool | None = None
    since: int = 1
    of: FieldType | None = None
    fields: tuple[FieldDesign, ...] = ()
    values: tuple[str, ...] = ()
