"""Protobuf values through Google's `protobuf`, with the limits of every codec: no input may crash or stall the process, or be
read as another.

A reader needs no schema of the writer, since both know the numbers of the fields. The writer's file shows whether they do: where
it gives a number to another field, its values are refused, and no field is read as another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from partita.codec.avro_gauge import SENT_WEIGHT_MAX, TooMuch, weight_of
from partita.codec.avro_values import DEPTH_MAX, is_too_deep
from partita.codec.protobuf_gauge import ProtobufGauge
from partita.codec.protobuf_messages import DecodeError, message_class
from partita.codec.protobuf_values import Read, Types, read_of, shown
from partita.codec.read_back import MISFITS, check_read_back
from partita.codec.read_back import shown as shown_value
from partita.codec.recursion import is_recursive
from partita.codec.writers_schema import Refusals, check_size
from partita.errors import DeclarationError, Malformed, MessageTooLarge, UnknownSchema
from partita.schemas.confluent.registered_name import FIRST, message_path
from partita.schemas.exact_value import Unsayable, Write
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.fields.reading import Reading
from partita.schemas.fields.reading import read as read_fields
from partita.schemas.fields.shape import Shape
from partita.schemas.protobuf.agreement import disagreement, without_presence
from partita.schemas.protobuf.bundle import parse_bundle
from partita.schemas.protobuf.derivation import file_of, fingerprint
from partita.schemas.protobuf.identifiers import enum_value
from partita.schemas.protobuf.layout import symbols_of
from partita.schemas.protobuf.names import declared_types, message_at, widened
from partita.schemas.protobuf.numbering import check_numbers, check_owner, numbers_in, numbers_of
from partita.schemas.protobuf.numbers import Numbers, completed, completed_apart
from partita.schemas.protobuf.parsing import parse_with_imports
from partita.schemas.protobuf.printing import printed
from partita.schemas.protobuf.proto_file import ProtoFile
from partita.schemas.protobuf.value_form import write_of
from partita.size import REFERENCE, VALUE_BYTES_MAX, over, too_large

_DEEP_BYTES = 2 * DEPTH_MAX
"""A level takes two bytes at least, so fewer bytes are never too deep for a decoder."""
_MISFITS = (RecursionError, DecodeError, *MISFITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A shape of ours. `is_numbered` = a lock or its owner's file gives the numbers."""

    fingerprint: str
    reading: Reading
    file: ProtoFile
    numbers: Numbers
    is_numbered: bool
    make: Any  # the class of its messages: descriptors are known at run time alone
    write: Write
    read: Read
    gauge: ProtobufGauge
    order: Any  # "deterministic" where a value has sets, else None
    is_recursive: bool


class _Plan(NamedTuple):
    """The way to read values of one writer as one shape of ours."""

    make: Any
    read: Read
    gauge: ProtobufGauge


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writer:
    """A writer's file, with the types that it imports: the message that its values are of, its class, and the limits of its
    values."""

    file: ProtoFile
    name: str
    types: Types
    make: Any
    gauge: ProtobufGauge


