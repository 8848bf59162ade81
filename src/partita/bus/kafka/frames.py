"""Frames on Kafka: with a schema registry, a value goes out behind the id of its schema, as other programs' serializers write it.

The header `partita-frame` says so. A reader takes the frame off where it finds the header, with a registry or without one. The
first byte is no sign: bare Avro may begin with 0x00.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from partita.bus.port import Outgoing
from partita.cloudevents.binary_mode import Headers
from partita.errors import Malformed
from partita.message import envelope_from_bytes
from partita.schemas.confluent.client import RegistryClient
from partita.schemas.confluent.framing import framed, unframed
from partita.schemas.confluent.registry import version_of

MARK = "partita-frame"
V0 = b"v0"
PROTOBUF = "protobuf:"


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
            # The index path that Protobuf has within a frame is not known here.
            if fingerprint and fingerprint not in self._ids and not fingerprint.startswith(PROTOBUF):
                found = await version_of(self._client, fingerprint)
                self._ids[fingerprint] = None if found is None else found.id

    def framed(self, record: Outgoing, headers: Headers) -> bytes:
        """The value of a record on the wire; where it gets a frame its headers get the mark."""
        number = self._ids.get(_schema_of(record))
        if number is None:
            return record.value
        headers.append((MARK, V0))
        return framed(number, record.value)


def bare(headers: Sequence[tuple[str, object]], value: bytes) -> bytes:
    """The value of a record without its frame. A broken frame stays: its record is a dead letter with all of its bytes."""
    for name, held in headers:
        if name == MARK and held == V0:
            try:
                return unframed(value).payload
            except Malformed:
                return value
    return value


def _schema_of(record: Outgoing) -> str:
    try:
        return envelope_from_bytes(record.headers).schema
    except msgspec.MsgspecError:
        return ""  # a bus carries the bytes that it is given
