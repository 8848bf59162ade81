"""The fields of a declared message, in the few types of a design."""

from __future__ import annotations

from partita.design.model.field import FieldDesign, FieldType
from partita.design.model.origin import Origin
from partita.schemas.fields.reading import Entry, Reading, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

_SCALARS: dict[Scalar, FieldType] = {
    Scalar.TEXT: "string",
    Scalar.WHOLE: "int",
    Scalar.REAL: "float",
    Scalar.TRUTH: "bool",
    Scalar.BYTES: "bytes",
    Scalar.INSTANT: "timestamp",
    Scalar.INSTANT_MILLIS: "timestamp",
    Scalar.TIME: "string",
    Scalar.DAY: "date",
    Scalar.UUID: "id",
    Scalar.DECIMAL: "decimal",
}
MONEY = "Money"


def fields_in(shape: Shape, key: str | None, origin: Origin) -> tuple[FieldDesign, ...]:
    """The fields of a message, those of its records within them. A record within itself ends at its name."""
    reading = read(shape)
    return tuple(_field(entry, reading, key, origin, (reading.root.name,)) for entry in reading.root.entries)


def _field(entry: Entry, reading: Reading, key: str | None, origin: Origin, within: tuple[str, ...]) -> FieldDesign:
    kind, optional = _without_none(entry.type)
    inner = kind
    of: FieldType | None = None
    if isinstance(kind, Items | Entries):
        inner = _without_none(kind.of)[0]
        of = _type(inner)
    fields: tuple[FieldDesign, ...] = ()
    if isinstance(inner, Nested) and inner.name not in within and inner.name != MONEY:
        record = reading.records[inner.name]
        fields = tuple(_field(each, reading, None, origin, (*within, inner.name)) for each in record.entries)
    field = entry.field
    return FieldDesign(
        name=field.name,
        type="id" if field.name == key else _type(kind),
        origin=origin,
        doc=field.doc,
        unit="minor units" if field.name.endswith("_cents") else "",
        pii=field.is_pii,
        optional=optional or (not field.required and _is_record(kind)),
        default=None if field.required or not _is_scalar(kind) else _plain(entry.default),
        since=field.since,
        of=of,
        fields=fields,
        values=inner.values if isinstance(inner, Symbols) else (),
    )


def _without_none(kind: WireType) -> tuple[WireType, bool]:
    """The type of a value that is there, and whether it may be missing. Of several types the first one stands for all."""
    match kind:
        case Bounded(of, _):
            return _without_none(of)
        case OneOf((first, *_), or_none):
            return _without_none(first)[0], or_none
    return kind, False


def _type(kind: WireType) -> FieldType:
    match kind:
        case Scalar():
            return _SCALARS[kind]
        case Items():
            return "list"
        case Entries():
            return "map"
        case Nested(name):
            return "money" if name == MONEY else "record"
        case Symbols():
            return "string"
        case Bounded() | OneOf():
            return _type(_without_none(kind)[0])


def _is_scalar(kind: WireType) -> bool:
    """Whether a design can say its default: an empty list or map needs none, and a record has none."""
    return isinstance(kind, Scalar | Symbols)


def _is_record(kind: WireType) -> bool:
    return isinstance(kind, Nested)


def _plain(default: object) -> str | int | float | bool | None:
    return default if default is None or isinstance(default, str | int | float | bool) else str(default)
