"""Binary mode: the value travels as it is, the envelope as headers, one per attribute, and once more in a header of ours.

Source: CloudEvents 1.0.2, its protocol bindings. They differ in the prefix of an attribute's header alone: `ce_` on Kafka,
`ce-` in HTTP and NATS, `cloudEvents_` in AMQP. The header `partita` carries the envelope as the outbox keeps it, so that a
record comes back byte for byte; the attributes are for readers that are not Partita. A message without our header is read
by its attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from partita.cloudevents.attributes import envelope_of
from partita.cloudevents.time_text import rfc3339
from partita.message import envelope_from_bytes, envelope_to_bytes

OURS = "partita"
TRACEPARENT = "traceparent"
ATTRIBUTES = (
    "id", "source", "type", "time", "correlationid", "partitakind", "partitionkey", "causationid", "partitaschema",
)  # fmt: skip
Headers = list[tuple[str, str | bytes | None]]


class BinaryMode:
    """The headers of one protocol, by the prefix that it gives to an attribute's name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.lower()
        self._version = (f"{prefix}specversion", b"1.0")
        self._names = tuple(prefix + name for name in ATTRIBUTES)

    def headers_of(self, envelope_bytes: bytes, key: str | None) -> Headers:
        """The headers with which a message travels. Bytes that are no envelope travel in our header alone: a bus carries
        the bytes that it is given.
        """
        try:
            envelope = envelope_from_bytes(envelope_bytes)
        except msgspec.MsgspecError:
            return [(OURS, envelope_bytes)]
        # Written out: this runs for every record. Bytes, since Kafka's client cuts a text at its first NUL.
        id_, source, type_, time, correlation, kind, partition_key, causation, schema = self._names
        headers: Headers = [
            self._version,
            (id_, envelope.id.encode()),
            (source, envelope.source.encode()),
            (type_, envelope.type.encode()),
            (time, rfc3339(envelope.time_us).encode()),
            (correlation, envelope.correlation_id.encode()),
            (kind, envelope.kind.encode()),
            (OURS, envelope_bytes),
        ]
        if key is not None:
            headers.append((partition_key, key.encode("utf-8", "surrogatepass")))
        if envelope.causation_id is not None:
            headers.append((causation, envelope.causation_id.encode()))
        if envelope.schema:
            headers.append((schema, envelope.schema.encode()))
        if envelope.traceparent is not None:
            headers.append((TRACEPARENT, envelope.traceparent.encode()))
        return headers

    def envelope_bytes_of(self, headers: Sequence[tuple[str, object]]) -> bytes:
        """The envelope's bytes: those of our header, else made of the attributes; empty = the headers have neither."""
        for name, value in reversed(headers):
            if name == OURS and isinstance(value, bytes):
                return value
        attributes: dict[str, str] = {}
        last_hop = ""
        for name, value in headers:
            if isinstance(value, bytes):
                plain, text = name.lower(), value.decode("utf-8", "replace")
                if plain.startswith(self._prefix):
                    attributes[plain.removeprefix(self._prefix)] = text
                elif plain == TRACEPARENT:
                    last_hop = text
        if last_hop:  # the attribute is that of the first hop
            attributes[TRACEPARENT] = last_hop
        envelope = envelope_of(attributes)
        return b"" if envelope is None else envelope_to_bytes(envelope)
