"""`DispatchingCodec`: one codec in front of the adapters of all schema languages.

A message is written in the language of its shape. Bytes are read in the language that the fingerprint of their schema names, so
a message that changed its language is still read from the log: `json:` and 16 hex digits are JSON, bare 16 hex digits Avro. The
schema of another program is named by its language and its id in a registry, as `avro:id:7`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from partita.codec.port import Codec
from partita.errors import UnknownSchema
from partita.schemas.fields.shape import Shape

DEFAULT = "avro"
MARK = ":"


class DispatchingCodec:
    """Asks the adapter of a language, which is made when the first message needs it. Avro's is always there."""

    def __init__(self, adapters: Mapping[str, Callable[[], Codec]]) -> None:
        self._make = adapters
        self._default = adapters[DEFAULT]()
        self._made: dict[str, Codec] = {DEFAULT: self._default}

    def learn(self, shape: Shape) -> str:
        """Prepare for a shape in its language; returns the fingerprint of its schema."""
        return self._of_language(shape.language).learn(shape)

    def schema_text(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint, if known."""
        return self._of(fingerprint).schema_text(fingerprint)

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema of the language that the fingerprint names."""
        self._of(fingerprint).teach(fingerprint, text)

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The fingerprint and the bytes, in the language of the shape."""
        codec = self._made.get(shape.language) or self._of_language(shape.language)
        return codec.encode(shape, value)

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value, read in the language of its writer."""
        codec = self._of(fingerprint) if MARK in fingerprint else self._default
        return codec.decode(shape, fingerprint, data)

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it."""
        return self._of(fingerprint).as_written(fingerprint, data)

    def _of(self, fingerprint: str) -> Codec:
        language, mark, _ = fingerprint.partition(MARK)
        if not mark:
            return self._default
        if language not in self._make:
            raise UnknownSchema(
                f"Schema {fingerprint:.80} is of the language {language!r:.40}, which is unknown here.",
                schema=fingerprint,
            )
        return self._of_language(language)

    def _of_language(self, language: str) -> Codec:
        codec = self._made.get(language)
        if codec is None:
            codec = self._made[language] = self._make[language]()
        return codec
