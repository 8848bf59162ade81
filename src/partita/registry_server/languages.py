"""The languages of this registry by the names that the protocol has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from partita.registry_server.avro_text import AvroText
from partita.registry_server.json_schema_text import JsonSchemaText
from partita.registry_server.language import Language
from partita.registry_server.refusal import Refusal
from partita.schemas.evolution.rules import Rules

LANGUAGES: Mapping[str, Language] = {"AVRO": AvroText(), "JSON": JsonSchemaText()}
RulesOf = Callable[[str], Rules | None]
"""The rules of evolution of a language; None = this build has none for it."""


def language_of(name: str) -> Language:
    """The language of that name.

    Raises:
        Refusal: the registry does not keep it.
    """
    found = LANGUAGES.get(name)
    if found is None:
        known = ", ".join(LANGUAGES)
        raise Refusal(422, 42201, f"Invalid schema: schemaType {name!r:.40} is not kept here. There is: {known}.")
    return found


def no_rules(_: str) -> Rules | None:
    """No language has rules: only the level NONE accepts a second version."""
    return None
