"""Avro binary values, with limits: no input may crash or stall the process.

There are two ways. Values of exactly the declared types, in our own newest schema, take the compiled program of their class: less
than half the time. All others take the general way through fastavro, which also finds the reason of a refusal.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import fastavro
import msgspec
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from partita.codec.avro_decimal import bound_decimals
from partita.codec.avro_gauge import SENT_WEIGHT_MAX, Gauge, TooMuch, weight_of
from partita.codec.avro_program import Program, program_of
from partita.codec.avro_values import DEPTH_MAX, Check, check_of, is_too_deep
from partita.codec.read_back import MISFITS, check_read_back, shown
from partita.codec.writers_schema import Refusals, check_size
from partita.errors import DeclarationError, Malformed, MessageTooLarge
from partita.schemas.avro import derive, fingerprint
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.fields.shape import Shape
from partita.size import REFERENCE, VALUE_BYTES_MAX, over, too_large

_NO_SCHEMA = (SchemaParseException, AttributeError, RecursionError, *MISFITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A shape of ours. `parsed` has its defaults as Python values, as a reader fills them in."""

    fingerprint: str
    parsed: Any
    gauge: Gauge
    free_bytes: int
    filled: Mapping[str, Mapping[str, int]]  # record, field: the weight of its default
    check: Check | None
    program: Program | None
    has_sets: bool
    is_comparable: bool


class _Writer(NamedTuple):
    """A writer's schema, and the limits of its values."""

    parsed: Any
    gauge: Gauge
    free_bytes: int


class _Plan(NamedTuple):
    """The way to read values of one writer as one shape of ours."""

    writer: Any
    reader: Any
    gauge: Gauge
    free_bytes: int
    program: Program | None


class AvroCodec:
    """The default codec: bare Avro binary, the writer's schema named by fingerprint in the envelope."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Known] = {}
        self._writers: dict[str, _Writer] = {}
        self._plans: dict[tuple[str, str], _Plan] = {}
        self._texts: dict[str, str] = {}
        self._refusals = Refusals()

    def learn(self, shape: Shape) -> str:
        """Derive and parse the schema of a shape; returns its fingerprint."""
        return (self._shapes.get(shape.full_name) or self._learn(shape)).fingerprint

    def schema_text(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint as JSON, if known."""
        return self._texts.get(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema.

        Raises:
            UnknownSchema: the text is no Avro schema, or one with which a few bytes could keep the reader busy for ever.
        """
        try:
            parsed = _parsed(text)
            gauge = Gauge(parsed)
        except _NO_SCHEMA as error:
            why = "is refused" if isinstance(error, TooMuch) else "on the bus is no Avro schema"
            raise self._refusals.add(fingerprint, f"Schema {fingerprint} {why}: {error!s:.300}") from error
        self._writers[fingerprint] = _Writer(parsed, gauge, gauge.free_bytes())
        self._texts[fingerprint] = text

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The writer's fingerprint and the bytes, which decode to an equal value.

        Raises:
            Malformed: it is not of its declared types, or holds a value that no reader could decode. MessageTooLarge: it
                is over the limit.
        """
        known = self._shapes.get(shape.full_name) or self._learn(shape)
        data = None if known.program is None else known.program.encode(value)
        if data is None:
            data = _general(shape, known, value)
        if len(data) > VALUE_BYTES_MAX:
            raise too_large(shape.name, len(data), VALUE_BYTES_MAX)
        if len(data) > known.free_bytes:
            _check_weight(shape, known, data)
        return known.fingerprint, data

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value, resolved from the writer's schema to ours and checked against the declared types."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"{shape.name} has {over(len(data), VALUE_BYTES_MAX)}.")
        plan = self._plans.get((fingerprint, shape.full_name)) or self._plan(shape, fingerprint)
        try:
            if len(data) > plan.free_bytes:
                plan.gauge.check(data)
            if plan.program is not None and (found := plan.program.decode(data)) is not None:
                return found
            source = io.BytesIO(data)
            record = fastavro.schemaless_reader(source, plan.writer, plan.reader)
            value = msgspec.convert(record, shape.struct)
        except SchemaResolutionError as error:
            raise Malformed(
                f"{shape.name}: not a value of schema {fingerprint}: {_mismatch(shape, plan, error)}"
            ) from error
        except (msgspec.ValidationError, *MISFITS) as error:
            raise Malformed(f"{shape.name}: not a value of schema {fingerprint}: {error!s:.300}") from error
        if source.tell() != len(data):
            raise Malformed(f"{shape.name}: {len(data) - source.tell()} bytes are left after the value.")
        return value

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"It has {over(len(data), VALUE_BYTES_MAX)}.")
        writer = self._writers.get(fingerprint)
        if writer is None:
            raise self._refusals.unknown(fingerprint)
        source = io.BytesIO(data)
        try:
            if len(data) > writer.free_bytes:
                writer.gauge.check(data)
            value: object = fastavro.schemaless_reader(source, writer.parsed, None)
        except MISFITS as error:
            raise Malformed(f"Not a value of schema {fingerprint}: {error!s:.300}") from error
        if source.tell() != len(data):
            raise Malformed(f"{len(data) - source.tell()} bytes are left after the value.")
        return value

    def _learn(self, shape: Shape) -> _Known:
        derived = derive(shape)
        text = json.dumps(derived.record, separators=(",", ":"))
        try:
            parsed = _parsed(text)
            gauge = Gauge(parsed)
        except _NO_SCHEMA as error:
            raise DeclarationError(
                f"{shape.name} is too large or too deep for a message: {error!s:.300}",
                hint="Declare fewer records within each other.",
            ) from error
        _set_defaults(parsed, derived.defaults)
        known = self._shapes[shape.full_name] = _Known(
            fingerprint=fingerprint(derived.record),
            parsed=parsed,
            gauge=gauge,
            free_bytes=gauge.free_bytes(SENT_WEIGHT_MAX),
            filled={
                record: {name: 1 + weight_of(plain) for name, plain in defaults.items()}
                for record, defaults in derived.defaults.items()
            },
            check=check_of(parsed),
            program=program_of(shape.struct, derived.record),
            has_sets=derived.has_sets,
            is_comparable=derived.is_comparable,
        )
        self._writers[known.fingerprint] = _Writer(parsed, gauge, gauge.free_bytes())
        self._texts[known.fingerprint] = text
        return known

    def _plan(self, shape: Shape, fingerprint: str) -> _Plan:
        try:
            known = self._shapes.get(shape.full_name) or self._learn(shape)
        except DeclarationError as error:  # a message that has left Avro, and has types now that Avro cannot say
            raise Malformed(f"{shape.name} cannot be read from Avro: {error.what}", hint=error.hint) from error
        writer = self._writers.get(fingerprint)
        if writer is None:
            raise self._refusals.unknown(fingerprint)
        if fingerprint == known.fingerprint:
            plan = _Plan(writer.parsed, None, writer.gauge, writer.free_bytes, known.program)
        else:
            filled = {record: sum(weights.values()) for record, weights in known.filled.items()}
            written = writer.parsed["name"].rpartition(".")[2] if isinstance(writer.parsed, dict) else ""
            filled.setdefault(written, filled[shape.name])  # the outermost records match under any name
            try:
                gauge = Gauge(writer.parsed, filled)
            except TooMuch as error:
                raise Malformed(f"{shape.name}: a value of schema {fingerprint} is refused: {error}.") from error
            plan = _Plan(writer.parsed, known.parsed, gauge, gauge.free_bytes(), None)
        self._plans[fingerprint, shape.full_name] = plan
        return plan


