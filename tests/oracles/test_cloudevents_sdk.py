"""CloudEvents' own SDK for Python, and Apache Avro: the events that they write are read here, and ours are read there.

Where version 2.2 of the SDK differs from the specification, the last tests say how, and that we keep to the specification.
"""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.integration.egress.receiver import Receiver
from tests.integration.egress.test_webhook import HERE, Shop
from tests.integration.ingress.till import BATCHED, Till
from tests.unit.cloudevents.test_avro_format import SCHEMA

from partita import Settings
from partita.cloudevents.binary_mode import BinaryMode
from partita.egress import Webhook
from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes

pytestmark = [pytest.mark.oracles]
sdk = pytest.importorskip("cloudevents.core.v1.event", reason="make .venv/oracles.ok")
http = pytest.importorskip("cloudevents.core.bindings.http", reason="make .venv/oracles.ok")
kafka = pytest.importorskip("cloudevents.core.bindings.kafka", reason="make .venv/oracles.ok")
formats = pytest.importorskip("cloudevents.core.formats.json", reason="make .venv/oracles.ok")

DATA = {"orderId": "o1", "cents": 5}
KAFKA = BinaryMode("ce_")


def event(event_id: str = "4711", data: Any = DATA, **attributes: Any) -> Any:
    """An event as a program writes it with the SDK."""
    of_psp = {"id": event_id, "source": "urn:psp", "type": "till.payment.v1.Charged", "specversion": "1.0"}
    typed = {"datacontenttype": "application/json", "time": datetime(2026, 11, 1, 10, 0, tzinfo=UTC)}
    given = of_psp | typed | attributes
    return sdk.CloudEvent({name: held for name, held in given.items() if held is not None}, data)


@pytest.fixture
async def till(tmp_path: Path) -> AsyncIterator[Till]:
    made = Till(Settings(data=tmp_path / "till"))
    async with made.app.running():
        yield made


async def test_the_ingress_takes_an_event_of_the_sdk_once_in_each_mode(till: Till) -> None:
    """With texts that no header has, and an extension that is an integer."""
    sent = event(subject="Euro \u20ac 100% \U0001f600", sequence=7)
    binary, structured = http.to_binary_event(sent), http.to_structured_event(sent)
    assert await till.post(binary.body, binary.headers) == (202, {"accepted": 1, "repeated": 0})
    assert await till.post(structured.body, structured.headers) == (202, {"accepted": 0, "repeated": 1})
    written = [formats.JSONFormat().write(each).decode() for each in (sent, event("2"), event("3"))]
    batch = f"[{','.join(written)}]".encode()
    assert await till.post(batch, {"content-type": BATCHED}) == (202, {"accepted": 2, "repeated": 1})
    assert await till.seen() == ["o1 5"] * 3
    meta = next(each for each in till.metas if each.message_id == "urn:psp 4711")
    assert (meta.source, meta.occurred_us) == ("urn:psp", 1_793_527_200_000_000)
    assert meta.attributes == {
        "subject": "Euro \u20ac 100% \U0001f600", "sequence": "7", "datacontenttype": "application/json",
    }  # fmt: skip


async def test_an_event_of_the_sdk_without_content_type_or_time_is_legal(till: Till) -> None:
    for message in (http.to_binary_event, http.to_structured_event):
        sent = message(event(message.__name__, datacontenttype=None, time=None))
        assert (await till.post(sent.body, sent.headers))[0] == 202


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_the_sdk_reads_a_webhook(tmp_path: Path, mode: Any) -> None:
    async with Receiver() as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, mode=mode))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="\u00e4 1", note='"\u20ac" %'))
            await shop.app.settled()
    (got,) = receiver.received
    read = http.from_http_event(http.HTTPMessage(got.headers, got.body))
    assert (read.get_type(), read.get_specversion()) == ("hook.order.v1.Shipped", "1.0")
    assert read.get_data() == {"orderId": "\u00e4 1", "cents": 5, "note": '"\u20ac" %'}
    assert read.get_datacontenttype() == "application/json"
    assert read.get_extension("partitionkey") == "\u00e4 1" and read.get_extension("correlationid")
    assert read.get_time().tzinfo is not None


@pytest.mark.parametrize("write", ["to_binary_event", "to_structured_event"])
def test_kafka_reads_an_event_of_the_sdk(write: str) -> None:
    sent = event(subject="s", correlationid="c", causationid="m", sequence=7)
    message = getattr(kafka, write)(sent)
    headers, value = KAFKA.read(list(message.headers.items()), message.value, 5)
    envelope = envelope_from_bytes(headers)
    assert (envelope.id, envelope.source, envelope.type) == ("urn:psp 4711", "urn:psp", "till.payment.v1.Charged")
    assert (envelope.correlation_id, envelope.causation_id, envelope.schema) == ("c", "m", "json:")
    assert envelope.extra == {"subject": "s", "sequence": "7", "datacontenttype": "application/json"}
    assert (envelope.time_us, json.loads(value)) == (1_793_527_200_000_000, DATA)


