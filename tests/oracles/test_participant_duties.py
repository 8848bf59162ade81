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
from servers.participants import outside, registry
from servers.programs import PROGRAMS
from tests.oracles.test_participants import built
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.clock import SystemClock
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient
from partita.schemas.confluent.framing import framed, unframed

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from confluent_kafka.admin import AdminClient  # noqa: E402  # needs the client
from confluent_kafka.cimpl import NewTopic  # noqa: E402

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
COMMANDS, EVENTS, TYPES = "shop.payment.commands", "shop.payment.events", "shop.payment.v1."
TEXT, PARTITIONS = "string", 4
# A later revision than the programs know: the fields have another order, and one is new.
SCHEMAS: dict[str, Any] = {
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

    def __init__(self, brokers: str, ids: dict[str, int], program: str, data: Path) -> None:
        self._producer = kafka.Producer({"bootstrap.servers": brokers})
        self._consumer = kafka.Consumer(
            {"bootstrap.servers": brokers, "group.id": f"test-{program}", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([EVENTS])
        self._ids, self._program, self._data = ids, program, data
        self.json_id = ids["json"]
        self.answers: list[tuple[dict[str, str], str, bytes]] = []

    def order(self, name: str) -> str:
        """The name of an order of this program alone."""
        return f"{self._program}-{name}"

    def send(
        self, kind: str, order: str, id_: str, value: bytes | None = None, content_type: str = "application/avro"
    ) -> None:
        """Send a command."""
        out = io.BytesIO()
        fields = {"new": "n", "customerId": "c", "totalCents": 250, "orderId": self.order(order)}
        fastavro.schemaless_writer(out, fastavro.parse_schema(SCHEMAS[kind]), fields)
        headers = {
            "ce_specversion": "1.0", "ce_id": self.order(id_), "ce_source": "shop", "ce_type": TYPES + kind,
            "ce_correlationid": self.order(order), "content-type": content_type,
        }  # fmt: skip
        framed_value = framed(self._ids[kind], out.getvalue()) if value is None else value
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


@pytest.fixture(params=list(PROGRAMS))
async def saga(
    request: pytest.FixtureRequest, servers: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Saga]:
    """A saga's view of a running program."""
    brokers, schemas = servers
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    client = RegistryClient(schemas, SystemClock())
    ids = {
        name: await client.register(f"{COMMANDS}-{TYPES}{name}", RegisteredSchema(json.dumps(schema)))
        for name, schema in SCHEMAS.items()
    }
    ids["json"] = await client.register("in-json", RegisteredSchema('{"type": "object"}', "JSON"))
    program = built(PROGRAMS[request.param])
    async with outside(program, tmp_path, brokers, schemas) as participant:
        await participant.start()
        seen = Saga(brokers, ids, request.param, tmp_path)
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


@pytest.mark.parametrize("saga", ["node"], indirect=True)
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
