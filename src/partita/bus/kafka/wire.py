"""A message on Kafka: its value as it is, its envelope as CloudEvents headers (binary mode) and once more in ours.

Source: CloudEvents 1.0.2, Kafka protocol binding. The header `partita` carries the envelope as the outbox keeps it, so
that a record comes back as it went, byte for byte; the `ce_` headers are for readers that are not Partita. A record
without our header is read by its `ce_` headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Message

from partita.bus.port import Outgoing, Record
from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes

OURS = "partita"
Headers = list[tuple[str, str | bytes | None]]
KINDS = ("event", "command", "reply", "refusal")


def headers_of(record: Outgoing) -> Headers:
    """The headers a record travels with."""
    try:
        envelope = envelope_from_bytes(record.headers)
    except msgspec.MsgspecError:
        return [(OURS, record.headers)]  # a bus carries what it is given
    # Written out: this runs for every record. Bytes, since the client cuts a text at its first NUL.
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_source", envelope.source.encode()),
        ("ce_type", envelope.type.encode()),
        ("ce_time", _rfc3339(envelope.time_us).encode()),
        ("ce_correlationid", envelope.correlation_id.encode()),
        ("ce_partitakind", envelope.kind.encode()),
        (OURS, record.headers),
    ]
    if record.key is not None:
        headers.append(("ce_partitionkey", record.key.encode("utf-8", "surrogatepass")))
    if envelope.causation_id is not None:
        headers.append(("ce_causationid", envelope.causation_id.encode()))
    if envelope.schema:
        headers.append(("ce_partitaschema", envelope.schema.encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return headers


def record_of(message: Message) -> Record:
    """A record as it came; bytes of a key that are no UTF-8 are shown as escapes."""
    # Without deserializers keys and values are bytes, and headers a list; the library's types say more.
    key: Any = message.key()
    value: Any = message.value()
    headers: Any = message.headers()
    return Record(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        None if key is None else key.decode("utf-8", "backslashreplace"),
        _envelope_bytes(headers or ()),
        value or b"",
        message.timestamp()[1] * 1_000,
    )


def _envelope_bytes(headers: Sequence[tuple[str, object]]) -> bytes:
    for name, value in reversed(headers):
        if name == OURS and isinstance(value, bytes):
            return value
    found = {name.lower(): value.decode("utf-8", "replace") for name, value in headers if isinstance(value, bytes)}
    if not ("ce_id" in found and "ce_source" in found and "ce_type" in found):
        return b""
    return envelope_to_bytes(_foreign(found))


def _foreign(found: dict[str, str]) -> Envelope:
    """The envelope of a CloudEvent that another framework sent."""
    kind = found.get("ce_partitakind", "event")
    return Envelope(
        id=found["ce_id"],
        source=found["ce_source"],
        type=found["ce_type"],
        time_us=_microseconds(found.get("ce_time", "")),
        correlation_id=found.get("ce_correlationid") or found["ce_id"],
        kind=kind if kind in KINDS else "event",
        causation_id=found.get("ce_causationid"),
        traceparent=found.get("traceparent") or found.get("ce_traceparent"),
        schema=found.get("ce_partitaschema", ""),
    )


def _rfc3339(time_us: int) -> str:
    seconds, micros = divmod(time_us, 1_000_000)
    return f"{_second(seconds)}.{micros:06d}Z"


_last_second: tuple[int, str] = (-1, "")


def _second(seconds: int) -> str:
    """The text of a second, kept for the next message of the same one."""
    global _last_second
    if _last_second[0] != seconds:
        _last_second = (
            seconds,
            datetime.fromtimestamp(min(seconds, 253_402_300_799), UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        )
    return _last_second[1]


def _microseconds(text: str) -> int:
    try:
        return max(0, round(datetime.fromisoformat(text).timestamp() * 1_000_000))
    except (ValueError, OverflowError):
        return 0
