"""Structured mode: one document has the attributes and the data, in the format that the content type names.

Structured mode is read, not written: binary mode leaves the value as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from partita.cloudevents import avro_format, json_format
from partita.cloudevents.cloud_event import CloudEvent

CONTENT_TYPE = "application/cloudevents"
FORMATS: Mapping[str, Callable[[bytes], CloudEvent]] = {
    "": json_format.read,  # where the content type names none
    "+json": json_format.read,
    "+avro": avro_format.read,
}


def is_structured(content_type: str) -> bool:
    """Whether a message of that content type is a CloudEvent in structured mode; the case of letters means nothing."""
    return content_type[: len(CONTENT_TYPE)].lower() == CONTENT_TYPE


def format_of(content_type: str) -> Callable[[bytes], CloudEvent] | None:
    """The reader of the format in a content type of structured mode; None = it is unknown here. The reader raises
    `NoCloudEvent`."""
    return FORMATS.get(content_type.partition(";")[0].strip().lower().removeprefix(CONTENT_TYPE))
