"""Opens the rules of a schema language."""

from __future__ import annotations

from partita.errors import SettingsError
from partita.schemas.evolution.avro import AvroRules
from partita.schemas.evolution.json_schema import JsonSchemaRules
from partita.schemas.evolution.protobuf import ProtobufRules
from partita.schemas.evolution.rules import Rules

LANGUAGES: dict[str, type[Rules]] = {"avro": AvroRules, "json-schema": JsonSchemaRules, "protobuf": ProtobufRules}


def rules_of(language: str) -> Rules:
    """The rules of a language of `LANGUAGES`.

    Raises:
        SettingsError: there is no such language.
    """
    if language not in LANGUAGES:
        raise SettingsError(
            f"There are no rules for the schema language {language!r}.", hint=f"Name one of: {', '.join(LANGUAGES)}."
        )
    return LANGUAGES[language]()
