"""The languages of this registry by the names that the protocol has for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from partita.registry_server.avro_text import AvroText
from partita.registry_server.json_schema_text import JsonSchemaText
from partita.registry_server.language import Language
from partita.registry_server.protobuf_text import ProtobufText
from partita.registry_server.refusal import Refusal
from partita.schemas.evolution.connect import LANGUAGES as WITH_RULES
from partita.schemas.evolution.connect import rules_of
from partita.schemas.evolution.rules import Rules

LANGUAGES: Mapping[str, Language] = {"AVRO": AvroText(), "JSON": JsonSchemaText(), "PROTOBUF": ProtobufText()}
RULES = {"AVRO": "avro", "JSON": "json-schema", "PROTOBUF": "protobuf"}
"""The names that the rules of evolution have for them."""
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


def known_rules(name: str) -> Rules | None:
    """The rules of evolution that this build has for a language, by the protocol's name for it."""
    language = RULES.get(name, "")
    return rules_of(language) if language in WITH_RULES else None
