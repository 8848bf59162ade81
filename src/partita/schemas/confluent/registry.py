"""`ConfluentRegistry`: the schemas of an app in a Confluent registry, where programs of other kinds find them too."""

from __future__ import annotations

import re
from collections.abc import Mapping

from partita.errors import RegistryRefused
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient, SubjectVersion
from partita.schemas.confluent.references import whole_text
from partita.schemas.confluent.registered_name import registered_id
from partita.schemas.registry import Registry

BY_FINGERPRINT = "partita-schema-"
"""The beginning of the subjects by which a reader finds the schema of a fingerprint. They add no content: equal content has one
id in all subjects."""
LANGUAGES = {"json": "JSON", "protobuf": "PROTOBUF"}
_FINGERPRINT = re.compile("([a-z]+:)?[0-9a-f]{16}", re.ASCII)


async def version_of(client: RegistryClient, fingerprint: str) -> SubjectVersion | None:
    """The version that has the schema of a fingerprint. A message from elsewhere may name its schema by any text: the registry
    may refuse such a name, and its message would be tried again for ever. So it is not asked for one."""
    if not _FINGERPRINT.fullmatch(fingerprint):
        return None
    return await client.version(f"{BY_FINGERPRINT}{fingerprint}", 1)


class ConfluentRegistry:
    """See `partita.schemas.registry.Registry`. A schema is registered under its subject, where the registry checks its level, and
    under its fingerprint. `subjects` are those of the app's messages, by fingerprint; `beside` has the schemas of records that
    are older than the use of this registry.
    """

    def __init__(self, client: RegistryClient, subjects: Mapping[str, str], beside: Registry) -> None:
        self.client = client
        self._subjects = subjects
        self._beside = beside

    async def publish(self, fingerprint: str, text: str) -> None:
        """Register a schema.

        Raises:
            RegistryRefused: it is incompatible with the versions of its subject.
        """
        schema = RegisteredSchema(text, _language_of(fingerprint))
        subject = self._subjects.get(fingerprint)
        if subject is not None:
            await self.client.register(subject, schema)
        name = f"{BY_FINGERPRINT}{fingerprint}"
        if await self.client.version(name, 1) is None:
            try:
                await self.client.register(name, schema)
            except RegistryRefused:
                # Another process published a text of this fingerprint meanwhile, which stays.
                if await self.client.version(name, 1) is None:
                    raise

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint, or the one that the frame of another program names by its id or guid."""
        named = registered_id(fingerprint)
        if named is not None:
            schema = await (self.client.by_guid(named.guid) if named.guid else self.client.by_id(named.id or 0))
            return None if schema is None else await whole_text(self.client, schema)
        found = await version_of(self.client, fingerprint)
        return await self._beside.find(fingerprint) if found is None else found.schema.text


def _language_of(fingerprint: str) -> str:
    """The language of a fingerprint's schema: another one than Avro is named before a colon."""
    language, colon, _ = fingerprint.partition(":")
    return LANGUAGES.get(language, language.upper()) if colon else "AVRO"
