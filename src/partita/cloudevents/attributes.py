"""The attributes of a CloudEvent that another framework sent, read as an envelope."""

from __future__ import annotations

from collections.abc import Mapping

from partita.cloudevents.time_text import microseconds
from partita.message import Envelope

REQUIRED = ("id", "source", "type")
KINDS = ("event", "command", "reply", "refusal")


def envelope_of(attributes: Mapping[str, str]) -> Envelope | None:
    """The envelope of these attributes, by their names in lower case; None = one is missing that each CloudEvent has."""
    if not all(name in attributes for name in REQUIRED):
        return None
    kind = attributes.get("partitakind", "event")
    return Envelope(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        time_us=microseconds(attributes.get("time", "")),
        correlation_id=attributes.get("correlationid") or attributes["id"],
        kind=kind if kind in KINDS else "event",
        causation_id=attributes.get("causationid"),
        traceparent=attributes.get("traceparent"),
        schema=attributes.get("partitaschema", ""),
    )
