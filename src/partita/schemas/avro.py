"""Avro schemas derived from message classes (Apache Avro 1.12 specification; names on the wire are camelCase)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from partita.errors import DeclarationError
from partita.schemas.avro_default import json_default, with_first
from partita.schemas.fields.field import Field
from partita.schemas.fields.reading import Reading, Record, read
from partita.schemas.fields.shape import Shape
from partita.schemas.fields.wire_type import Bounded, Entries, Items, Nested, OneOf, Scalar, Symbols, WireType

AvroSchema = dict[str, Any] | list[Any] | str

DECIMAL_PRECISION = 38
DECIMAL_SCALE = 9
"""38 digits fit every database's numeric type; nine of them after the point carry any currency."""

_PRIMITIVES: dict[Scalar, AvroSchema] = {
    Scalar.TEXT: "string",
    Scalar.WHOLE: "long",
    Scalar.REAL: "double",
    Scalar.TRUTH: "boolean",
    Scalar.BYTES: "bytes",
    Scalar.INSTANT: {"type": "long", "logicalType": "timestamp-micros"},
    Scalar.INSTANT_MILLIS: {"type": "long", "logicalType": "timestamp-millis"},
    Scalar.TIME: {"type": "long", "logicalType": "time-micros"},
    Scalar.DAY: {"type": "int", "logicalType": "date"},
    Scalar.UUID: {"type": "string", "logicalType": "uuid"},
    Scalar.DECIMAL: {
        "type": "bytes",
        "logicalType": "decimal",
        "precision": DECIMAL_PRECISION,
        "scale": DECIMAL_SCALE,
    },
}
_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Derived:
    """The Avro record of a shape. `defaults` are those of its records, by record and field name, as Python values; the record
    has them as JSON. `has_sets` = a value's order may differ between processes."""

    record: dict[str, Any]
    defaults: dict[str, dict[str, Any]]
    has_sets: bool
    is_comparable: bool


def derive(shape: Shape, *, revision: int | None = None) -> Derived:
    """The Avro record of a shape in `revision` (default: the newest), and the facts that its codec needs.

    Raises:
        DeclarationError: Avro cannot write each value of a type exactly, or no reader can read it back.
    """
    reading = read(shape, revision)
    derivation = _Derivation(reading, shape.namespace)
    return Derived(derivation.record, derivation.defaults, reading.has_sets, reading.is_comparable)


def avro_record(shape: Shape, *, revision: int | None = None) -> dict[str, Any]:
    """The Avro record of a shape in `revision` (default: the newest), without the docstrings of its classes.

    Raises:
        DeclarationError: a field's type has no Avro form.
    """
    record: dict[str, Any] = _without_docstrings(derive(shape, revision=revision).record)
    return record


def _without_docstrings(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_docstrings(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: held for key, held in schema.items() if key != "doc" or schema.get("type") != "record"}
    within = ("type", "items", "values", "fields")
    return found | {inner: _without_docstrings(found[inner]) for inner in within if inner in found}


def fingerprint(schema: AvroSchema) -> str:
    """16 hex digits that name a schema: SHA-256 of its JSON with sorted keys, without its docs, marks and aliases,
    which no reader of its bytes needs.

    Not Avro's parsing canonical form: that drops docs, but logical types and defaults as well, and the fingerprint must
    prevent exactly a reader that takes a timestamp for a number.
    """
    text = json.dumps(_without_docs(schema), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


_FOR_PEOPLE = ("doc", "aliases", "pii", "subject")


def _without_docs(schema: Any) -> Any:
    """A schema, or a field of one, without docs and marks. A default is a value, and may have an entry called `doc`."""
    if isinstance(schema, list):
        return [_without_docs(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: held for key, held in schema.items() if key not in _FOR_PEOPLE}
    within = ("type", "items", "values", "fields")
    return found | {inner: _without_docs(found[inner]) for inner in within if inner in found}


class _Derivation:
    """One walk over a reading. `_named` are the named types so far: each is written out once, and later named only."""

    def __init__(self, reading: Reading, namespace: str) -> None:
        self._reading = reading
        self._named: dict[str, dict[str, Any]] = {}
        self.defaults: dict[str, dict[str, Any]] = {}
        self.record = self._record(reading.root, namespace)

    def _record(self, record: Record, namespace: str | None = None) -> dict[str, Any]:
        _check_name(record.name, f"The record {record.name}")
        schema = self._named[record.name] = {"type": "record", "name": record.name}
        if namespace is not None:
            schema["namespace"] = namespace
        if record.doc:
            schema["doc"] = record.doc
        fields = schema["fields"] = []
        defaults = self.defaults[record.name] = {}
        for entry in record.entries:
            where = f"{record.name}.{entry.field.name}"
            _check_name(entry.name, where)
            found: dict[str, Any] = {"name": entry.name, "type": self._type(entry.type, where)}
            if entry.field.doc:
                found["doc"] = entry.field.doc
            if entry.field.aliases:
                found["aliases"] = [_check_name(alias, where) for alias in entry.field.aliases]
            found |= {mark: True for mark, is_so in _marks(entry.field).items() if is_so}
            if not entry.field.required:
                defaults[entry.name] = entry.default
                if isinstance(found["type"], list):
                    found["type"] = with_first(found["type"], entry.default, self._named.get)
                found["default"] = json_default(found["type"], entry.default, self._named.get, where)
            fields.append(found)
        return schema

    def _type(self, kind: WireType, where: str) -> AvroSchema:
        match kind:
            case Scalar():
                return _PRIMITIVES[kind]
            case Symbols(name, values):
                return self._symbols(name, values, where)
            case Items(of):
                # Items of no bytes let 2^40 of them be claimed in six bytes.
                if self._takes_nothing(of):
                    raise DeclarationError(
                        f"{where}: a list of empty records can claim any length.", hint="Give the record a field."
                    )
                return {"type": "array", "items": self._type(of, where)}
            case Entries(of):
                return {"type": "map", "values": self._type(of, where)}
            case OneOf(members, or_none):
                branches = [self._type(member, where) for member in members]
                return ["null", *branches] if or_none else branches
            case Bounded(of):
                return self._type(of, where)
            case Nested(name):
                return name if name in self._named else self._record(self._reading.records[name])

    def _symbols(self, name: str, values: Sequence[str], where: str) -> AvroSchema:
        if name in self._named:
            return name
        for symbol in values:
            _check_name(symbol, f"{where}: the value {symbol!r} of {name}")
        _check_name(name, where)
        schema = self._named[name] = {"type": "enum", "name": name, "symbols": list(values)}
        return schema

    def _takes_nothing(self, kind: WireType, within: tuple[str, ...] = ()) -> bool:
        if isinstance(kind, Bounded):
            return self._takes_nothing(kind.of, within)
        if not isinstance(kind, Nested):
            return False
        inner = self._reading.records[kind.name].entries
        return kind.name in within or all(self._takes_nothing(e.type, (*within, kind.name)) for e in inner)


def _marks(field: Field) -> dict[str, bool]:
    return {"pii": field.is_pii, "subject": field.is_subject}


def _check_name(name: str, what: str) -> str:
    if not _AVRO_NAME.match(name):
        raise DeclarationError(
            f"{what} is no name in Avro.", hint="A name has letters a to z, digits and _, and begins with no digit."
        )
    return name
