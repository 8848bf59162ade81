"""A log and services in one PostgreSQL database, each test with a database of its own; and the ways to hold them up."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from servers.process import ServerProcess
from tests.servers import postgres_server
from tests.waiting import until

from partita.bus.connect import connect_bus
from partita.bus.port import Bus, Record, TopicSpec
from partita.clock import SystemClock
from partita.machine.system import this_machine
from partita.message import Envelope, envelope_from_bytes, envelope_to_bytes
from partita.outbox.relay import Relay
from partita.store.connect import connect_store
from partita.store.outbox import OutboxRow
from partita.store.port import Session, Store
from partita.texts.key_hash import partition_of

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
NUMBERS = itertools.count(1)
PATIENCE_S = 30.0
SERVICE = "shop"
EVENTS, COMMANDS = TopicSpec(name="t.events", partitions=4), TopicSpec(name="t.commands", partitions=4)
STATE = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value BIGINT NOT NULL);"
# A record with this id waits in the middle of its transaction's last work, with the lock of its partition, until the
# test lets it go.
GATE = 77
HELD = "held"
MAKE_GATE = f"""
CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock({GATE}); RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON partita_log.record FOR EACH ROW WHEN (NEW.id LIKE '{HELD}%') EXECUTE FUNCTION gate();
"""
BROKEN = "broken"
MAKE_BROKEN = f"""
CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE TRIGGER broken AFTER INSERT ON partita_log.record FOR EACH ROW WHEN (NEW.id LIKE '{BROKEN}%') EXECUTE FUNCTION broken();
"""
WAITERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[ServerProcess, str]]:
    with postgres_server() as found:
        yield found


@pytest.fixture
async def url(running: tuple[ServerProcess, str]) -> AsyncIterator[str]:
    """A log belongs to a database: each test has one of its own."""
    name = f"within_{next(NUMBERS)}"
    await asked(running[1], f"CREATE DATABASE {name}")
    yield f"{running[1].rpartition('/')[0]}/{name}"
    await asked(running[1], f"DROP DATABASE {name} WITH (FORCE)")


async def asked(url: str, sql: str, *given: object) -> list[tuple[Any, ...]]:
    """Rows, as a person who looks into the database sees them."""
    connection = await asyncpg.connect(url)
    try:
        if given:
            return [tuple(row) for row in await connection.fetch(sql, *given)]
        if sql.lstrip().startswith("SELECT"):
            return [tuple(row) for row in await connection.fetch(sql)]
        await connection.execute(sql)
        return []
    finally:
        await connection.close()


@asynccontextmanager
async def bus_at(url: str, *topics: TopicSpec) -> AsyncIterator[Bus]:
    bus = connect_bus(url, this_machine(), None).bus
    await bus.open()
    try:
        await bus.ensure_topics(topics or [EVENTS, COMMANDS])
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def store_at(url: str, bus: Bus | None, service: str = SERVICE, *, joins: bool = True) -> AsyncIterator[Store]:
    store = connect_store(url, this_machine(), service=service, tables=STATE)
    await store.open()
    try:
        await store.create_tables()
        if bus is not None:
            assert await store.join(bus.tables) is joins
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def both(url: str) -> AsyncIterator[tuple[Bus, Store]]:
    """The log, and a service that has joined it."""
    async with bus_at(url) as bus, store_at(url, bus) as store:
        yield bus, store


def row(
    message_id: str, key: str | None = "k", topic: str = EVENTS.name, number: int = 1, value: bytes = b"v"
) -> OutboxRow:
    """A message as a handler leaves it."""
    envelope = Envelope(
        id=message_id, source="shop/1.1", type="t.Happened", time_us=1, correlation_id=f"of {message_id}", kind="event",
        causation_id="cause", key_sequence=number, schema="s",
    )  # fmt: skip
    head = envelope_to_bytes(envelope)
    return OutboxRow(message_id, topic, key, "t.Happened", value, head, envelope.correlation_id, "cause", 0, 1)


async def leave(store: Store, *rows: OutboxRow) -> None:
    """A transaction whose last work are these messages."""
    async with store.transaction() as session:
        await leave_in(session, rows)


async def leave_in(session: Session, rows: Sequence[OutboxRow], *, queued: bool = False) -> None:
    """Number these messages and leave them; `queued` as a transaction of a user's does."""
    counts = {(r.aggregatetype, r.aggregateid): 0 for r in rows if r.aggregateid is not None}
    for r in rows:
        if r.aggregateid is not None:
            counts[(r.aggregatetype, r.aggregateid)] += 1
    await session.sequences.reserve(counts)
    await (session.outbox.add(rows) if queued else session.outbox.leave(rows))


async def records(bus: Bus, topic: TopicSpec = EVENTS) -> list[Record]:
    """All records of a topic, partition by partition."""
    return [record async for found in bus.history([topic.name], 0) for record in found]


async def ids(bus: Bus, topic: TopicSpec = EVENTS) -> list[str]:
    found = await records(bus, topic)
    return [envelope_from_bytes(r.headers).id for r in found]


def keys_of(partition: int, topic: TopicSpec = EVENTS) -> Iterator[str]:
    """Keys of one partition."""
    return (key for n in itertools.count() if partition_of(key := f"k{n}", topic.partitions) == partition)


@asynccontextmanager
async def gate_closed(url: str) -> AsyncIterator[None]:
    """The writer of a held record waits until the end of the block."""
    if not await asked(url, "SELECT 1 FROM pg_trigger WHERE tgname = 'gate'"):
        await asked(url, MAKE_GATE)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({GATE})")
        yield
    finally:
        await connection.close()


async def until_waiting(url: str, count: int) -> None:
    """Until so many transactions wait for a lock."""

    async def are_waiting() -> bool:
        return (await asked(url, WAITERS))[0][0] >= count

    await until(are_waiting, PATIENCE_S)


async def queue_of(store: Store) -> list[str]:
    """The messages that wait for a relay."""
    async with store.reading() as session:
        found = await session.outbox.unsent([0], 1_000)
    return [pending.id for _, pending in found]


async def relayed(store: Store, bus: Bus) -> None:
    """A relay brings the queue to the log."""
    relay = Relay(store, bus, SystemClock(), "relay")
    try:

        async def empty() -> bool:
            await relay.step(SystemClock().monotonic())
            return not await queue_of(store)

        await until(empty, PATIENCE_S)
    finally:
        await relay.stop()
