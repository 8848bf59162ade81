"""A relay under a broker's errors, injected by librdkafka's mock cluster: it marks only acknowledged rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita.bus.connect import connect_bus
from partita.bus.features import NONE
from partita.bus.port import Outgoing, TopicSpec
from partita.clock import SystemClock
from partita.errors import BusUnavailable
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake
from partita.outbox.relay import Relay, RelayOptions
from partita.store.connect import connect_store
from partita.store.outbox import SLOTS, OutboxRow
from partita.store.port import Store
from partita.texts.key_hash import slot_of

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.slow]
from tests.mock_kafka import MockKafka, mock_kafka  # noqa: E402  # needs the client

TOPIC = "mock.events"
KEYS, EACH = 10, 10
WITHIN_S = 60
PASSING = (7, 6, 5, 19, 20, -195)
"""Timed out; not the leader; no leader; too few copies, before and after they were written; the connection broke."""
REFUSED = 29
"""The user may not use this topic: nobody but a person mends that."""


class TrustsFlush:
    """The planted bug: a record that left the queue counts as delivered, whatever its delivery report says."""

    features = NONE

    def __init__(self, servers: str) -> None:
        settings = {"bootstrap.servers": servers, "message.timeout.ms": 500, "linger.ms": 1, "log_level": 0}
        self._producer = kafka.Producer({**settings, "logger": _Silent()})

    async def append(self, records: Sequence[Outgoing], fences: Any = ()) -> list[str | None]:
        """Send, flush, and believe the result."""
        for record in records:
            self._producer.produce(record.topic, record.value, record.key)
        left = await asyncio.to_thread(self._producer.flush, 10)
        return [None for _ in records] if left == 0 else ["still in the queue"] * len(records)


class _Silent:
    def log(self, *_: object) -> None:
        """Log nothing about brokers that are down."""


@pytest.fixture
def cluster() -> Iterator[MockKafka]:
    with mock_kafka() as found:
        found.create(TOPIC)
        yield found


@asynccontextmanager
async def outbox(data: Path) -> AsyncIterator[Store]:
    """A store whose outbox holds ten messages of each of ten keys; a value is `key/number`."""
    wake = SocketWake(data / "wake")
    store = connect_store(data / "s.db", this_machine(), service="s", tables="", wake=wake)
    await store.open()
    rows = [
        OutboxRow(
            f"id-{key}-{number}", TOPIC, f"k{key}", "t", f"k{key}/{number}".encode(), b"h", "c", None,
            slot_of(f"k{key}", SLOTS), 0,
        )
        for number in range(EACH)
        for key in range(KEYS)
    ]  # fmt: skip
    async with store.transaction() as session:
        await session.outbox.add(rows)
    try:
        yield store
    finally:
        await store.close()
        wake.close()


@asynccontextmanager
async def relaying(store: Store, bus: Any) -> AsyncIterator[None]:
    """A relay at work."""
    clock = SystemClock()
    relay = Relay(store, bus, clock, "m", RelayOptions(batch=20, lease_tick_s=0.05, backoff_s=0.05, idle_poll_s=0.05))

    async def work() -> None:
        while True:
            due = await relay.step(clock.monotonic())
            await clock.sleep(max(0.0, due - clock.monotonic()))

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await relay.stop()


async def waiting(store: Store) -> set[str]:
    """The values not marked as sent."""
    async with store.reading() as session:
        found = [row for _, row in await session.outbox.unsent(range(SLOTS), 1_000)]
    return {row.payload.decode() for row in found}


async def drained(store: Store) -> None:
    await until(lambda: waiting(store), WITHIN_S, holds=lambda values: not values)


async def wrong(store: Store, cluster: MockKafka) -> list[str]:
    """Rows that are marked and not on the log, and rows whose first copy on the log is out of the order of its key."""
    found: list[str] = []
    there: set[str] = set()
    for values in await asyncio.to_thread(cluster.values, TOPIC):
        last: dict[str, int] = {}
        for value in (v.decode() for v in values):
            key, _, number = value.partition("/")
            if value not in there and int(number) != last.get(key, -1) + 1:
                found.append(f"{value} after {last.get(key)}")
            if value not in there:
                last[key] = int(number)
            there.add(value)
    marked = {f"k{key}/{number}" for key in range(KEYS) for number in range(EACH)} - await waiting(store)
    return found + [f"{value} is marked and not on the log" for value in sorted(marked - there)]


@pytest.fixture
async def bus(cluster: MockKafka) -> AsyncIterator[Any]:
    found = connect_bus(cluster.url + "?socket.timeout.ms=2000", this_machine(), None).bus
    await found.open()
    yield found
    await found.close()


async def test_errors_that_pass_cost_a_moment(cluster: MockKafka, bus: Any, tmp_path: Path) -> None:
    """Each kind several times, between successes, and a leader that moves: all records arrive, in the order of each
    key."""
    async with outbox(tmp_path) as store:
        cluster.fail([error for error in PASSING for error in (error, 0, 0, error)])
        async with relaying(store, bus):
            for partition in range(4):
                cluster.lead(TOPIC, partition, 1 + partition % 3)
            await drained(store)
        assert await wrong(store, cluster) == []


async def test_nothing_is_marked_that_was_refused(cluster: MockKafka, bus: Any, tmp_path: Path) -> None:
    """The broker refuses every request: no row is marked until an operator has repaired it (case 13)."""
    async with outbox(tmp_path) as store:
        cluster.fail([REFUSED] * 10_000)
        async with relaying(store, bus):
            # Several rounds of the relay, each refused.
            await bus_refuses(bus, 3)
            assert len(await waiting(store)) == KEYS * EACH
            assert await wrong(store, cluster) == []

            cluster.heal()
            await drained(store)
        assert await wrong(store, cluster) == []


async def bus_refuses(bus: Any, times: int) -> None:
    """Wait until `times` more appends of the test's own have failed: then as many of the relay's have failed, or are
    about to."""
    for number in range(times):
        with pytest.raises(BusUnavailable):
            await bus.append([Outgoing(TOPIC, None, b"", b"never/0", f"never-{number}")])


async def test_nothing_is_marked_while_no_broker_is_there(cluster: MockKafka, bus: Any, tmp_path: Path) -> None:
    """Down before the first append and again in the middle; when they are back, all records arrive in order."""
    async with outbox(tmp_path) as store:
        await bus.ensure_topics([TopicSpec(name=TOPIC)])
        cluster.down()
        async with relaying(store, bus):
            with pytest.raises(BusUnavailable, match="not answered|failed"):
                await bus.append([Outgoing(TOPIC, None, b"", b"other/0", "other")])
            assert len(await waiting(store)) == KEYS * EACH
            cluster.up()
            await drained(store)
        assert await wrong(store, cluster) == []


async def test_a_bus_that_trusts_flush_is_found(cluster: MockKafka, tmp_path: Path) -> None:
    """`flush() == 0` says that the queue is empty, also when every delivery failed: the check above finds the bug."""
    async with outbox(tmp_path) as store:
        cluster.down()
        async with relaying(store, TrustsFlush(cluster.servers)):
            await drained(store)
        cluster.up()
        found = await wrong(store, cluster)
        assert len(found) == KEYS * EACH and all(text.endswith("is marked and not on the log") for text in found)
