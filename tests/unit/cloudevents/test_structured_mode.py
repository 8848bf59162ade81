"""Structured mode: one JSON document, as other programs write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from partita.cloudevents.binary_mode import BinaryMode
from partita.message import Envelope, envelope_from_bytes

NEEDED = {"specversion": "1.0", "id": "7", "source": "urn:psp", "type": "shop.v1.Paid"}


def read(
    document: Any, content_type: str = "application/cloudevents+json; charset=UTF-8", *more: tuple[str, bytes]
) -> tuple[Envelope | None, bytes]:
    """The envelope and the value of a document."""
    value = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers, data = BinaryMode("ce_").read([("content-type", content_type.encode()), *more], value, 5)
    return (envelope_from_bytes(headers) if headers else None), data


def test_a_document_is_read_as_the_same_event_in_binary_mode() -> None:
    """The mode is the sender's choice."""
    more = {"time": "2023-11-14T22:13:20Z", "correlationid": "c", "causationid": "m", "subject": "o-1"}
    envelope, data = read({**NEEDED, **more, "data": {"orderId": "o-1"}})
    binary = [(f"ce_{name}", value.encode()) for name, value in (NEEDED | more).items()]
    headers, _ = BinaryMode("ce_").read([*binary, ("content-type", b"application/json")], b"", 5)
    assert envelope == envelope_from_bytes(headers)
    assert json.loads(data) == {"orderId": "o-1"}


@pytest.mark.parametrize(
    "content_type",
    ["application/cloudevents", "APPLICATION/CloudEvents+JSON", "application/cloudevents+json;charset=utf-8"],
)
def test_the_mode_is_known_by_the_content_type(content_type: str) -> None:
    """In whatever letters; attributes that are repeated as headers do not count."""
    envelope, _ = read({**NEEDED, "data": 1}, content_type, ("ce_id", b"other"), ("ce_type", b"other"))
    assert envelope is not None and (envelope.id, envelope.type) == ("urn:psp 7", "shop.v1.Paid")


def test_an_integer_or_a_boolean_extension_is_legal() -> None:
    """Its canonical text is kept; a null is an absent attribute."""
    envelope, _ = read({**NEEDED, "sequence": 12, "sampled": True, "dark": False, "gone": None, "data": {}})
    assert envelope is not None
    assert envelope.extra == {
        "sequence": "12",
        "sampled": "true",
        "dark": "false",
        "datacontenttype": "application/json",
    }


@pytest.mark.parametrize(
    ("document", "expected", "schema"),
    [
        ({"data": {"a": 1}}, b'{"a":1}', "json:"),
        ({"data": "text"}, b'"text"', "json:"),
        ({"data": "<a/>", "datacontenttype": "text/xml"}, b"<a/>", ""),
        ({"data": {"a": 1}, "datacontenttype": "application/x+json"}, b'{"a":1}', "json:"),
        ({"data_base64": "AP8=", "datacontenttype": "application/avro"}, b"\x00\xff", ""),
        ({}, b"", ""),
        ({"data": None}, b"", ""),
    ],
)
def test_the_data_is_the_value(document: dict[str, Any], expected: bytes, schema: str) -> None:
    """JSON unless the content type says otherwise; bytes in base64."""
    envelope, data = read(NEEDED | document)
    assert data == expected and envelope is not None and envelope.schema == schema


@pytest.mark.parametrize(
    "value",
    [
        b"no json",
        b"[1]",
        b"[" * 100_000,
        json.dumps(NEEDED | {"data_base64": "?"}).encode(),
        json.dumps(NEEDED | {"data_base64": 3}).encode(),
        json.dumps({"id": "1", "source": "s"}).encode(),
        json.dumps(NEEDED | {"id": ""}).encode(),
    ],
    ids=["no-json", "list", "deep", "no-base64", "base64-number", "no-type", "empty-id"],
)
def test_a_document_that_is_no_event_is_kept_raw(value: bytes) -> None:
    """It becomes a dead letter with its bytes; a document of a format that is not read, too."""
    envelope, data = read(value)
    assert envelope is None and data == value
    assert read(value, "application/cloudevents+protobuf") == (None, value)
