"""The log in PostgreSQL passes the suite on a real server, and cases that only servers and several writers have."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from servers.process import ServerProcess
from tests.conformance.feature_cases import listed
from tests.conformance.registries import beside_the_bus
from tests.servers import postgres_server
from tests.waiting import until, until_answered

from partita.bell import Bell
from partita.bus.connect import connect_bus
from partita.bus.port import Bus, Outgoing, Record, Subscription, TopicSpec
from partita.bus.postgres.bus import PostgresBus
from partita.clock import Clock, SystemClock
from partita.errors import BusError, BusUnavailable, NotFound, PositionRefused, StoreMismatch, StoreUnavailable
from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.testing.conformance import bus as bus_suite
from partita.testing.conformance import registry as registry_suite
from partita.testing.conformance.case import Case

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
NUMBERS = itertools.count(1)
TOPIC = TopicSpec(name="t.events", partitions=4)
PATIENCE_S = 30.0
NOTIFICATION = b"A"


@pytest.fixture(scope="session")
def running() -> Iterator[tuple[ServerProcess, str]]:
    with postgres_server() as found:
        yield found


@pytest.fixture
async def url(running: tuple[ServerProcess, str]) -> AsyncIterator[str]:
    """A log belongs to a database: each test has one of its own."""
    name = f"log_{next(NUMBERS)}"
    connection = await asyncpg.connect(running[1])
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    yield f"{running[1].rpartition('/')[0]}/{name}"
    connection = await asyncpg.connect(running[1])
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


def bus_at(url: str, clock: Clock | None = None) -> bus_suite.OpenBus:
    async def open_bus() -> Bus:
        bus = connect_bus(url, this_machine(clock), None).bus
        await bus.open()
        return bus

    return open_bus


@pytest.mark.parametrize("case", listed(PostgresBus.features))
async def test_the_log_in_postgresql(case: Case, url: str) -> None:
    await case(bus_at(url))


@pytest.mark.parametrize("case", registry_suite.CASES, ids=lambda case: case.__name__)
async def test_the_registry_beside_the_log_in_postgresql(case: registry_suite.Case, url: str) -> None:
    await case(beside_the_bus(url))


async def test_a_position_of_a_log_in_another_database_is_refused(url: str, running: tuple[ServerProcess, str]) -> None:
    """The same offsets are other records there."""
    other = f"{url}_other"
    await asked(url, f"CREATE DATABASE {other.rpartition('/')[2]}")
    async with opened(url) as one, opened(other) as two:
        for bus in (one, two):
            await bus.append([outgoing(n, "k") for n in range(5)])
        partition = (await records_of(one))[0].partition
        position = (await one.read(TOPIC.name, partition, None, 3)).next
        with pytest.raises(PositionRefused, match="another one, or one that was restored"):
            await two.read(TOPIC.name, partition, position, 10)
        assert [int(r.value) for r in (await one.read(TOPIC.name, partition, position, 10)).records] == [3, 4]


async def records_of(bus: Bus) -> list[Record]:
    return [record async for records in bus.history([TOPIC.name], 0) for record in records]


async def test_it_works_without_prepared_statements(url: str) -> None:
    """As a pooler in transaction mode needs it."""
    url = f"{url}?statement_cache_size=0&pool_max=2"
    await bus_suite.records_of_a_key_come_in_order(bus_at(url))


async def test_a_pooler_that_nobody_spoke_of_is_told(url: str) -> None:
    """It returns connections that have none of our statements: the error says what to do."""
    async with opened(f"{url}?pool_max=1") as bus:
        await bus.lag()
        async with bus._database.asking() as link:
            await link.connection.execute("DEALLOCATE ALL")
        with pytest.raises(BusUnavailable, match="statement_cache_size=0"):
            await bus.lag()


@asynccontextmanager
async def opened(url: str, clock: Clock | None = None, topic: TopicSpec = TOPIC) -> AsyncIterator[Bus]:
    bus = await bus_at(url, clock)()
    try:
        await bus.ensure_topics([topic])
        yield bus
    finally:
        await bus.close()


def outgoing(number: int, key: str) -> Outgoing:
    return Outgoing(TOPIC.name, key, b"", str(number).encode(), f"{key}/{number}")


async def asked(url: str, sql: str, *given: object) -> list[tuple[Any, ...]]:
    """Rows, as a person who looks into the database sees them."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *given)]
    finally:
        await connection.close()


async def surely(bus: Bus, records: Sequence[Outgoing]) -> None:
    """Append as a relay does: repeat until the records are known to be there."""
    await until_answered(lambda: bus.append(records), BusUnavailable)


