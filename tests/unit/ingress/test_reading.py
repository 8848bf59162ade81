"""The events of a request, by mode."""

from __future__ import annotations

import json

import pytest

from partita.ingress.reading import BATCH_MAX, events_of
from partita.ingress.refusal import Refusal

NEEDED = {"specversion": "1.0", "id": "1", "source": "/a?b=c#d", "type": "t"}
HEADERS = [(f"ce-{name}", text) for name, text in NEEDED.items()]


def test_the_mode_is_known_by_the_content_type() -> None:
    """In whatever letters; in structured mode headers with attributes do not count."""
    body = json.dumps({**NEEDED, "data": 1}).encode()
    others = [("ce-id", "other")]
    (one,) = events_of(others, "Application/CloudEvents+JSON; charset=utf-8", body)
    (two,) = events_of(others, "application/cloudevents-batch+json", b"[" + body + b"]")
    (three,) = events_of(HEADERS, "application/json", b"1")
    assert one == two == three


def test_a_header_that_is_there_twice_is_refused() -> None:
    """A proxy and the ingress would each believe another one."""
    with pytest.raises(Refusal, match="there twice"):
        events_of([*HEADERS, ("ce-id", "2")], "", b"")


def test_the_content_type_has_no_second_name_in_binary_mode() -> None:
    """`ce-datacontenttype` is none of the binding's."""
    (event,) = events_of([*HEADERS, ("ce-datacontenttype", "application/json")], "application/xml", b"")
    assert event.attributes["datacontenttype"] == "application/xml"
    (event,) = events_of([*HEADERS, ("ce-datacontenttype", "application/json")], "", b"")
    assert "datacontenttype" not in event.attributes


def test_a_header_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refusal, match="no text in UTF-8") as refused:
        events_of([*HEADERS, ("ce-subject", "%ff")], "", b"")
    assert (refused.value.status, refused.value.where) == (400, "ce-subject")


def test_a_batch_has_a_limit() -> None:
    body = json.dumps([NEEDED] * (BATCH_MAX + 1)).encode()
    with pytest.raises(Refusal, match="1,001 events"):
        events_of([], "application/cloudevents-batch+json", body)
