"""The duties of a participant that the guide lists, one by one: each program gets the commands that a saga sends at a bad time."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from servers.participants import outside, registry
from servers.programs import PROGRAMS
from tests.oracles.test_participants import built
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.clock import SystemClock
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient
from partita.schemas.confluent.framing import framed, indexed, unframed

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from confluent_kafka.admin import AdminClient  # noqa: E402  # needs the client
from confluent_kafka.cimpl import NewTopic  # noqa: E402

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
COMMANDS, EVENTS, TYPES = "shop.payment.commands", "shop.payment.events", "shop.payment.v1."
TEXT, PARTITIONS = "string", 4
# A later revision than the programs know: the fields have another order, and one is new.
AVRO: dict[str, Any] = {
    name: {
        "type": "record",
        "name": name,
        "namespace": "shop.payment.v1",
        "fields": [{"name": field, "type": kind} for field, kind in fields],
    }
    for name, fields in {
        "ChargePayment": [("new", ["null", TEXT]), ("customerId", TEXT), ("totalCents", "long"), ("orderId", TEXT)],
        "RefundPayment": [("new", ["null", TEXT]), ("orderId", TEXT)],
    }.items()
}

PROTOBUF = {
    "ChargePayment": {"new": 4, "customer_id": 2, "total_cents": 3, "order_id": 1},
    "RefundPayment": {"new": 2, "order_id": 1},
}
"""The numbers are the owner's: a new field has a new one."""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a broker with the topics, and of a registry. A killed static member of another program would still be in a
    group that is shared, and clients of two kinds agree on no way to share partitions."""
    with kafka_cluster() as cluster, registry(tmp_path / "registry") as schemas:
        admin = AdminClient({"bootstrap.servers": cluster.servers})
        made = admin.create_topics([NewTopic(topic, num_partitions=PARTITIONS) for topic in (COMMANDS, EVENTS)])
        for each in made.values():
            each.result(30)
        yield cluster.servers, schemas


class Saga:
    """Sends commands and sees answers, as any program on the broker does."""

    def __init__(self, brokers: str, ids: dict[str, int], program: str, data: Path, language: str) -> None:
        self._producer = kafka.Producer({"bootstrap.servers": brokers})
        self._consumer = kafka.Consumer(
            {"bootstrap.servers": brokers, "group.id": f"test-{program}", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([EVENTS])
        self._ids, self._program, self._data, self._language = ids, program, data, language
        self.json_id = ids["json"]
        self.answers: list[tuple[dict[str, str], str, bytes]] = []

    def order(self, name: str) -> str:
        """The name of an order of this program alone."""
        return f"{self._program}-{name}"

    def value(self, kind: str, fields: dict[str, Any], path: tuple[int, ...] = (0,)) -> bytes:
        """A command with these fields, in the language of the test, behind its frame."""
        if self._language == "protobuf":
            return framed(self._ids[kind], indexed(path, in_protobuf(kind, fields)))
        out = io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(AVRO[kind]), fields)
        return framed(self._ids[kind], out.getvalue())

    def fields(self, order: str) -> dict[str, Any]:
        """All fields of a command."""
        return {"new": "n", "customerId": "c", "totalCents": 250, "orderId": self.order(order)}

    def send(self, kind: str, order: str, id_: str, value: bytes | None = None, content_type: str = "") -> None:
        """Send a command."""
        headers = {
            "ce_specversion": "1.0", "ce_id": self.order(id_), "ce_source": "shop", "ce_type": TYPES + kind,
            "ce_correlationid": self.order(order), "content-type": content_type or f"application/{self._language}",
        }  # fmt: skip
        framed_value = self.value(kind, self.fields(order)) if value is None else value
        self._producer.produce(
            COMMANDS, framed_value, key=self.order(order), headers=[(n, t.encode()) for n, t in headers.items()]
        )
        self._producer.flush(30)

    def strangers(self) -> None:
        """Records that are no commands: without headers, without a key, without a value."""
        for key, value in ((None, b"x"), (self.order("twice"), b"x"), (self.order("twice"), None), (None, None)):
            headers = [("ce_type", f"{TYPES}ChargePayment".encode())] if value is None else []
            for partition in range(PARTITIONS):
                self._producer.produce(COMMANDS, value, key=key, headers=headers, partition=partition)
        self._producer.flush(30)

    async def answered(self, count: int) -> list[tuple[dict[str, str], str, bytes]]:
        """So many answers of this program, each with its headers, its key and its value."""
        await until(self._look, 120, holds=lambda found: len(found) >= count)
        return self.answers

    async def _look(self) -> list[tuple[dict[str, str], str, bytes]]:
        for message in await asyncio.to_thread(self._consumer.consume, 100, 0.2):
            headers = {name: held.decode() for name, held in message.headers()}
            if headers["ce_source"] == f"/payment/{self._program}":
                self.answers.append((headers, message.key().decode(), message.value()))
        return self.answers

    def asked(self, kind: str) -> list[tuple[str, str]]:
        """The orders and the keys that the provider was asked for, each key once."""
        with closing(sqlite3.connect(self._data / "psp.db")) as ledger:
            rows = ledger.execute("SELECT order_id, key FROM effect WHERE kind = ? ORDER BY at", (kind,))
            return [(order, key) for order, key in rows]

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()


def proto_file(kind: str) -> descriptor_pb2.FileDescriptorProto:
    """The file of a command."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{kind}.proto", package="shop.payment.v1", syntax="proto3")
    message = file.message_type.add(name=kind)
    for place, (name, number) in enumerate(PROTOBUF[kind].items()):
        type_ = "TYPE_INT64" if name == "total_cents" else "TYPE_STRING"
        field = message.field.add(name=name, number=number, label="LABEL_OPTIONAL", proto3_optional=True, type=type_)
        message.oneof_decl.add(name=f"_{name}")
        field.oneof_index = place
    return file


