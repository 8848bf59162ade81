"""The events of a request, by its content type: binary, structured or batched mode."""

from __future__ import annotations

from collections.abc import Sequence

from partita.cloudevents import batched_mode, http_headers, structured_mode
from partita.cloudevents.cloud_event import CloudEvent, NoCloudEvent
from partita.ingress.refusal import Refusal

BATCH_MAX = 1_000
FORMATS = (
    "application/cloudevents+json, application/cloudevents+avro, application/cloudevents-batch+json, "
    "or headers ce-* with the data as the body"
)


def events_of(headers: Sequence[tuple[str, str]], content_type: str, body: bytes) -> list[CloudEvent]:
    """The events in a request, whose attributes are checked.

    Raises:
        Refusal: 400 = one is no event; 415 = a format that is not read here.
    """
    try:
        if batched_mode.is_batched(content_type):
            if not batched_mode.is_json_format(content_type):
                raise _unread(content_type)
            events, each = batched_mode.read(body, BATCH_MAX), "events[{}]."
        elif structured_mode.is_structured(content_type):
            read = structured_mode.format_of(content_type)
            if read is None:
                raise _unread(content_type)
            events, each = [read(body)], ""
        else:
            events, each = [_binary(headers, content_type, body)], http_headers.PREFIX
        for number, event in enumerate(events):
            _check(event, each.format(number))
    except NoCloudEvent as error:
        raise Refusal(400, f"{error.where}: {error}.", error.where) from error
    return events


def is_binary(content_type: str) -> bool:
    """Whether the attributes of the event are headers, which no signature covers."""
    return not structured_mode.is_structured(content_type)


def _binary(headers: Sequence[tuple[str, str]], content_type: str, body: bytes) -> CloudEvent:
    attributes = http_headers.attributes_in(headers)
    if not attributes:
        raise Refusal(415, f"The request is no CloudEvent. Send {FORMATS}.", "content-type")
    attributes.pop("datacontenttype", None)  # the binding has it as content-type, and only there
    if content_type:
        attributes["datacontenttype"] = content_type
    return CloudEvent(attributes, body)


def _unread(content_type: str) -> Refusal:
    return Refusal(415, f"The format {content_type:.100} is not read here. Send {FORMATS}.", "content-type")


def _check(event: CloudEvent, where: str) -> None:
    try:
        event.check()
    except NoCloudEvent as error:
        raise NoCloudEvent(where + error.where, str(error)) from error
