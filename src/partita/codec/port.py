"""The port of a codec: it turns a declared record into bytes, and bytes of a known writer back into the record."""

from __future__ import annotations

from typing import Protocol

import msgspec

from partita.schemas.fields.shape import Shape


class Codec(Protocol):
    """Encodes and decodes the values of messages."""

    def learn(self, shape: Shape) -> str:
        """Prepare for a shape; returns the fingerprint of its schema."""
        ...

    def schema_text(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint as JSON, if known."""
        ...

    def teach(self, fingerprint: str, text: str) -> None:
        """Accept a writer's schema from outside (found in a registry) for later decoding.

        Raises:
            UnknownSchema: it is no schema, or one that may not be used for decoding; its values are Malformed from now on.
        """
        ...

    def encode(self, shape: Shape, value: msgspec.Struct) -> tuple[str, bytes]:
        """The fingerprint of the writer's schema and the bytes.

        Raises:
            MessageTooLarge: over `size.VALUE_BYTES_MAX`.
            Malformed: the value does not fit its own schema.
        """
        ...

    def decode(self, shape: Shape, fingerprint: str, data: bytes) -> msgspec.Struct:
        """The value, read with the writer's schema and resolved to ours.

        Raises:
            UnknownSchema: the fingerprint was never learned or taught.
            Malformed: the bytes are not a value of that schema, or are over the limits.
        """
        ...

    def as_written(self, fingerprint: str, data: bytes) -> object:
        """The value as its writer saw it, by the writer's schema alone: for people who read or repair it.

        Raises:
            UnknownSchema, Malformed: as `decode`.
        """
        ...
