"""Headers as a setting of a topic, on a real broker: a change of it loses nothing, and readers of other programs get all that they
need where a topic is not declared here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import App, Command, Event, Key, Service, Settings, Tx
from partita.clock import SystemClock
from partita.cloudevents.binary_mode import HEADER_SETS, HeaderSet
from partita.observability.doctor.cluster import check_cluster
from partita.observability.topic_drift import drift
from partita.topics import Sizing, TopicPlan

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.administration import KafkaAdministration  # noqa: E402  # needs the client

pytestmark = [pytest.mark.slow]
TABLES = "CREATE TABLE IF NOT EXISTS seen (at INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT, number INTEGER);"
REQUIRED = {"ce_specversion", "ce_id", "ce_source", "ce_type", "partita", "content-type"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with kafka_cluster() as found:
        yield found.url


class Till:
    """One process of the same two services, whose topics carry these headers. A third service is of another app."""

    def __init__(self, data: Path, bus: str, space: str, carried: HeaderSet) -> None:
        till = Service("till", namespace=f"{space}.till")
        book = Service("book", namespace=f"{space}.book", tables=TABLES)
        self.bank = Service("bank", namespace=f"{space}.bank")

        class Paid(Event, of=till):
            order: Key[str]
            number: int

        class Transferred(Event, of=self.bank):
            order: Key[str]

        class Transfer(Command[Transferred], of=self.bank):
            order: Key[str]

        class Pay(Command[Paid], of=till):
            order: Key[str]
            number: int

        @till.handles(Pay, sends=[Transfer])
        async def pay(cmd: Pay, tx: Tx) -> Paid:
            tx.send(Transfer(order=cmd.order))
            return Paid(order=cmd.order, number=cmd.number)

        @book.on
        async def see(event: Paid, tx: Tx) -> None:
            await tx.execute("INSERT INTO seen (key, number) VALUES (:k, :n)", k=event.order, n=event.number)

        self.Pay, self.events = Pay, till.events_topic
        plan = TopicPlan(default=Sizing(headers=carried))
        self.app = App(till, book, settings=Settings(data=data, bus=bus), topics=plan)

    async def pay(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.app.send(self.Pay(order=f"o{number % 2}", number=number))

    async def seen(self) -> list[tuple[str, int]]:
        async with self.app.store("book").reading() as session:
            rows = await session.fetch("SELECT key, number FROM seen ORDER BY at", {})
            return [(row["key"], row["number"]) for row in rows]


def raw(bus: str, topic: str, count: int, group: str = "other") -> list[Any]:
    """The records of a topic as another program reads them; the group keeps its position."""
    settings = {"bootstrap.servers": bus.removeprefix("kafka://"), "group.id": group, "auto.offset.reset": "earliest"}
    consumer = kafka.Consumer(settings)
    consumer.subscribe([topic])
    found: list[Any] = []
    try:
        for _ in range(60):
            found += [each for each in consumer.consume(100, timeout=0.5) if each.error() is None]
            if len(found) >= count:
                consumer.commit(asynchronous=False)
                return found
    finally:
        consumer.close()
    raise AssertionError(f"{len(found)} of {count} records came")


def foreign(bus: str, topic: str, type_: str, number: int) -> None:
    """An event of a program that is not built with Partita: attributes and JSON, no header of ours."""
    producer = kafka.Producer({"bootstrap.servers": bus.removeprefix("kafka://")})
    attributes = {"ce_specversion": "1.0", "ce_id": "7", "ce_source": "urn:other", "ce_type": type_}
    headers = [*((name, text.encode()) for name, text in attributes.items()), ("content-type", b"application/json")]
    producer.produce(topic, json.dumps({"order": "o9", "number": number}), "o9", headers=headers)
    assert producer.flush(20) == 0


async def test_a_rolling_change_of_the_headers_loses_nothing(tmp_path: Path, cluster: str) -> None:
    """Old and new processes write to one topic, in any order of the choices; a reader that knows none of them handles each record
    once, in the order of its key, and the attributes still decide for a record without our header."""
    space = "rolling"
    reader = Till(tmp_path, cluster, space, "full")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(reader.app.running(services=["book"]))
        order: list[HeaderSet] = ["full", "ours", "required", "ours", "full"]
        for turn, carried in enumerate(order):
            writer = Till(tmp_path, cluster, space, carried)
            async with writer.app.running(services=["till"]):
                await writer.pay(range(turn * 4, turn * 4 + 4))
            if carried == "required":
                foreign(cluster, reader.events, f"{space}.till.v1.Paid", 99)
        last = Till(tmp_path, cluster, space, "required")
        await stack.enter_async_context(last.app.running(services=["till"]))  # what waits in the outbox leaves
        rows = await until(reader.seen, holds=lambda rows: len(rows) >= 21)

    assert sorted(number for _, number in rows) == [*range(20), 99], "a record is lost, or was handled twice"
    for key in ("o0", "o1"):
        assert [n for k, n in rows if k == key] == sorted(n for k, n in rows if k == key)
    carried_by = [frozenset(dict(each.headers())) for each in raw(cluster, reader.events, 21)]
    assert {frozenset({"partita"}), frozenset(REQUIRED)} <= {*carried_by}
    assert any("ce_correlationid" in names for names in carried_by)


@pytest.mark.parametrize("carried", HEADER_SETS)
async def test_a_command_to_a_service_of_another_app_has_all_headers(
    tmp_path: Path, cluster: str, carried: HeaderSet
) -> None:
    """Its participant may be written in another language, and reads id, type and correlation from the attributes."""
    mine = Till(tmp_path, cluster, f"abroad_{carried}", carried)
    async with mine.app.running():
        await mine.pay([1])
        (command,) = await asyncio.to_thread(raw, cluster, mine.bank.commands_topic, 1)
    names = dict(command.headers())
    assert names.keys() >= {*REQUIRED, "ce_correlationid", "ce_causationid", "ce_partitionkey", "ce_time"}
    assert names["ce_type"].decode().endswith(".bank.v1.Transfer")


async def test_the_plan_and_the_doctor_name_a_reader_that_may_need_more(tmp_path: Path, cluster: str) -> None:
    """A connector reads a topic without being declared anywhere; before the change it is in the plan."""
    full = Till(tmp_path, cluster, "watched", "full")
    async with full.app.running():
        await full.pay([1, 2])
        await until(full.seen, holds=lambda rows: len(rows) == 2)
        await asyncio.to_thread(raw, cluster, full.events, 2, "billing")
    ours = Till(tmp_path, cluster, "watched", "ours")
    administration = KafkaAdministration(cluster, clock=SystemClock())
    await administration.open()
    told = {app: [d for d in await drift(app, administration) if d.what == "headers"] for app in (full.app, ours.app)}
    await administration.close()

    assert told[full.app] == []
    (read,) = told[ours.app]
    assert (read.topic, read.declared, read.found, read.told) == (full.events, "ours", "read by billing", True)
    notes = [each for each in await check_cluster(ours.app) if each.what.startswith("headers")]
    assert [(each.level, each.what) for each in notes] == [("note", f"headers of {full.events}")]
