"""Schemas of other writers, in any language: their size is checked before they are parsed, and a refusal is remembered."""

from __future__ import annotations

from partita.codec.avro_gauge import TooMuch
from partita.errors import Malformed, UnknownSchema
from partita.schemas.confluent.registered_name import unknown_text
from partita.texts.bounded_json import oversize

REFUSED_MAX = 1_000
SCHEMA_DEPTH_MAX = 300
"""The most levels of brackets in a schema's JSON: a record of Avro takes three."""


def check_size(text: str) -> None:
    """Check the size and the depth of a schema's text.

    Raises:
        TooMuch: it is too large, or nested too deep for a parser.
    """
    why = oversize(text, SCHEMA_DEPTH_MAX)
    if why:
        raise TooMuch(why)


class Refusals:
    """The schemas that were refused: values with them are refused at once, and no schema is fetched for each message."""

    def __init__(self) -> None:
        self._refused: dict[str, str] = {}

    def add(self, fingerprint: str, why: str) -> UnknownSchema:
        """Remember a refusal; returns its error."""
        if len(self._refused) >= REFUSED_MAX:
            self._refused.clear()
        self._refused[fingerprint] = why
        return UnknownSchema(why, schema=fingerprint)

    def unknown(self, fingerprint: str) -> Malformed | UnknownSchema:
        """The error for a value whose schema is not known here."""
        refused = self._refused.get(fingerprint)
        if refused is not None:
            return Malformed(refused)
        framed = unknown_text(fingerprint)
        if framed is not None:
            hint = "PARTITA_REGISTRY must name the registry of the program that wrote it."
            return UnknownSchema(framed, schema=fingerprint, hint=hint)
        return UnknownSchema(f"Schema {fingerprint or '(none)'} of its writer is unknown here.", schema=fingerprint)
