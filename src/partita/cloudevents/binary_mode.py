"""Binary mode: the value travels as it is, the envelope as headers, one per attribute, and once more in a header of ours.

Source: CloudEvents 1.0.2, its protocol bindings. They differ in the prefix of an attribute's header alone: `ce_` on Kafka,
`ce-` in HTTP and NATS, `cloudEvents_` in AMQP. The header `partita` carries the envelope as the outbox keeps it, so that a
record comes back byte for byte; the attributes are for readers that are not Partita, and may be left out where there are none
(`HeaderSet`). A message without our header is read by its attributes, or in structured mode where its content type says so.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from partita.cloudevents import structured_mode
from partita.cloudevents.attributes import envelope_of
from partita.cloudevents.cloud_event import NoCloudEvent
from partita.cloudevents.event_id import on_the_wire, source_of
from partita.cloudevents.media_type import media_type_of
from partita.cloudevents.time_text import rfc3339
from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes, trace_of

OURS = "partita"
TRACEPARENT = "traceparent"
CONTENT_TYPE = "content-type"
DATA_CONTENT_TYPE = "datacontenttype"
ATTRIBUTES = (
    "id", "source", "type", "time", "correlationid", "partitakind", "partitionkey", "causationid", "partitaschema",
)  # fmt: skip
SCHEMA = "partitaschema"
HeaderSet = Literal["full", "required", "ours"]
"""The headers that a record carries: all attributes; the four that each CloudEvent has, with the content type; our own alone.
Each of them has our own, so Partita reads all three, also mixed in one topic."""
HEADER_SETS: tuple[HeaderSet, ...] = ("full", "required", "ours")
Headers = list[tuple[str, str | bytes | None]]
Found = Sequence[tuple[str, object]]
NameSchema = Callable[[Found, str, bytes], tuple[str, bytes]]
"""From the headers, the content type and the value of a message from elsewhere: the name of its schema, empty = there is none,
and the value without that name."""


class BinaryMode:
    """The headers of one protocol, by the prefix that it gives to an attribute's name. `name_schema` knows where other programs
    of that protocol name the schema of a value."""

    def __init__(self, prefix: str, name_schema: NameSchema | None = None) -> None:
        self._name_schema = name_schema
        self._prefix = prefix.lower()
        self._version = (f"{prefix}specversion", b"1.0")
        self._extra = prefix
        self._names = tuple(prefix + name for name in ATTRIBUTES)

    def headers_of(self, envelope_bytes: bytes, key: str | None, carried: HeaderSet = "full") -> Headers:
        """The headers with which a message travels. Bytes that are no envelope travel in our header alone: a bus carries
        the bytes that it is given.
        """
        ours = OURS, b2a_base64(envelope_bytes, newline=False)
        if carried == "ours":
            return [ours]
        try:
            envelope = envelope_from_bytes(envelope_bytes)
        except msgspec.MsgspecError:
            return [ours]
        # Written out: this runs for every record. Bytes, since Kafka's client cuts a text at its first NUL.
        id_, source, type_, time, correlation, kind, partition_key, causation, schema = self._names
        headers: Headers = [
            self._version,
            (id_, on_the_wire(envelope.id).encode()),
            (source, source_of(envelope.id, envelope.source).encode()),
            (type_, envelope.type.encode()),
            ours,
        ]
        content_type = _content_type(envelope)
        if content_type is not None:
            headers.append((CONTENT_TYPE, content_type))
        if carried == "required":
            return headers
        headers += (
            (time, rfc3339(envelope.time_us).encode()),
            (correlation, envelope.correlation_id.encode()),
            (kind, envelope.kind.encode()),
        )
        if key is not None:
            headers.append((partition_key, key.encode("utf-8", "surrogatepass")))
        if envelope.causation_id is not None:
            headers.append((causation, on_the_wire(envelope.causation_id).encode()))
        if envelope.schema:
            headers.append((schema, envelope.schema.encode()))
        trace = trace_of(envelope)
        if trace is not None:
            headers.append((TRACEPARENT, trace.encode()))
        for name, text in envelope.extra.items():
            if name != DATA_CONTENT_TYPE:
                headers.append((self._extra + name, text.encode()))
        return headers

    def read(self, headers: Found, value: bytes, arrived_us: int = 0) -> tuple[bytes, bytes]:
        """The envelope's bytes and the value of a message. The envelope is that of our header, else made of the attributes;
        empty = the message has neither. The value of an event in structured mode is its data."""
        for name, held in reversed(headers):
            if name == OURS and isinstance(held, bytes):
                return _envelope_in(held), value
        attributes, content_type = self._attributes_of(headers)
        data = value
        if structured_mode.is_structured(content_type):
            read = structured_mode.format_of(content_type)
            try:
                if read is None:
                    return b"", value
                attributes, data = read(value)
            except NoCloudEvent:
                return b"", value
            headers = ()  # they are about the document, and not about its data
        elif content_type:
            attributes[DATA_CONTENT_TYPE] = content_type
        if self._name_schema is not None and not attributes.get(SCHEMA):
            name, data = self._name_schema(headers, attributes.get(DATA_CONTENT_TYPE, ""), data)
            if name:
                attributes[SCHEMA] = name
        envelope = envelope_of(attributes, arrived_us)
        return (b"", value) if envelope is None else (envelope_to_bytes(envelope), data)

    def _attributes_of(self, headers: Found) -> tuple[dict[str, str], str]:
        """The attributes by their names, and the content type."""
        attributes: dict[str, str] = {}
        last_hop = content_type = ""
        for name, value in headers:
            if isinstance(value, bytes):
                plain, text = name.lower(), value.decode("utf-8", "replace")
                if plain.startswith(self._prefix):
                    attributes[plain.removeprefix(self._prefix)] = text
                elif plain == TRACEPARENT:
                    last_hop = text
                elif plain == CONTENT_TYPE:
                    content_type = text
        if last_hop:  # the attribute is that of the first hop
            attributes[TRACEPARENT] = last_hop
        return attributes, content_type


def _content_type(envelope: Envelope) -> bytes | None:
    """The form of the value, by its schema, else as the program said it that made the event; None = neither says it."""
    if envelope.schema:
        return media_type_of(envelope.schema)
    said = envelope.extra.get(DATA_CONTENT_TYPE)
    return None if said is None else said.encode()


def _envelope_in(held: bytes) -> bytes:
    """The envelope's bytes in our header: base64, since some readers take all headers for texts. Debezium writes the outbox's
    bytes as they are; those begin with a byte that is none of ASCII. Other bytes are no envelope, and stay as they are."""
    try:
        return held if held[:1] >= b"\x80" else a2b_base64(held, strict_mode=True)
    except Error:
        return held
