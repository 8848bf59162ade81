"""The attributes of a CloudEvent, read as an envelope.

Source: CloudEvents 1.0.2; `correlationid` and `causationid` are its extension for correlation.
"""

from __future__ import annotations

from collections.abc import Mapping

from partita.cloudevents.event_id import of_source
from partita.cloudevents.media_type import JSON_SCHEMA, is_json
from partita.cloudevents.time_text import microseconds
from partita.message import Envelope

REQUIRED = ("id", "source", "type")
KINDS = ("event", "command", "reply", "refusal")
# All others, also those that no one here knows, are kept in the envelope's `extra`.
IN_ENVELOPE = frozenset(
    (*REQUIRED, "specversion", "time", "correlationid", "causationid", "traceparent", "partitionkey", "partitakind")
    + ("partitaschema",)
)


def envelope_of(attributes: Mapping[str, str], arrived_us: int = 0) -> Envelope | None:
    """The envelope of these attributes, by their names in lower case; None = one is missing that each CloudEvent has.

    An event without a time has the time of its arrival. A program that is not Partita names no schema: its JSON is read as the
    message that its type names.
    """
    if not all(attributes.get(name) for name in REQUIRED):
        return None
    is_ours = "partitakind" in attributes
    kind, source = attributes.get("partitakind", "event"), attributes["source"]
    message_id = attributes["id"] if is_ours else of_source(source, attributes["id"])
    schema = attributes.get("partitaschema", "")
    if not schema and is_json(attributes.get("datacontenttype", "")):
        schema = JSON_SCHEMA
    return Envelope(
        id=message_id,
        source=source,
        type=attributes["type"],
        time_us=microseconds(attributes.get("time", "")) or arrived_us,
        correlation_id=attributes.get("correlationid") or message_id,
        kind=kind if kind in KINDS else "event",
        causation_id=attributes.get("causationid"),
        traceparent=attributes.get("traceparent") or None,
        schema=schema,
        extra={
            name: value
            for name, value in attributes.items()
            if name not in IN_ENVELOPE and not (is_ours and name == "datacontenttype")  # our schema says it
        },
    )
