"""Frames on Kafka: with a schema registry, a value goes out behind the id of its schema, as other programs' serializers write it.

The header `partita-frame` says so. A reader takes the frame off where it finds the header, with a registry or without one. The
first byte is no sign: bare Avro may begin with 0x00.

Programs that are not Partita know no header of ours. Their Avro and Protobuf cannot be read without a frame, so one is expected,
before the value (v0, v1) or in the header `__value_schema_id`. JSON never begins as a frame does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from partita.bus.port import Outgoing
from partita.cloudevents.binary_mode import Found, Headers
from partita.cloudevents.media_type import language_of
from partita.errors import Malformed
from partita.message import envelope_from_bytes
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.framing import (
    VALUE_HEADER,
    framed,
    indexed,
    message_of_header,
    schema_of_header,
    unframed,
    unindexed,
)
from partita.schemas.confluent.registered_name import FIRST, registered_name, unframed_name
from partita.schemas.confluent.registry import version_of

MARK = "partita-frame"
V0, V0_INDEXED = b"v0", b"v0-indexed"
"""A value behind a frame, and one in Protobuf that has its index path in between."""
PROTOBUF = "protobuf"
FIRST_BYTES = (b"\x00", b"\x01")


class Frames:
    """Knows the ids of schemas by their fingerprints. A value whose schema the registry does not have travels bare: the record is
    older than the use of the registry, and Partita's readers find the schema beside the bus."""

    def __init__(self, client: RegistryClient) -> None:
        self._client = client
        self._ids: dict[str, int | None] = {}

    async def learn(self, records: Sequence[Outgoing]) -> None:
        """Look up the schemas of these records, each once in the life of the process.

        Raises:
            RegistryUnavailable: it does not answer; nothing was appended.
        """
        for fingerprint in dict.fromkeys(map(_schema_of, records)):
            if fingerprint and fingerprint not in self._ids:
                found = await version_of(self._client, fingerprint)
                self._ids[fingerprint] = None if found is None else found.id

    def framed(self, record: Outgoing, headers: Headers) -> bytes:
        """The value of a record on the wire; where it gets a frame its headers get the mark."""
        schema = _schema_of(record)
        number = self._ids.get(schema)
        if number is None:
            return record.value
        if schema.startswith(f"{PROTOBUF}:"):
            headers.append((MARK, V0_INDEXED))
            return framed(number, indexed(FIRST, record.value))  # a file of ours is about its first message
        headers.append((MARK, V0))
        return framed(number, record.value)


def bare(headers: Found, value: bytes) -> bytes:
    """The value of a record without its frame. A broken frame stays: its record is a dead letter with all of its bytes."""
    for name, held in headers:
        if name == MARK and held in (V0, V0_INDEXED):
            try:
                payload = unframed(value).payload
                return payload if held == V0 else unindexed(payload).payload
            except Malformed:
                return value
    return value


def schema_from_elsewhere(headers: Found, content_type: str, value: bytes) -> tuple[str, bytes]:
    """The name of the schema of a value that another program wrote, and the value without its frame. An empty name = it is JSON
    of no schema. A value with a broken frame stays whole, under a name by which the codec says the reason."""
    language = language_of(content_type)
    header = next((held for name, held in reversed(headers) if name == VALUE_HEADER and isinstance(held, bytes)), None)
    try:
        if header is not None and language == PROTOBUF:
            return registered_name(language, *message_of_header(header)), value
        if header is not None:
            return registered_name(language, schema_of_header(header)), value
        if language == "json" and value[:1] not in FIRST_BYTES:
            return "", value
        found = unframed(value)
        if language != PROTOBUF:
            return registered_name(language, found.schema), found.payload
        path, payload = unindexed(found.payload)
    except Malformed:
        return unframed_name(header), value
    return registered_name(language, found.schema, path), payload


def _schema_of(record: Outgoing) -> str:
    try:
        return envelope_from_bytes(record.headers).schema
    except msgspec.MsgspecError:
        return ""  # a bus carries the bytes that it is given
