"""Avro binary values through fastavro, with limits: nothing that arrives may crash or stall the process."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fastavro
import fastavro._read_py as in_python
import fastavro._write_py as written_in_python
import msgspec
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from partita.codec.avro_bounds import endless_array, is_recursive
from partita.codec.avro_times import naive_time
from partita.codec.port import VALUE_BYTES_MAX
from partita.errors import Malformed, MessageTooLarge, UnknownSchema
from partita.schemas.avro import avro_record, fingerprint
from partita.schemas.shape import Shape

_NATIVE = (dt.datetime, dt.date, decimal.Decimal, uuid.UUID, bytes)
# What fastavro raises on bytes or values that do not fit; a closed list, so that our own bugs stay loud.
_MISFITS = (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, decimal.DecimalException)


@dataclass(frozen=True, slots=True)
class _Known:
    fingerprint: str
    parsed: Any
    write: Callable[..., None]
    has_times: bool


@dataclass(frozen=True, slots=True)
class _Writer:
    """A writer's schema, and what reads its bytes."""

    parsed: Any
    read: Callable[..., Any]


def _writer(parsed: Any) -> _Writer:
    return _Writer(parsed, in_python.schemaless_reader if is_recursive(parsed) else fastavro.schemaless_reader)


class AvroCodec:
    """The default codec: bare Avro binary, the writer's schema named by fingerprint in the envelope."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Known] = {}
        self._writers: dict[str, _Writer] = {}
        self._texts: dict[str, str] = {}

    def learn(self, shape: Shape) -> str:
        """Derive and parse the schema of a shape; returns its fingerprint."""
        known = self._shapes.get(shape.full_name)
        if known is None:
            schema = avro_record(shape)
            parsed = fastavro.parse_schema(schema)
            write = written_in_python.schemaless_writer if is_recursive(parsed) else fastavro.schemaless_writer
            known = _Known(fingerprint(schema), parsed, write, "timestamp-" in json.dumps(schema))
            self._shapes[shape.full_name] = known
            self._writers[known.fingerprint] = _writer(parsed)
            self._texts[known.fingerprint] = json.dumps(schema, separators=(",", ":"))
        return known.fingerprint

    def schema_text(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint as JSON, if known."""
        return self._texts.get(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema.

        Raises:
            UnknownSchema: the text is no Avro schema, or one with which ten bytes could keep the reader busy for ever.
        """
        try:
            parsed = fastavro.parse_schema(json.loads(text))
            endless = endless_array(parsed)
        except (SchemaParseException, *_MISFITS) as error:
            raise UnknownSchema(
                f"Schema {fingerprint} on the bus is no Avro schema: {error}", schema=fingerprint
            ) from error
        if endless is not None:
            raise UnknownSchema(
                f"Schema {fingerprint} is refused: the items of {endless} take no bytes.", schema=fingerprint
            )
        self._writers[fingerprint] = _writer(parsed)
        self._texts[fingerprint] = text

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The writer's fingerprint and the bytes.

        Raises:
            Malformed: it does not fit its schema, or has a time without a zone. MessageTooLarge: it is over the limit.
        """
        known = self._shapes.get(shape.full_name)
        if known is None:
            self.learn(shape)
            known = self._shapes[shape.full_name]
        out = io.BytesIO()
        plain = msgspec.to_builtins(value, builtin_types=_NATIVE)
        naive = naive_time(plain) if known.has_times else None
        if naive is not None:
            raise Malformed(
                f"{shape.name}{naive} is a time without a time zone: each machine would read another instant.",
                hint="datetime.now(UTC), or .replace(tzinfo=...).",
            )
        try:
            known.write(out, known.parsed, plain)
        except _MISFITS as error:
            raise Malformed(
                f"{shape.name} does not fit its own schema: {error}", hint=f"The value was {value!r:.300}"
            ) from error
        data = out.getvalue()
        if len(data) > VALUE_BYTES_MAX:
            raise MessageTooLarge(
                f"{shape.name} has {len(data):,} bytes, the limit is {VALUE_BYTES_MAX:,}.",
                hint="Send a reference to where the data lies instead of the data.",
            )
        return known.fingerprint, data

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value, resolved from the writer's schema to ours and checked against the declared types."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"{shape.name}: {len(data):,} bytes are over the limit of {VALUE_BYTES_MAX:,}.")
        ours = self._shapes.get(shape.full_name)
        if ours is None:
            self.learn(shape)
            ours = self._shapes[shape.full_name]
        writer = self._writers.get(fingerprint)
        if writer is None:
            raise UnknownSchema(
                f"{shape.name} was written with schema {fingerprint or '(none)'}, unknown here.", schema=fingerprint
            )
        source = io.BytesIO(data)
        try:
            record = writer.read(source, writer.parsed, None if fingerprint == ours.fingerprint else ours.parsed)
            value = msgspec.convert(record, shape.struct)
        except (msgspec.ValidationError, SchemaResolutionError, *_MISFITS) as error:
            raise Malformed(f"{shape.name}: not a value of schema {fingerprint}: {error}") from error
        if source.tell() != len(data):
            raise Malformed(f"{shape.name}: {len(data) - source.tell()} bytes are left after the value.")
        return value

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"{len(data):,} bytes are over the limit of {VALUE_BYTES_MAX:,}.")
        writer = self._writers.get(fingerprint)
        if writer is None:
            raise UnknownSchema(f"Schema {fingerprint or '(none)'} is unknown here.", schema=fingerprint)
        source = io.BytesIO(data)
        try:
            value: object = writer.read(source, writer.parsed, None)
        except _MISFITS as error:
            raise Malformed(f"Not a value of schema {fingerprint}: {error}") from error
        if source.tell() != len(data):
            raise Malformed(f"{len(data) - source.tell()} bytes are left after the value.")
        return value
