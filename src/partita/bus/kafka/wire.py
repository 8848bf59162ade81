"""A message on Kafka: its value as it is, its envelope as headers in the binary mode of CloudEvents."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from partita.bus.kafka.frames import bare, schema_from_elsewhere
from partita.bus.port import Outgoing, Record
from partita.cloudevents.binary_mode import BinaryMode, Headers, HeaderSet

BINARY_MODE = BinaryMode("ce_", schema_from_elsewhere)


def headers_of(record: Outgoing, carried: HeaderSet = "full") -> Headers:
    """A record's headers on the wire, those that its topic carries."""
    return BINARY_MODE.headers_of(record.headers, record.key, carried)


def record_of(message: Message) -> Record:
    """A record from the wire; key bytes that are not UTF-8 are shown as escapes."""
    # Without deserializers keys and values are bytes, and headers a list; the library's types are wider.
    key: Any = message.key()
    value: Any = message.value()
    headers: Any = message.headers()
    at_us = message.timestamp()[1] * 1_000
    headers = headers or ()
    envelope, data = BINARY_MODE.read(headers, bare(headers, value or b""), at_us)
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        None if key is None else key.decode("utf-8", "backslashreplace"),
        envelope,
        data,
        at_us,
    )
