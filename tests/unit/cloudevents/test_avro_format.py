"""The Avro format: the values of the specification's schema, written by another library, and bytes that are none."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import fastavro
import pytest

from partita.cloudevents.avro_format import read
from partita.cloudevents.binary_mode import BinaryMode
from partita.cloudevents.cloud_event import NoCloudEvent
from partita.message import envelope_from_bytes

NEEDED = {"specversion": "1.0", "id": "7", "source": "urn:psp", "type": "shop.v1.Paid"}
VALUES = [
    "null",
    "boolean",
    {"type": "map", "values": "CloudEventData"},
    {"type": "array", "items": "CloudEventData"},
    "double",
    "string",
]
DATA = {
    "type": "record",
    "name": "CloudEventData",
    "fields": [{"name": "value", "type": {"type": "map", "values": VALUES}}],
}
SCHEMA = {
    "namespace": "io.cloudevents",
    "type": "record",
    "name": "CloudEvent",
    "fields": [
        {"name": "attribute", "type": {"type": "map", "values": ["null", "boolean", "int", "string", "bytes"]}},
        {
            "name": "data",
            "type": [
                "bytes",
                "null",
                "boolean",
                {"type": "map", "values": ["null", "boolean", DATA, "double", "string"]},
                {"type": "array", "items": "CloudEventData"},
                "double",
                "string",
            ],
        },
    ],
}
PARSED = fastavro.parse_schema(SCHEMA)


def avro(data: Any = None, **attributes: Any) -> bytes:
    """An event as another program writes it."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, PARSED, {"attribute": NEEDED | attributes, "data": data})
    return out.getvalue()


def test_attributes_are_their_canonical_texts() -> None:
    """As in the JSON format; a null is an absent attribute."""
    event = read(avro(sequence=-5, sampled=True, dark=False, key=b"\x00\xff", gone=None))
    assert event.attributes == NEEDED | {"sequence": "-5", "sampled": "true", "dark": "false", "key": "AP8="}
    assert event.data == b""


@pytest.mark.parametrize(
    ("data", "expected", "content_type"),
    [
        (b'{"a": 1}', b'{"a": 1}', None),
        (None, b"", None),
        (True, b"true", "application/json"),
        (1.5, b"1.5", "application/json"),
        ("text", b'"text"', "application/json"),
        ({}, b"{}", "application/json"),
        (
            {"a": None, "b": False, "c": 2.0, "d": "x", "e": {"value": {"f": [{"value": {"g": None}}], "h": {"i": {"value": {}}}}}},
            {"a": None, "b": False, "c": 2.0, "d": "x", "e": {"f": [{"g": None}], "h": {"i": {}}}},
            "application/json",
        ),
        ([{"value": {"a": "b"}}], [{"a": "b"}], "application/json"),
    ],
)  # fmt: skip
def test_data_is_bytes_or_a_value_of_json(data: Any, expected: Any, content_type: str | None) -> None:
    event = read(avro(data))
    assert (event.data if isinstance(expected, bytes) else json.loads(event.data)) == expected
    assert event.attributes.get("datacontenttype") == content_type


def test_a_text_of_another_content_type_is_its_own_data() -> None:
    """Only a text without one is a text of JSON."""
    assert read(avro("<a/>", datacontenttype="application/xml")).data == b"<a/>"


def test_kafka_reads_it_as_the_same_event_as_in_json() -> None:
    """The format is the sender's choice; the envelope does not show it."""
    value = avro({"orderId": "o1"})
    headers, data = BinaryMode("ce_").read([("content-type", b"application/cloudevents+avro")], value, 5)
    document = json.dumps(NEEDED | {"data": {"orderId": "o1"}}).encode()
    other = BinaryMode("ce_").read([("content-type", b"application/cloudevents+json")], document, 5)
    assert (envelope_from_bytes(headers), data) == (envelope_from_bytes(other[0]), other[1])
    assert BinaryMode("ce_").read([("content-type", b"application/cloudevents+avro")], b"\x00", 5) == (b"", b"\x00")


def nested(depth: int) -> Any:
    """An object within objects."""
    data: Any = {"value": {}}
    for _ in range(depth):
        data = {"value": {"a": [data]}}
    return {"a": data}


@pytest.mark.parametrize(
    "value",
    [
        b"",
        avro()[:-1],
        avro() + b"\x00",
        avro(1.0).replace(b"\x00\x00\xf0\x3f", b"\x00\x00\xf0\x7f"),
        b"\x01",
        b"\xff" * 20,
        b"\x00\x0e",
        b"\x02\x02a\x0a",
        b"\x02\x02a\x02\x02\x00\x02",
        b"\x02\x02a\x06\x02\xff\x00\x02",
        b"\x02\x02a\x04\x80\x80\x80\x80\x20\x00\x02",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x06\xfe\xff\xff\xff\x0f",
        b"\x04\x02a\x00\x02a\x00\x00\x02",
        avro(nested(101)),
    ],
)
def test_bytes_that_are_no_event_are_refused(value: bytes) -> None:
    """Ends, lengths, counts, branches, depths and numbers that are wrong: nothing is believed that is not there."""
    with pytest.raises(NoCloudEvent):
        read(value)


def test_a_depth_within_the_limit_is_read() -> None:
    assert read(avro(nested(98))).data.count(b"[") == 98


def test_no_bytes_do_more_than_be_refused() -> None:
    """Bytes of an event with a few changed, ten thousand times."""
    dice, good = random.Random(7), avro(nested(3), sequence=5, key=b"abc")
    for _ in range(10_000):
        bad = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        try:
            read(bytes(bad))
        except NoCloudEvent:
            continue
