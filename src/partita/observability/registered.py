"""Registered: the schemas of an app's messages as a schema registry has them, as revisions."""

from __future__ import annotations

import json

from partita.errors import NotFound, UnknownSchema
from partita.observability.declarations import Declarations
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.references import whole_text
from partita.schemas.confluent.subject import subject_of
from partita.schemas.protobuf.bundle import parse_bundle
from partita.schemas.revisions import Revision

LANGUAGES = {"AVRO": "avro", "JSON": "json", "PROTOBUF": "protobuf"}
"""The languages by their names in the protocol, and those that `codec=` has."""


async def read_registered(app: Declarations, client: RegistryClient) -> list[Revision]:
    """The versions of the app's messages in a registry, each under the number that it has in its subject.

    Raises:
        NotFound: the registry has none of them. RegistryUnavailable, RegistryRefused: see `RegistryClient`.
    """
    found = []
    for name, contract in sorted(app.catalog.contracts.items()):
        if contract.kind != "fault":
            subject = subject_of(app.settings.registry_subjects, contract.topic, name)
            found += [each for each in await _versions(client, subject) if each.message == name]
    if not found:
        raise NotFound(
            f"The schema registry at {client.where} has no schema of this app.",
            hint="partita schema register; PARTITA_REGISTRY_SUBJECTS names the subjects.",
        )
    return found


async def _versions(client: RegistryClient, subject: str) -> list[Revision]:
    found = []
    for number in await client.versions(subject):
        version = await client.version(subject, number)
        language = "" if version is None else LANGUAGES.get(version.schema.language, "")
        if version is not None and language:
            text = await whole_text(client, version.schema)
            found.append(Revision(_name_in(text, language), number, language, text))
    return found


def _name_in(text: str, language: str) -> str:
    """The full name of the message that a schema is about: a subject may hold several, by the strategy of topics. Empty where
    it cannot be read."""
    try:
        if language == "protobuf":
            file, _ = parse_bundle(text)
            return f"{file.package}.{file.messages[0].name}"
        document = json.loads(text)
        if language == "json":
            return str(document["title"])
        return f"{document['namespace']}.{document['name']}" if "namespace" in document else str(document["name"])
    except (ValueError, KeyError, IndexError, TypeError, RecursionError, UnknownSchema):
        return ""
