"""JSON values through msgspec, with the limits of every codec: no input may crash or stall the process, or be read as another.

Our own bytes have one form for each value. Bytes in another form come from a foreign writer, and are looked at for what a parser
passes over in silence: a key that is there twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from partita.cloudevents.media_type import JSON_SCHEMA
from partita.codec.avro_gauge import SENT_WEIGHT_MAX, WEIGHT_MAX
from partita.codec.avro_values import DEPTH_MAX, is_too_deep
from partita.codec.json_gauge import JsonGauge
from partita.codec.json_names import Rename, rename_of
from partita.codec.read_back import MISFITS, check_read_back, shown
from partita.codec.writers_schema import Refusals, check_size
from partita.errors import Malformed, MessageTooLarge
from partita.schemas.exact_value import Unsayable, Write
from partita.schemas.fields.plain_default import NATIVE
from partita.schemas.fields.reading import read
from partita.schemas.fields.shape import Shape
from partita.schemas.json_schema.derivation import document_of, fingerprint
from partita.schemas.json_schema.wire_form import write_of
from partita.size import REFERENCE, VALUE_BYTES_MAX, over, too_large

_encode = msgspec.json.Encoder().encode
_parse = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A shape of ours."""

    fingerprint: str
    decode: Any  # msgspec's decoder of the struct
    write: Write
    rename: Rename | None
    gauge: JsonGauge
    order: Any  # "deterministic" where a value has sets, else None
    is_comparable: bool


class JsonCodec:
    """JSON in UTF-8, the writer's schema named by fingerprint in the envelope."""

    def __init__(self) -> None:
        self._shapes: dict[str, _Known] = {}
        # A program that is not Partita names no schema: its JSON is read by the names of its fields.
        self._texts: dict[str, str] = {JSON_SCHEMA: "{}"}
        self._refusals = Refusals()

    def learn(self, shape: Shape) -> str:
        """Derive the schema of a shape; returns its fingerprint."""
        return (self._shapes.get(shape.full_name) or self._learn(shape)).fingerprint

    def schema_text(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint, if known."""
        return self._texts.get(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema. Values are read by their own names, so nothing of it is executed or fetched.

        Raises:
            UnknownSchema: the text is no JSON Schema, or a reference in it leads outside.
        """
        try:
            _check_schema(text)
        except (RecursionError, *MISFITS) as error:
            raise self._refusals.add(fingerprint, f"Schema {fingerprint} is refused: {error!s:.300}") from error
        self._texts[fingerprint] = text

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The writer's fingerprint and the bytes, which decode to an equal value.

        Raises:
            Malformed: it is not of its declared types, or holds a value that JSON cannot say exactly. MessageTooLarge: it
                is over the limit.
        """
        known = self._shapes.get(shape.full_name) or self._learn(shape)
        try:
            plain = msgspec.to_builtins(value, builtin_types=NATIVE, order=known.order)
            if known.gauge.is_recursive and is_too_deep(plain):
                raise Malformed(f"{shape.name} is nested more than {DEPTH_MAX} levels deep.", hint="Send it in parts.")
            has_sets = known.order is not None
            check_read_back(shape, value, plain, is_comparable=known.is_comparable, has_sets=has_sets)
            data = _encode(known.write(plain))
        except Unsayable as error:
            raise Malformed(f"{shape.name}{error.where} {error.why}.", hint="Send None, or another value.") from None
        except (RecursionError, *MISFITS) as error:
            raise Malformed(
                f"{shape.name} does not fit its own schema: {error!s:.300}", hint=f"The value was {shown(value)}"
            ) from error
        if len(data) > VALUE_BYTES_MAX:
            raise too_large(shape.name, len(data), VALUE_BYTES_MAX)
        if not known.gauge.is_light(data, SENT_WEIGHT_MAX) and known.gauge.weigh(_parse(data)) > SENT_WEIGHT_MAX:
            raise MessageTooLarge(
                f"{shape.name} of {len(data):,} bytes unfolds to more than {SENT_WEIGHT_MAX:,} fields and items.",
                hint=REFERENCE,
            )
        return known.fingerprint, data

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value: fields that are absent have their defaults, and fields that are unknown here are ignored."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"{shape.name} has {over(len(data), VALUE_BYTES_MAX)}.")
        known = self._shapes.get(shape.full_name) or self._learn(shape)
        if fingerprint not in self._texts:
            raise self._refusals.unknown(fingerprint)
        try:
            if not known.gauge.is_light(data) and known.gauge.weigh(_parse(data)) > WEIGHT_MAX:
                raise ValueError("it unfolds to more than a message may hold")
            if known.rename is not None and fingerprint != known.fingerprint:
                data = _encode(known.rename(_checked(data)))
            value: msgspec.Struct = known.decode(data)
            plain = msgspec.to_builtins(value, builtin_types=NATIVE, order=known.order)
            if known.gauge.is_recursive and is_too_deep(plain):
                raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
            if _encode(known.write(plain)) != data:
                _checked(data)
        except (RecursionError, *MISFITS) as error:
            raise Malformed(f"{shape.name}: not a value of schema {fingerprint}: {error!s:.300}") from error
        return value

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it: JSON says it itself, with times, decimals and bytes as texts."""
        if len(data) > VALUE_BYTES_MAX:
            raise Malformed(f"It has {over(len(data), VALUE_BYTES_MAX)}.")
        if fingerprint not in self._texts:
            raise self._refusals.unknown(fingerprint)
        try:
            return _checked(data)
        except (RecursionError, *MISFITS) as error:
            raise Malformed(f"Not a value of schema {fingerprint}: {error!s:.300}") from error

    def _learn(self, shape: Shape) -> _Known:
        reading = read(shape)
        document = document_of(reading, shape)
        known = self._shapes[shape.full_name] = _Known(
            fingerprint=fingerprint(document),
            decode=msgspec.json.Decoder(shape.struct).decode,
            write=write_of(reading),
            rename=rename_of(reading),
            gauge=JsonGauge(reading),
            order="deterministic" if reading.has_sets else None,
            is_comparable=reading.is_comparable,
        )
        self._texts[known.fingerprint] = json.dumps(document, separators=(",", ":"))
        return known


def _checked(data: bytes) -> Any:
    """The document of bytes in any form.

    Raises:
        ValueError: a key is there twice, so that two readers may take different values; or it is no JSON.
    """
    document = _parse(data)
    if is_too_deep(document):
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
    json.loads(data, object_pairs_hook=_once)
    return document


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.80} is there twice")


def _check_schema(text: str) -> None:
    """Check that a text is a JSON Schema of bounded size that refers to nothing outside itself.

    Raises:
        ValueError, TypeError: it is not.
    """
    check_size(text)
    schema = _parse(text)
    if not isinstance(schema, dict):
        raise ValueError("it is no object")
    level: list[Any] = [schema]
    while level:
        for each in level:
            if isinstance(each, dict) and isinstance(each.get("$ref"), str) and not each["$ref"].startswith("#"):
                raise ValueError(f"it refers to {each['$ref']!r:.80}, which is outside")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