async def read_until(subscription: Subscription, count: int, *, done: bool = True) -> list[Record]:
    """Poll, whatever the server does meanwhile, until `count` different records were read."""
    found: list[Record] = []
    kept = 0.0

    async def enough() -> bool:
        nonlocal kept
        now = asyncio.get_running_loop().time()
        with contextlib.suppress(BusUnavailable):
            if now >= kept + 0.5:
                kept = now
                await subscription.keep()
            polled = await subscription.poll(200)
            await subscription.release(polled.revoked)
            found.extend(polled.records)
            if done:
                subscription.done(polled.records)
        return len({(r.key, r.value) for r in found}) >= count

    await until(enough, PATIENCE_S)
    return found


def first_copies(records: Sequence[Record]) -> dict[str, list[int]]:
    """For each key the numbers, each at its first copy."""
    firsts: dict[str, list[int]] = {}
    for record in records:
        assert record.key is not None
        numbers = firsts.setdefault(record.key, [])
        if int(record.value) not in numbers:
            numbers.append(int(record.value))
    return firsts


async def test_many_append_to_the_same_partitions_and_a_reader_passes_nothing(url: str) -> None:
    """No offset may appear below one that was read, although transactions commit in another order than they began."""
    writers, rounds = 6, 40

    async def write(bus: Bus, writer: int) -> None:
        for number in range(rounds):
            # Over all partitions, in an order of its own.
            await bus.append([outgoing(number, f"w{writer}k{(key + writer) % 5}") for key in range(5)])

    async with opened(url) as one, opened(url) as two, opened(url) as three:
        subscription = three.subscribe("group", [TOPIC.name], "one")
        *_, records = await asyncio.gather(
            *(write(one if n % 2 else two, n) for n in range(writers)), read_until(subscription, writers * rounds * 5)
        )
        await subscription.close()
    assert len(records) == writers * rounds * 5, "some were passed, or came twice"
    assert all(numbers == list(range(rounds)) for numbers in first_copies(records).values())
    for partition in range(TOPIC.partitions):
        offsets = [r.offset for r in records if r.partition == partition]
        assert offsets == list(range(1, len(offsets) + 1)), "dense, and in order"


async def test_the_server_is_killed_under_load(running: tuple[ServerProcess, str], url: str) -> None:
    """Acknowledged records are there; others are appended again, and none overtakes another."""
    server, _ = running
    keys, rounds = 4, 150
    reached = asyncio.Event()

    async def write(bus: Bus, key: str) -> None:
        for number in range(rounds):
            await surely(bus, [outgoing(number, key)])
            if number == rounds // 3:
                reached.set()

    async def kill() -> None:
        for _ in range(2):
            await reached.wait()
            reached.clear()
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            reached.set()

    async with opened(url) as one, opened(url) as two:
        bell = Bell()
        subscription = two.subscribe("group", [TOPIC.name], "one", bell)
        *_, records = await asyncio.gather(
            *(write(one, f"k{n}") for n in range(keys)), kill(), read_until(subscription, keys * rounds)
        )
        firsts = first_copies(records)
        assert firsts == {f"k{n}": list(range(rounds)) for n in range(keys)}, "a record is lost, or passed another"

        async def hears() -> bool:
            await subscription.keep()
            return two._ear.hears

        await until(hears)
        bell.begin()
        await one.append([outgoing(rounds, "k0")])
        await asyncio.wait_for(bell.wait(), PATIENCE_S)
        await subscription.close()


async def test_a_record_is_found_though_nobody_is_woken(url: str) -> None:
    """The listening connection is cut: the periodic poll finds the record, and then the connection is there again."""
    async with opened(url) as one, opened(url) as two:
        bell = Bell()
        subscription = two.subscribe("group", [TOPIC.name], "one", bell)
        await subscription.poll(10)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        assert len(await asked(url, cut)) == 2
        await one.append([outgoing(0, "k")])
        assert len(await read_until(subscription, 1)) == 1
        bell.begin()
        for number in range(1, 600):
            await subscription.keep()
            await one.append([outgoing(number, "k")])
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), 0.05)
                break
        assert bell.is_rung, "it listens again"
        await subscription.close()


async def test_an_ear_that_is_deaf_costs_a_look(url: str) -> None:
    """As behind a pooler in transaction mode, which accepts a LISTEN and delivers nothing."""
    async with wired(url, Wire(without=NOTIFICATION)) as through, opened(url) as one, opened(through) as two:
        bell = Bell()
        subscription = two.subscribe("group", [TOPIC.name], "one", bell)
        await subscription.poll(10)
        bell.begin()
        await one.append([outgoing(0, "k")])
        assert len(await read_until(subscription, 1)) == 1
        assert not bell.is_rung, "something was heard"
        await subscription.close()