def test_the_sdk_reads_our_records_on_kafka() -> None:
    """Also those of an event that came by an ingress: `ce_source` and `ce_id` are those of the program that made it."""
    ours = Envelope(
        id="urn:psp 4711", source="payments/1", type="t", time_us=1_500_000, correlation_id="c", schema="json:abc"
    )
    ours.extra = {"subject": "s"}
    headers = {name: held for name, held in KAFKA.headers_of(envelope_to_bytes(ours), "k") if isinstance(held, bytes)}
    read = kafka.from_kafka_event(kafka.KafkaMessage(headers, "k", json.dumps(DATA).encode()))
    assert (read.get_id(), read.get_source(), read.get_type()) == ("4711", "urn:psp", "t")
    assert read.get_time() == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert (read.get_subject(), read.get_extension("partitionkey"), read.get_data()) == ("s", "k", DATA)


async def test_apache_avro_reads_our_events(tmp_path: Path) -> None:
    """The SDK has no Avro format; the specification's schema has no other reader here."""
    avro_io = pytest.importorskip("avro.io", reason="make .venv/oracles.ok")
    avro_schema = pytest.importorskip("avro.schema", reason="make .venv/oracles.ok")
    async with Receiver() as receiver:
        shop = Shop(tmp_path, Webhook("partner", to=receiver.url, networks=HERE, mode="avro"))
        async with shop.app.running():
            await shop.app.send(shop.Ship(order_id="o1"))
            await shop.app.settled()
    (got,) = receiver.received
    reader = avro_io.DatumReader(avro_schema.parse(json.dumps(SCHEMA)))
    read = reader.read(avro_io.BinaryDecoder(io.BytesIO(got.body)))
    assert json.loads(read["data"])["orderId"] == "o1"
    assert (read["attribute"]["specversion"], read["attribute"]["type"]) == ("1.0", "hook.order.v1.Shipped")


async def test_an_event_of_apache_avro_is_taken(till: Till) -> None:
    """Written by the schema of the specification, with both of the names that its record has there."""
    avro_io = pytest.importorskip("avro.io", reason="make .venv/oracles.ok")
    avro_schema = pytest.importorskip("avro.schema", reason="make .venv/oracles.ok")
    attributes = {"specversion": "1.0", "source": "urn:psp", "type": "till.payment.v1.Charged", "sequence": 7}
    values = (json.dumps(DATA).encode(), {"orderId": "o1", "cents": 5.0})
    for name in ("CloudEvent", "AvroCloudEvent"):
        for number, data in enumerate(values):
            out = io.BytesIO()
            writer = avro_io.DatumWriter(avro_schema.parse(json.dumps({**SCHEMA, "name": name})))
            written = {"attribute": {**attributes, "id": f"{name}{number}"}, "data": data}
            writer.write(written, avro_io.BinaryEncoder(out))
            status, problem = await till.post(out.getvalue(), {"content-type": "application/cloudevents+avro"})
            assert status == 202, problem


def test_deviation_a_structured_message_with_headers_too_is_read_as_binary() -> None:
    """The specification lets structured messages repeat their attributes, and the content type decides."""
    message = kafka.to_structured_event(event())
    headers = {**message.headers, "ce_id": b"other", "ce_source": b"x", "ce_type": b"y", "ce_specversion": b"1.0"}
    assert kafka.from_kafka_event(kafka.KafkaMessage(headers, None, message.value)).get_id() == "other"
    ours, _ = KAFKA.read(list(headers.items()), message.value, 5)
    assert envelope_from_bytes(ours).id == "urn:psp 4711"


def test_deviation_a_truth_value_is_written_with_a_capital() -> None:
    """The canonical text of a truth value is `true`. As text it arrives as it was written."""
    assert kafka.to_binary_event(event(sampled=True)).headers["ce_sampled"] == b"True"
    structured = kafka.to_structured_event(event(sampled=True))
    ours, _ = KAFKA.read(list(structured.headers.items()), structured.value, 5)
    assert envelope_from_bytes(ours).extra["sampled"] == "true"


def test_deviation_an_event_without_data_has_an_empty_value() -> None:
    """The binding has a null there. Both are read as an event without data."""
    message = kafka.to_binary_event(event(data=None))
    assert message.value == b""
    headers, value = KAFKA.read(list(message.headers.items()), message.value, 5)
    assert headers and value == b""


def test_deviation_the_key_becomes_an_attribute() -> None:
    """The binding's mapping of keys is opt-in, and never changes an event."""
    message = kafka.to_binary_event(event())
    assert (
        kafka.from_kafka_event(kafka.KafkaMessage(message.headers, "k", message.value)).get_extension("partitionkey")
        == "k"
    )


def test_deviation_a_missing_time_is_the_time_of_reading() -> None:
    """Twice read, an event has two times. Ours has the time of its arrival."""
    message = kafka.to_binary_event(event(time=None))
    headers = {name: held for name, held in message.headers.items() if name != "ce_time"}
    assert kafka.from_kafka_event(kafka.KafkaMessage(headers, None, message.value)).get_time() is not None
    ours, _ = KAFKA.read(list(headers.items()), message.value, 5)
    assert envelope_from_bytes(ours).time_us == 5