def _general(shape: Shape, known: _Known, value: msgspec.Struct) -> bytes:
    out = io.BytesIO()
    try:
        plain = msgspec.to_builtins(value, builtin_types=NATIVE, order="deterministic" if known.has_sets else None)
        _check(shape, known, value, plain)
        fastavro.schemaless_writer(out, known.parsed, plain, disable_tuple_notation=True)
    except (RecursionError, *MISFITS) as error:
        raise Malformed(
            f"{shape.name} does not fit its own schema: {error!s:.300}", hint=f"The value was {shown(value)}"
        ) from error
    return out.getvalue()


def _mismatch(shape: Shape, plan: _Plan, error: SchemaResolutionError) -> str:
    """The reason why a writer's schema does not resolve to ours; Avro compares the names of records without their namespace."""
    written = plan.writer.get("name", "") if isinstance(plan.writer, dict) else ""
    if written and written.rpartition(".")[2] != shape.name:
        return f"its writer calls the record {written:.100}, and {shape.name} is expected"
    return f"{error!s:.300}"


def _check(shape: Shape, known: _Known, value: msgspec.Struct, plain: Any) -> None:
    """Check that a reader will get the value that is sent.

    Raises:
        Malformed: it would not. ValidationError: it is not of its types, or outside their bounds.
    """
    if known.gauge.is_recursive and is_too_deep(plain):
        raise Malformed(f"{shape.name} is nested more than {DEPTH_MAX} levels deep.", hint="Send it in parts.")
    check_read_back(shape, value, plain, is_comparable=known.is_comparable, has_sets=known.has_sets)
    wrong = known.check(plain) if known.check is not None else None
    if wrong is not None:
        hint = (
            "datetime.now(UTC), or .replace(tzinfo=...)."
            if "time zone" in wrong.why
            else "Send None, or another value."
        )
        raise Malformed(f"{shape.name}{wrong.where} {wrong.why}.", hint=hint)


def _check_weight(shape: Shape, known: _Known, data: bytes) -> None:
    try:
        known.gauge.check(data, SENT_WEIGHT_MAX)
    except TooMuch as error:
        raise MessageTooLarge(
            f"{shape.name} of {len(data):,} bytes: {error}, {SENT_WEIGHT_MAX:,} fields and items.",
            hint=REFERENCE,
        ) from error


def _parsed(text: str) -> Any:
    """A schema, parsed; its size is checked first.

    Raises:
        TooMuch: it is too large. SchemaParseException, ValueError, ...: it is no schema.
    """
    check_size(text)
    parsed = fastavro.parse_schema(json.loads(text))
    bound_decimals(parsed)
    return parsed


def _set_defaults(parsed: Any, defaults: Mapping[str, Mapping[str, Any]]) -> None:
    """Give a schema the defaults that fill a record: fastavro takes them unchanged, and JSON has no times."""
    if isinstance(parsed, list):
        for branch in parsed:
            _set_defaults(branch, defaults)
    elif isinstance(parsed, dict):
        for inner in (parsed.get("items"), parsed.get("values")):
            _set_defaults(inner, defaults)
        for item in parsed.get("fields", ()):
            if "default" in item:
                item["default"] = defaults[parsed["name"].rpartition(".")[2]][item["name"]]
            _set_defaults(item["type"], defaults)
