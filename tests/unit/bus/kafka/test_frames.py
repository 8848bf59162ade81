"""A value goes out behind the id of its schema, with a mark; the mark alone says that there is a frame."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from partita.bus.port import Outgoing
from partita.clock import SystemClock
from partita.errors import RegistryRefused, RegistryUnavailable
from partita.message import Envelope, envelope_to_bytes
from partita.schemas.confluent.client import RegisteredSchema, SubjectVersion

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.address import KafkaAddress  # noqa: E402  # needs the client
from partita.bus.kafka.frames import MARK, V0, V0_INDEXED, Frames, bare  # noqa: E402
from partita.bus.kafka.wire import headers_of  # noqa: E402  # fmt: skip
from partita.bus.kafka.writer import KafkaWriter  # noqa: E402

KNOWN, UNKNOWN = "0123456789abcdef", "fedcba9876543210"


class Client:
    """A registry in which one schema has the id 7."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.error = error

    async def version(self, subject: str, version: int) -> SubjectVersion | None:
        self.asked.append(subject)
        if self.error is not None:
            raise self.error
        schema = RegisteredSchema('"string"')
        return SubjectVersion(subject, 1, 7, schema) if subject.endswith(KNOWN) else None


def record(schema: str, value: bytes = b"\x00value", id_: str = "i") -> Outgoing:
    envelope = Envelope(
        id=id_, type="shop.v1.Sold", source="shop", time_us=1, correlation_id="c", kind="event", schema=schema
    )
    return Outgoing(topic="t", id=id_, key="k", headers=envelope_to_bytes(envelope), value=value)


def frames(client: Any) -> Frames:
    return Frames(client)


async def test_a_known_schemas_value_is_framed_and_marked_and_comes_back() -> None:
    client = Client()
    ours = frames(client)
    records = [record(KNOWN), record(KNOWN), record(UNKNOWN), record("")]
    await ours.learn(records)
    await ours.learn(records)

    wire = []
    for each in records:
        headers = headers_of(each)
        value = ours.framed(each, headers)
        wire.append((headers, value))

    assert [value for _, value in wire] == [b"\x00\x00\x00\x00\x07\x00value"] * 2 + [b"\x00value"] * 2
    assert [(MARK, V0) in headers for headers, _ in wire] == [True, True, False, False]
    assert [bare(headers, value) for headers, value in wire] == [b"\x00value"] * 4
    assert len(client.asked) == 2, "each schema is asked for once"


async def test_a_value_in_protobuf_has_its_index_path_behind_the_frame() -> None:
    """The first message of the file: serializers of other programs expect one byte for it. The content type says Protobuf."""
    ours, sent = frames(Client()), record(f"protobuf:{KNOWN}", b"\x0a\x01o")
    await ours.learn([sent])
    headers = headers_of(sent)
    value = ours.framed(sent, headers)
    assert value == b"\x00\x00\x00\x00\x07" + b"\x00" + b"\x0a\x01o"
    assert (MARK, V0_INDEXED) in headers and ("content-type", b"application/protobuf") in headers
    assert bare(headers, value) == sent.value
    assert bare([(MARK, V0_INDEXED)], value[:5]) == value[:5]


async def test_the_registry_is_not_asked_for_a_schema_that_no_registry_has() -> None:
    """It refuses a name that is too long or has control characters: the relay would send nothing more."""
    client = Client(RegistryRefused("It is not a valid subject.", error_code=42208))
    ours = frames(client)
    for text in ("a" * 10_000, "xml:1\n", "\0", "json:"):
        await ours.learn([record(text)])
        assert ours.framed(record(text), []) == b"\x00value"
    assert client.asked == []


@pytest.mark.parametrize("value", [b"", b"\x00\x00", b"\x02value", b"value"])
def test_a_broken_frame_stays_for_the_dead_letter(value: bytes) -> None:
    """A reader that raised would stop the partition."""
    assert bare([(MARK, V0)], value) == value


@pytest.mark.parametrize("headers", [[], [("other", V0)], [(MARK, None)], [(MARK, b"v9")]])
def test_the_first_byte_is_no_mark(headers: list[tuple[str, object]]) -> None:
    """Bare Avro may begin as a frame does."""
    value = b"\x00\x00\x00\x00\x07value"
    assert bare(headers, value) == value


class Producer:
    """A producer whose queue is full at first, as when a broker is slow."""

    def __init__(self, *, full: int) -> None:
        self.full = full
        self.taken: list[tuple[bytes, list[tuple[str, bytes]]]] = []
        self.waiting: list[Any] = []

    def produce(self, topic: str, value: bytes, key: str | None = None, *, on_delivery: Any, headers: Any) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        self.taken.append((value, headers))
        self.waiting.append(on_delivery)

    def purge(self, **_: Any) -> None:
        pass

    def __len__(self) -> int:
        return len(self.waiting)

    def poll(self, seconds: float) -> None:
        waiting, self.waiting = self.waiting, []
        for report in waiting:
            report(None, None)


class Writer(KafkaWriter):
    """Appends by such a producer, to a registry of this client."""

    def __init__(self, producer: Producer, client: Client) -> None:
        self.producer = producer
        super().__init__(KafkaAddress.parse("kafka://127.0.0.1:1"), SystemClock(), frames=frames(client))

    def _new_producer(self) -> Any:
        return self.producer


@pytest.mark.parametrize("full", [0, 2])
async def test_each_way_to_the_producer_frames_the_value(full: int) -> None:
    """A full queue makes the writer try again, on a path of its own."""
    producer = Producer(full=full)
    writer = Writer(producer, Client())
    try:
        assert await writer.append([record(KNOWN), record(KNOWN, id_="j")]) == [None, None]
    finally:
        await asyncio.to_thread(writer.close)
    assert [value for value, _ in producer.taken] == [b"\x00\x00\x00\x00\x07\x00value"] * 2
    assert all((MARK, V0) in headers for _, headers in producer.taken)


async def test_nothing_is_appended_while_the_registry_is_away() -> None:
    """A bare value would be misread by readers that expect a frame; the record waits in the outbox."""
    producer = Producer(full=0)
    client = Client(RegistryUnavailable("It is away."))
    writer = Writer(producer, client)
    try:
        with pytest.raises(RegistryUnavailable):
            await writer.append([record(KNOWN)])
    finally:
        await asyncio.to_thread(writer.close)
    assert producer.taken == []