def proto_text(kind: str) -> str:
    """The file of a command as its text."""
    fields = "".join(
        f"  optional {'int64' if name == 'total_cents' else TEXT} {name} = {number};\n"
        for name, number in PROTOBUF[kind].items()
    )
    return f'syntax = "proto3";\npackage shop.payment.v1;\nmessage {kind} {{\n{fields}}}\n'


def in_protobuf(kind: str, fields: dict[str, Any]) -> bytes:
    """A command as Google's library writes it."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto_file(kind))
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{TYPES}{kind}"))()
    return json_format.ParseDict(fields, made, ignore_unknown_fields=True).SerializeToString()


async def registered(client: RegistryClient, language: str) -> dict[str, int]:
    """The ids of the commands' schemas."""
    ids = {}
    for kind in AVRO:
        schema = (
            RegisteredSchema(proto_text(kind), "PROTOBUF")
            if language == "protobuf"
            else RegisteredSchema(json.dumps(AVRO[kind]))
        )
        ids[kind] = await client.register(f"{COMMANDS}-{TYPES}{kind}", schema)
    ids["json"] = await client.register("in-json", RegisteredSchema('{"type": "object"}', "JSON"))
    return ids


@pytest.fixture(params=[(name, language) for name in PROGRAMS for language in ("avro", "protobuf")], ids="-".join)
async def saga(
    request: pytest.FixtureRequest, servers: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Saga]:
    """A saga's view of a running program."""
    brokers, schemas = servers
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    name, language = request.param
    ids = await registered(RegistryClient(schemas, SystemClock()), language)
    async with outside(built(PROGRAMS[name]), tmp_path, brokers, schemas) as participant:
        await participant.start()
        seen = Saga(brokers, ids, name, tmp_path, language)
        try:
            yield seen
        finally:
            seen.close()


