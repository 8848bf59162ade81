"""Opens the rules of a schema language."""

from __future__ import annotations

from partita.errors import SettingsError
from partita.schemas.evolution.avro import AvroRules
from partita.schemas.evolution.json_schema import JsonSchemaRules
from partita.schemas.evolution.protobuf import ProtobufRules
from partita.schemas.evolution.rules import Rules

LANGUAGES: dict[str, type[Rules]] = {"avro": AvroRules, "json-schema": JsonSchemaRules, "protobuf": ProtobufRules}


def rules_of(language: str, *, protobuf_json: bool = False) -> Rules:
    """The rules of a language of `LANGUAGES`; with `protobuf_json` those of Protobuf's JSON form, too.

    Raises:
        SettingsError: there is no such language.
    """
    if language not in LANGUAGES:
        raise SettingsError(
            f"There are no rules for the schema language {language!r}.", hint=f"Name one of: {', '.join(LANGUAGES)}."
        )
    return ProtobufRules(json=True) if protobuf_json and language == "protobuf" else LANGUAGES[language]()


def rules_of_classes(language: str, *, protobuf_json: bool = False) -> Rules:
    """The rules for messages of an app. Their readers and writers are classes: a reader refuses some values that those of
    Protobuf take (a number that an enum does not name, one value in place of a list), and a writer in JSON writes no property
    that its schema does not name.

    Raises:
        SettingsError: as `rules_of`.
    """
    of_classes: dict[str, Rules] = {
        "protobuf": ProtobufRules(json=protobuf_json, classes=True),
        "json-schema": JsonSchemaRules(classes=True),
    }
    return of_classes.get(language) or rules_of(language)
