"""Records of programs that are not Partita: the frame names their schema, wherever the protocol allows it to be."""

from __future__ import annotations

from typing import Any

import pytest

from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.wire import record_of  # noqa: E402  # needs the client

GUID = "89791762-2336-4186-9674-299b90a802e2"
V0, V1 = bytes.fromhex("0000000007"), bytes.fromhex("0189791762233641869674299b90a802e2")
AVRO, JSON = ("content-type", b"application/avro"), ("content-type", b"application/json; charset=utf-8")
PROTOBUF = ("content-type", b"application/x-protobuf")
ID = "__value_schema_id"


class Message:
    """A record as the client library has it."""

    def __init__(self, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> None:
        self._value, self._headers = value, headers

    def __getattr__(self, name: str) -> Any:
        held = {"key": b"o1", "value": self._value, "headers": self._headers, "topic": "t", "timestamp": (1, 5)}
        return lambda: held.get(name, 0)


def read(value: bytes, *headers: tuple[str, bytes], **attributes: str) -> tuple[str, bytes]:
    given = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:psp",
        "type": "shop.payment.v1.PaymentCharged",
    } | attributes
    message: Any = Message(value, [*((f"ce_{name}", text.encode()) for name, text in given.items()), *headers])
    record = record_of(message)
    return envelope_from_bytes(record.headers).schema, record.value


@pytest.mark.parametrize(
    ("value", "headers", "schema"),
    [
        (V0 + b"\x04o1", [AVRO], "avro:id:7"),
        (V1 + b"\x04o1", [AVRO], f"avro:guid:{GUID}"),
        (V0 + b"\x04o1", [], "avro:id:7"),
        (V0 + b"\x04o1", [("content-type", b"application/vnd.apache.avro+binary")], "avro:id:7"),
        (b"\x04o1", [AVRO, (ID, V0)], "avro:id:7"),
        (b"\x04o1", [AVRO, (ID, V1)], f"avro:guid:{GUID}"),
        (b"\x04o1", [(ID, b"old"), (ID, V1)], f"avro:guid:{GUID}"),
        (V0 + b"\x04o1", [JSON], "json:id:7"),
        (V1 + b"\x04o1", [JSON], f"json:guid:{GUID}"),
        (b"\x04o1", [JSON, (ID, V0)], "json:id:7"),
        (V0 + b"\x00\x04o1", [PROTOBUF], "protobuf:id:7"),
        (V0 + b"\x02\x00\x04o1", [PROTOBUF], "protobuf:id:7"),
        (V1 + b"\x02\x02\x04o1", [("content-type", b"application/protobuf")], f"protobuf:guid:{GUID}:1"),
        (V0 + b"\x04\x02\x00\x04o1", [PROTOBUF], "protobuf:id:7:1.0"),
        (b"\x04o1", [PROTOBUF, (ID, V1 + b"\x00")], f"protobuf:guid:{GUID}"),
        (b"\x04o1", [PROTOBUF, (ID, V0 + b"\x04\x02\x00")], "protobuf:id:7:1.0"),
    ],
)
def test_the_frame_is_taken_off_and_names_the_schema(
    value: bytes, headers: list[tuple[str, bytes]], schema: str
) -> None:
    assert read(value, *headers) == (schema, b"\x04o1")


@pytest.mark.parametrize("value", [b'{"orderId":"o1"}', b"[]", b"", b"\x02"])
def test_json_without_a_frame_is_read_by_its_content_type(value: bytes) -> None:
    """No text in JSON begins as a frame does."""
    assert read(value, JSON) == ("json:", value)


@pytest.mark.parametrize(
    ("value", "headers", "schema"),
    [
        (b"", [AVRO], "unframed:"),
        (b"\x04o1", [AVRO], "unframed:"),
        (b"\x00\x00\x01", [AVRO], "unframed:"),
        (V0, [PROTOBUF], "unframed:"),
        (V0 + b"\xff" * 9, [PROTOBUF], "unframed:"),
        (b"\x04o1", [PROTOBUF, (ID, V0)], f"unframed:header:{V0.hex()}"),
        (b"\x04o1", [PROTOBUF, (ID, V0 + b"\x00\x00")], f"unframed:header:{V0.hex()}0000"),
        (b"\x00\x00\x01", [JSON], "unframed:"),
        (b"\x04o1", [AVRO, (ID, b"7")], "unframed:header:37"),
        (V0 + b"\x04o1", [AVRO, (ID, V0 + b"\x00" * 90)], f"unframed:header:{(V0 + bytes(35)).hex()}"),
    ],
)
def test_a_value_with_a_broken_frame_stays_whole(value: bytes, headers: list[tuple[str, bytes]], schema: str) -> None:
    """Its dead letter has all of its bytes, and a reason."""
    assert read(value, *headers) == (schema, value)


def test_a_schema_that_an_attribute_names_is_taken_as_it_is() -> None:
    """A foreign outbox writes bare Avro under our fingerprint: it may begin with 0x00."""
    assert read(V0 + b"x", AVRO, partitaschema="0123456789abcdef") == ("0123456789abcdef", V0 + b"x")


def test_the_data_of_a_structured_event_may_be_framed() -> None:
    """The header beside a document is about the document."""
    document = (
        b'{"specversion":"1.0","id":"1","source":"urn:psp","type":"t","datacontenttype":"application/avro",'
        b'"data_base64":"AAAAAAcEbzE="}'
    )
    mode = ("content-type", b"application/cloudevents+json")
    assert read(document, mode, (ID, V1)) == ("avro:id:7", b"\x04o1")
    assert read(document.replace(b"application/avro", b"application/json"), mode) == ("json:id:7", b"\x04o1")


def test_a_record_of_partita_is_read_by_its_own_header() -> None:
    envelope = Envelope(id="i", type="t", source="s", time_us=1, correlation_id="c", schema="0123456789abcdef")
    headers: list[tuple[str, bytes | None]] = [("partita", envelope_to_bytes(envelope)), (ID, V0)]
    message: Any = Message(V0 + b"x", headers)
    record = record_of(message)
    assert (record.headers, record.value) == (envelope_to_bytes(envelope), V0 + b"x")