async def test_a_participant_does_its_duties(saga: Saga) -> None:
    """One start of each program: copies, an undo before its command, resent undos, and commands that no program can read."""
    saga.send("ChargePayment", "twice", "c1")
    saga.send("ChargePayment", "twice", "c1")
    saga.send("RefundPayment", "undone", "u1")
    saga.send("ChargePayment", "undone", "c2")
    saga.send("ChargePayment", "broken", "c3", b"\x00\x00")
    saga.send("ChargePayment", "unknown", "c4", framed(9_999, b""))
    saga.send("ChargePayment", "broken", "c5", b'{"orderId":', "application/json")
    saga.strangers()
    saga.send("RefundPayment", "twice", "u2")
    saga.send("RefundPayment", "twice", "u3")

    answers = await saga.answered(6)

    told = {(key, headers["ce_causationid"], headers["ce_type"].removeprefix(TYPES)) for headers, key, _ in answers}
    order, twice, undone = saga.order, saga.order("twice"), saga.order("undone")
    assert told == {
        (twice, order("c1"), "PaymentCharged"),
        (undone, order("u1"), "PaymentRefunded"),
        (undone, order("c2"), "PaymentDeclined"),
        (twice, order("u2"), "PaymentRefunded"),
        (twice, order("u3"), "PaymentRefunded"),
    }
    copies = [(headers["ce_id"], value) for headers, _, value in answers if headers["ce_causationid"] == order("c1")]
    assert len(copies) == 2 and copies[0] == copies[1], "a copy has the id and the value of the first answer"
    ids = {headers["ce_causationid"]: headers["ce_id"] for headers, _, _ in answers}
    assert len(set(ids.values())) == len(ids), "answers of different commands have different ids"
    for headers, key, value in answers:
        assert (headers["ce_correlationid"], headers["ce_partitionkey"]) == (key, key)
        is_json = headers["content-type"] == "application/json"
        assert value.startswith(b"{") if is_json else unframed(value).schema.id is not None
    assert saga.asked("charge") == [(twice, order("c1"))], (
        "the key is made of the command's id, and a tombstone asks nobody"
    )
    assert sorted(order for order, _ in saga.asked("refund")) == sorted([twice, undone]), (
        "a resent undo has the first one's key"
    )


@pytest.mark.parametrize("saga", [(name, "protobuf") for name in PROGRAMS], indirect=True, ids=PROGRAMS)
async def test_a_command_in_protobuf_without_a_field_that_is_needed_is_not_read(saga: Saga) -> None:
    """Protobuf has no required fields: a field that is absent would be a charge of 0. Neither is another message of the file read."""
    whole = saga.fields("broken")
    for place, needed in enumerate(("totalCents", "orderId")):
        rest = {name: value for name, value in whole.items() if name != needed}
        saga.send("ChargePayment", "broken", f"c{place}", saga.value("ChargePayment", rest))
    saga.send("ChargePayment", "broken", "c2", saga.value("ChargePayment", whole, path=(1,)))
    saga.send("ChargePayment", "broken", "c3", saga.value("ChargePayment", {}))
    saga.send("ChargePayment", "broken", "c4", saga.value("ChargePayment", whole)[:-4])
    saga.send("ChargePayment", "broken", "c5")

    answers = await saga.answered(1)

    assert [headers["ce_causationid"] for headers, _, _ in answers] == [saga.order("c5")]
    assert saga.asked("charge") == [(saga.order("broken"), saga.order("c5"))]


@pytest.mark.parametrize("saga", [("node", "avro")], indirect=True)
async def test_a_command_in_json_is_read_with_a_frame_and_without(saga: Saga) -> None:
    """An app without a registry writes JSON without a frame."""
    told = {"orderId": saga.order("framed"), "customerId": "c", "totalCents": 250, "new": "n"}
    saga.send("ChargePayment", "framed", "c1", framed(saga.json_id, json.dumps(told).encode()), "application/json")
    bare = json.dumps(told | {"orderId": saga.order("bare")}).encode()
    saga.send("ChargePayment", "bare", "c2", bare, "application/json")

    answers = await saga.answered(2)

    assert {headers["ce_type"] for headers, _, _ in answers} == {f"{TYPES}PaymentCharged"}
    charged = [(saga.order("bare"), saga.order("c2")), (saga.order("framed"), saga.order("c1"))]
    assert sorted(saga.asked("charge")) == charged
