"""Batched mode: one JSON list has several events, each as structured mode has it. HTTP alone has it.

Source: CloudEvents 1.0.2, its JSON batch format.
"""

from __future__ import annotations

from partita.cloudevents.cloud_event import CloudEvent, NoCloudEvent
from partita.cloudevents.json_format import event_of, parsed

CONTENT_TYPE = "application/cloudevents-batch"


def is_batched(content_type: str) -> bool:
    """Whether a request of that content type has a batch; the case of letters means nothing."""
    return content_type[: len(CONTENT_TYPE)].lower() == CONTENT_TYPE


def is_json_format(content_type: str) -> bool:
    """Whether it is in the JSON format, the only one that has batches; it is meant where the content type names none."""
    return content_type.partition(";")[0].strip().lower() in (CONTENT_TYPE, f"{CONTENT_TYPE}+json")


def read(value: bytes, events_max: int) -> list[CloudEvent]:
    """The events, in order; there may be none.

    Raises:
        NoCloudEvent: it is no list, has too many events, or names one that is no event.
    """
    document = parsed(value)
    if not isinstance(document, list):
        raise NoCloudEvent("body", "a batch is a JSON list of events")
    if len(document) > events_max:
        raise NoCloudEvent("body", f"the batch has {len(document):,} events, {events_max:,} at most are taken")
    events = []
    for number, each in enumerate(document):
        try:
            events.append(event_of(each))
        except NoCloudEvent as error:
            raise NoCloudEvent(f"events[{number}].{error.where}", str(error)) from error
    return events