async def test_a_member_that_stood_still_moves_no_position(url: str) -> None:
    """Its heartbeat stopped until it was replaced: its report about its old partitions does not count."""
    clock = HandClock()
    async with opened(url) as one, opened(url, clock) as two:
        await one.append([outgoing(n, f"k{n}") for n in range(20)])
        sleeper = one.subscribe("group", [TOPIC.name], "sleeper")
        records = await read_until(sleeper, 20, done=False)
        successor = two.subscribe("group", [TOPIC.name], "successor")
        await successor.keep()
        assert not (await successor.poll(10)).assigned
        clock.seconds += 3.1
        await successor.keep()
        assert len((await successor.poll(0)).assigned) == 4, "who stands still is replaced"

        sleeper.done(records)
        await sleeper.release([record.at for record in records])
        await sleeper.keep()
        assert sum(lag.lag for lag in await two.lag("group")) == 20, "a position was moved by who does not hold it"
        assert len(set((await sleeper.poll(100)).revoked)) == 4
        assert len(await read_until(successor, 20)) == 20
        await sleeper.close()
        await successor.close()


async def test_a_position_whose_commit_failed_is_written_with_the_next(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it were taken for written, the partition would lack it, and its successor would read all of it again."""
    async with opened(url) as one, opened(url) as two:
        await one.append([outgoing(n, f"k{n}") for n in range(20)])
        first = one.subscribe("group", [TOPIC.name], "one")
        records = await read_until(first, 20, done=False)
        second = two.subscribe("group", [TOPIC.name], "two")
        await second.keep()
        await first.keep()
        revoked = (await first.poll(0)).revoked
        first.done(records)
        database = one._database  # type: ignore[attr-defined]  # what fails is its commit
        writing = database.writing

        @contextlib.asynccontextmanager
        async def fails(**how: Any) -> AsyncIterator[Any]:
            async with writing(**how) as link:
                yield link
                raise StoreUnavailable("the commit failed")

        monkeypatch.setattr(database, "writing", fails)
        with pytest.raises(BusUnavailable):
            await first.release(revoked)
        monkeypatch.setattr(database, "writing", writing)
        await first.release(revoked)

        lags = {(lag.topic, lag.partition): lag.lag for lag in await two.lag("group")}
        assert len(revoked) == 2 and not any(lags[where] for where in revoked)
        await first.close()
        await second.close()


async def test_a_reset_is_not_undone_by_a_member(url: str) -> None:
    """It holds records from before, and would write its old position at its next heartbeat."""
    async with opened(url) as bus:
        await bus.append([outgoing(n, "k") for n in range(10)])
        subscription = bus.subscribe("group", [TOPIC.name], "one")
        await read_until(subscription, 10)
        assert [m.partition for m in await bus.reset("group", TOPIC.name, True)] == [0, 1, 2, 3]
        await subscription.keep()
        polled = await subscription.poll(100)
        assert (len(polled.assigned), [int(r.value) for r in polled.records]) == (4, list(range(10)))
        await subscription.close()


async def test_a_group_that_was_passed_is_told(url: str) -> None:
    """A loss must not look like an empty partition, and the floor stays when no record is left to show it."""
    topic = TopicSpec(name=TOPIC.name, partitions=1, retention_s=60.0)
    async with opened(url, topic=topic) as bus:
        await bus.append([outgoing(n, "k") for n in range(10)])
        slow = bus.subscribe("slow", [TOPIC.name], "one")
        slow.done((await slow.poll(3)).records)
        await slow.close()
        clock = SystemClock()
        assert await bus.trim(clock.now_us()) == 0, "young"
        assert [await bus.trim(clock.now_us() + 61_000_000, 2) for _ in range(3)] == [2, 1, 0], "in small batches"
        await asked(url, "UPDATE partita_log.progress SET position = 9")
        assert await bus.trim(clock.now_us() + 61_000_000) == 6
        await asked(url, "UPDATE partita_log.progress SET position = 4")

        again = bus.subscribe("slow", [TOPIC.name], "two")
        with pytest.raises(BusError, match="records up to 9 were deleted"):
            await again.poll(10)
        await again.close()
        fresh = bus.subscribe("fresh", [TOPIC.name], "one")
        assert [int(r.value) for r in await read_until(fresh, 1)] == [9]
        await bus.append([outgoing(10, "k")])
        assert [int(r.value) for r in await read_until(fresh, 1)] == [10]
        await fresh.close()


async def test_a_batch_is_shared_among_the_partitions_that_wait(url: str) -> None:
    """Partitions with few records leave the rest of the batch to the others: none starves, and the batch is full."""
    async with opened(url) as bus:
        waiting: dict[int, int] = {}
        subscription = bus.subscribe("group", [TOPIC.name], "one")
        await bus.append([outgoing(n, "many") for n in range(300)])
        await bus.append([outgoing(n, f"k{n}") for n in range(40)])
        for record in (await subscription.poll(100)).records:
            waiting[record.partition] = waiting.get(record.partition, 0) + 1
        assert sum(waiting.values()) == 100 and len(waiting) == 4
        assert sorted(waiting.values())[-1] > 60, "what the others leave is taken"
        few = (await subscription.poll(2)).records
        assert len(few) == 2, "fewer than partitions that wait"
        await subscription.close()


async def test_a_topic_that_another_process_makes_is_joined(url: str) -> None:
    """Consumers may start before producers."""
    async with opened(url) as one, opened(url) as two:
        subscription = two.subscribe("group", ["made.later"], "one")
        assert not (await subscription.poll(10)).assigned
        await one.ensure_topics([TopicSpec(name="made.later", partitions=2)])
        await one.append([Outgoing("made.later", "k", b"", b"0", "id")])
        assert len(await read_until(subscription, 1)) == 1
        await subscription.close()


async def test_what_is_not_known_to_be_appended_is_appended_again(url: str) -> None:
    """The connection is lost together with the answer: both copies are there, the second behind everything before it."""
    wire = Wire()
    async with wired(url, wire) as through, opened(url) as one, opened(through) as two:
        await two.append([outgoing(0, "k")])
        wire.deaf = True
        with pytest.raises(BusUnavailable):
            await two.append([outgoing(1, "k"), outgoing(2, "k")])
        wire.deaf = False
        await two.append([outgoing(1, "k"), outgoing(2, "k")])
        subscription = one.subscribe("group", [TOPIC.name], "one")
        records = await read_until(subscription, 3)
        while len(records) < 5:
            records += (await subscription.poll(10)).records
        assert [int(r.value) for r in records] == [0, 1, 2, 1, 2]
        await subscription.close()


@asynccontextmanager
async def wired(url: str, wire: Wire) -> AsyncIterator[str]:
    """The server, reached through a wire."""
    wire.port = int(url.rpartition("/")[0].rpartition(":")[2])
    listening = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    yield url.replace(f":{wire.port}/", f":{listening.sockets[0].getsockname()[1]}/")
    listening.close()


class Wire:
    """A wire between client and server. While it is deaf an answer of the server ends the connection, and is not
    delivered; messages of the kind `without` never are."""

    def __init__(self, without: bytes = b"") -> None:
        self.port = 0
        self.deaf = False
        self._without = without

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry the bytes of one connection."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def there() -> None:
            while data := await reader.read(65_536):
                far_writer.write(data)
            far_writer.close()

        going = asyncio.ensure_future(there())
        with contextlib.suppress(OSError):
            while data := await far_reader.read(65_536):
                if self.deaf:
                    break
                if data[:1] != self._without:  # on an idle connection it comes alone
                    writer.write(data)
        going.cancel()
        writer.close()
        far_writer.close()


async def test_the_log_and_a_service_do_not_take_each_other_s_schema(url: str) -> None:
    """A service may have that name by chance."""
    store = connect_store(url, this_machine(), service="partita_log", tables="")
    async with opened(url):
        with pytest.raises(StoreMismatch, match=r"belongs to \(the log\)"):
            await store.open()
    await asked(url, "DROP SCHEMA partita_log CASCADE")
    await store.open()
    await store.close()
    with pytest.raises(StoreMismatch, match="a service's, not the log's"):
        await bus_at(url)()


async def test_a_log_that_is_only_looked_for_is_not_made(url: str) -> None:
    """A server that is not there is reported as unavailable, without its password."""
    bus = connect_bus(url, this_machine(), None, create=False).bus
    with pytest.raises(NotFound, match="there is no log"):
        await bus.open()
    assert not await asked(url, "SELECT 1 FROM pg_namespace WHERE nspname = 'partita_log'")
    with pytest.raises(BusUnavailable, match="cannot be reached") as told:
        await bus_at("postgresql://nobody:secret@127.0.0.1:1/none")()
    assert "secret" not in str(told.value)


class HandClock(SystemClock):
    """A clock whose monotonic time the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 100.0

    def monotonic(self) -> float:
        return self.seconds