class ProtobufCodec:
    """Protobuf (proto3), the writer's schema named by fingerprint in the envelope."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Known] = {}
        self._writers: dict[str, _Writer] = {}
        self._texts: dict[str, str] = {}
        self._plans: dict[tuple[str, str], _Plan | str] = {}  # or the reason why there is none
        self._values: dict[tuple[str, str], str] = {}  # an enum's full name, the name of a value: the value
        self._refusals = Refusals()

    def learn(self, shape: Shape) -> str:
        """Derive the schema of a shape; returns its fingerprint.

        Raises:
            DeclarationError: a field has no number yet.
        """
        return (self._shapes.get(shape.full_name) or self._learn(shape)).fingerprint

    def schema_text(self, fingerprint: str) -> str | None:
        """The .proto text of that fingerprint, if known."""
        return self._texts.get(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema: a .proto text, alone or with those that it imports. Its first message is the schema, if the
        fingerprint names no other.

        Raises:
            UnknownSchema: the text is none, or imports other files than those that each compiler brings.
        """
        try:
            check_size(text)
            file, imports = parse_bundle(text)
            writer = _writer(file, imports, {}, message_path(fingerprint))
        except (RecursionError, UnknownSchema, *MISFITS) as error:
            why = error.what if isinstance(error, UnknownSchema) else f"{error!s:.300}"
            raise self._refusals.add(fingerprint, f"Schema {fingerprint} is refused: {why}") from error
        self._writers[fingerprint] = writer
        self._texts[fingerprint] = text

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The writer's fingerprint and the bytes, which decode to an equal value.

        Raises:
            Malformed: it is not of its declared types, or holds a value that Protobuf cannot say exactly. MessageTooLarge:
                it is over the limit.
        """
        known = self._shapes.get(shape.full_name) or self._learn(shape)
        try:
            plain = msgspec.to_builtins(value, builtin_types=NATIVE, order=known.order)
            if known.is_recursive and is_too_deep(plain):
                raise _too_deep(shape)
            check_read_back(
                shape, value, plain, is_comparable=known.reading.is_comparable, has_sets=known.order is not None
            )
            data: bytes = known.make(**known.write(plain)).SerializeToString(deterministic=True)
        except Unsayable as error:
            raise Malformed(f"{shape.name}{error.where} {error.why}.", hint="Send None, or another value.") from None
        except (RecursionError, *MISFITS) as error:
            raise Malformed(
                f"{shape.name} does not fit its own schema: {error!s:.300}", hint=f"The value was {shown_value(value)}"
            ) from error
        if len(data) > VALUE_BYTES_MAX:
            raise too_large(shape.name, len(data), VALUE_BYTES_MAX)
        self._check_unfolded(shape, known, data)
        return known.fingerprint, data

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value: fields that are absent have their defaults, and fields that are unknown here are ignored."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"{shape.name} has {over(len(data), VALUE_BYTES_MAX)}.")
        known, plan = self._plan(shape, fingerprint)
        try:
            if not plan.gauge.is_light(data):
                plan.gauge.check(data)
            message = plan.make.FromString(data)
            size = message.ByteSize()
            message.DiscardUnknownFields()
            # A field of ours in another wire type is unknown to the decoder, and so is a new member of a union.
            if message.ByteSize() != size:
                plan.gauge.check(data)
            plain = plan.read(message)
            if known.is_recursive and is_too_deep(plain):
                raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
            value = msgspec.convert(plain, shape.struct)
        except _MISFITS as error:
            raise Malformed(f"{shape.name}: not a value of schema {fingerprint}: {error!s:.300}") from error
        return value

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it, by the names of Protobuf's JSON. A field of ours that is absent is none."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"It has {over(len(data), VALUE_BYTES_MAX)}.")
        writer = self._writers.get(fingerprint)
        if writer is None:
            raise self._refusals.unknown(fingerprint)
        try:
            if not writer.gauge.is_light(data):
                writer.gauge.check(data)
            message = writer.make.FromString(data)
            return shown(message, writer.name, writer.types, self._values)
        except _MISFITS as error:
            raise Malformed(f"Not a value of schema {fingerprint}: {error!s:.300}") from error

    def _plan(self, shape: Shape, fingerprint: str) -> tuple[_Known, _Plan]:
        """The shape and the way to read it, where its fields have the numbers that they have at the writer."""
        try:
            known = self._shapes.get(shape.full_name) or self._learn(shape)
        except DeclarationError as error:  # a message that has left Protobuf, and has names now that it cannot say
            raise Malformed(f"{shape.name} cannot be read from Protobuf: {error.what}", hint=error.hint) from error
        plan = self._plans.get((fingerprint, shape.full_name))
        if plan is None:
            writer = self._writers.get(fingerprint)
            if writer is None:
                raise self._refusals.unknown(fingerprint)
            if fingerprint == known.fingerprint:
                plan = _Plan(known.make, known.read, known.gauge)
            else:
                plan = _plan_of(shape, known, writer)
            self._plans[fingerprint, shape.full_name] = plan
        if isinstance(plan, str):
            raise Malformed(
                f"{shape.name}: a value of schema {fingerprint} is refused: {plan}.",
                hint="The numbers are those of the message's owner: copy its folder of schemas.",
            )
        return known, plan

    def _learn(self, shape: Shape) -> _Known:
        reading = read_fields(shape)
        given = numbers_of(shape)
        # A message that has left Protobuf is read from the log: its later fields are in no bytes of that time.
        if shape.language == "protobuf":
            check_numbers(shape, given, reading)
        numbers = completed(given, reading)
        file = file_of(reading, shape, numbers, reading)
        check_owner(shape, numbers, file)
        text = printed(file)
        writer = _writer(file, parse_with_imports(text)[1], _filled(reading, shape))
        known = self._shapes[shape.full_name] = _Known(
            fingerprint=fingerprint(file),
            reading=reading,
            file=file,
            numbers=numbers,
            is_numbered=bool(given.given),
            make=writer.make,
            write=write_of(reading, numbers),
            read=read_of(reading, numbers),
            gauge=writer.gauge,
            order="deterministic" if reading.has_sets else None,
            is_recursive=is_recursive(reading),
        )
        self._writers[known.fingerprint] = writer
        self._texts[known.fingerprint] = text
        for name, values in symbols_of(reading).items():
            self._values |= {(f"{shape.full_name}.{name}", enum_value(name, value)): value for value in values}
        return known

    def _check_unfolded(self, shape: Shape, known: _Known, data: bytes) -> None:
        """Check that a reader can decode the bytes.

        Raises:
            MessageTooLarge, Malformed: it could not.
        """
        try:
            if not known.gauge.is_light(data, SENT_WEIGHT_MAX):
                known.gauge.check(data, SENT_WEIGHT_MAX)
            if known.is_recursive and len(data) > _DEEP_BYTES:
                known.make.FromString(data)
        except DecodeError as error:
            raise _too_deep(shape) from error
        except TooMuch as error:
            raise MessageTooLarge(
                f"{shape.name} of {len(data):,} bytes: {error}, {SENT_WEIGHT_MAX:,} fields and items.", hint=REFERENCE
            ) from error


def _plan_of(shape: Shape, known: _Known, writer: _Writer) -> _Plan | str:
    """The way to read values of another file, or the reason why there is none. A message that is numbered nowhere here has the
    numbers that the writer's file gives to its names."""
    make, gauge, file, numbers = known.make, known.gauge, known.file, known.numbers
    if not known.is_numbered:
        numbers = completed_apart(numbers_in(writer.file, writer.name, known.reading), known.reading)
        try:
            file = file_of(known.reading, shape, numbers, known.reading)
        except DeclarationError as error:  # two of its names are one in the writer's file
            return error.what
        ours = _writer(file, parse_with_imports(printed(file))[1], _filled(known.reading, shape))
        make, gauge = ours.make, ours.gauge
    why = disagreement(writer.file, writer.name, file, numbers)
    bare = without_presence(writer.file, writer.name, file)
    return why or _Plan(make, read_of(known.reading, numbers, bare), gauge)


def _writer(
    file: ProtoFile, imports: Mapping[str, ProtoFile], filled: Mapping[str, int], path: Sequence[int] = FIRST
) -> _Writer:
    """The message at a path of a file.

    Raises:
        ValueError: there is none.
    """
    try:
        name = message_at(file, path)
    except IndexError:
        raise ValueError(f"it has no message at {list(path)}") from None
    types = {each: found for one in (*imports.values(), file) for each, found in declared_types(one).items()}
    make = message_class(file, imports, name)
    return _Writer(
        file=widened(file, imports), name=name, types=types, make=make, gauge=ProtobufGauge(types, name, filled)
    )


def _filled(reading: Reading, shape: Shape) -> dict[str, int]:
    """The weight of the defaults of each record, by its full name in the file."""
    return {
        shape.full_name if record is reading.root else f"{shape.full_name}.{record.name}": sum(
            1 + weight_of(entry.default) for entry in record.entries if not entry.field.required
        )
        for record in reading.records.values()
    }


def _too_deep(shape: Shape) -> Malformed:
    return Malformed(f"{shape.name} is nested more than {DEPTH_MAX} levels deep.", hint="Send it in parts.")
