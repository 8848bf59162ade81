"""Where the log is in the database of a service, its messages are in the log with the commit that caused them: on a real server,
with several writers, and beside rows that a relay brings."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Sequence

import pytest
from servers.process import ServerProcess
from tests.conformance.within_ground import (
    BROKEN,
    COMMANDS,
    EVENTS,
    HELD,
    MAKE_BROKEN,
    PATIENCE_S,
    SERVICE,
    asked,
    asyncpg,
    both,
    bus_at,
    gate_closed,
    ids,
    keys_of,
    leave,
    leave_in,
    queue_of,
    records,
    relayed,
    row,
    running,
    store_at,
    until_waiting,
    url,
)
from tests.waiting import the_time, until

from partita.bell import Bell
from partita.bus.port import Bus, Record, Subscription, TopicSpec
from partita.clock import SystemClock
from partita.errors import StoreContended
from partita.message import envelope_from_bytes
from partita.store.port import Asked, Store

pytestmark = [pytest.mark.slow]
__all__ = ["running", "url"]


async def test_state_and_message_commit_together(url: str) -> None:
    """G1: no relay runs here, and the record is there as soon as the state is."""
    async with both(url) as (bus, store):
        async with store.transaction() as session:
            await session.execute("INSERT INTO state VALUES ('a', 1)", {})
            await leave_in(session, [row("m1")])
            assert not await records(bus), "it is seen before its commit"
        assert await ids(bus) == ["m1"]
        assert not await queue_of(store)
        with pytest.raises(RuntimeError, match="handler"):
            async with store.transaction() as session:
                await session.execute("INSERT INTO state VALUES ('b', 1)", {})
                await leave_in(session, [row("m2")])
                raise RuntimeError("a handler failed")
        assert await ids(bus) == ["m1"]
        async with store.reading() as session:
            assert len(await session.fetch("SELECT * FROM state", {})) == 1


async def test_a_transaction_that_fails_at_its_end_takes_its_offsets_back(url: str) -> None:
    """The counter of a partition is locked until the commit and rolled back with it: no gap is possible."""
    async with both(url) as (bus, store):
        await asked(url, MAKE_BROKEN)
        await leave(store, row("m1"))
        for _ in range(3):
            with pytest.raises(asyncpg.RaiseError, match="planted"):
                await leave(store, row("m2"), row(BROKEN), row("m3"))
        await leave(store, row("m4"))
        found = await records(bus)
        assert [r.offset for r in found] == [1, 2] and await ids(bus) == ["m1", "m4"]


async def test_a_savepoint_that_is_rolled_back_takes_its_messages_along(url: str) -> None:
    """As a rehearsal does, or a batch that is divided."""
    async with both(url) as (bus, store):
        async with store.transaction() as session:
            await leave_in(session, [row("m1")])
            with contextlib.suppress(RuntimeError):
                async with session.savepoint():
                    await leave_in(session, [row("m2")])
                    raise RuntimeError
            await leave_in(session, [row("m3")])
        assert await ids(bus) == ["m1", "m3"]


async def test_writers_of_a_partition_follow_each_other_and_others_do_not_wait(url: str) -> None:
    """The lock is that of the partition alone."""
    one, two, three = next(keys_of(1)), list(itertools.islice(keys_of(1), 2))[1], next(keys_of(2))
    async with both(url) as (bus, store), store_at(url, bus, "other") as other:
        async with gate_closed(url):
            first = asyncio.ensure_future(leave(store, row(HELD, one)))
            await until_waiting(url, 1)
            second = asyncio.ensure_future(leave(other, row("m2", two)))
            await until_waiting(url, 2)
            await asyncio.wait_for(leave(store, row("m3", three)), PATIENCE_S)
            assert await ids(bus) == ["m3"], "a record is seen although one before it is not"
            assert not first.done() and not second.done()
        await asyncio.wait_for(asyncio.gather(first, second), PATIENCE_S)
        found = {envelope_from_bytes(r.headers).id: (r.partition, r.offset) for r in await records(bus)}
        assert found == {HELD: (1, 1), "m2": (1, 2), "m3": (2, 1)}


async def test_a_reader_never_sees_a_gap(url: str) -> None:
    """Writers of several services, some of which are rolled back in the middle of their last work, beside a relay: whatever
    state a reader meets, each partition is dense from its beginning."""
    writers, rounds = 4, 25
    at_work = True

    async def write(store: Store, writer: int) -> None:
        for number in range(rounds):
            rows = [row(f"{writer}/{number}/{n}", f"w{writer}k{(n + writer) % 5}") for n in range(5)]
            if number % 5 == 3 and number % 7 != 6:
                rows.append(row(f"{BROKEN}/{writer}/{number}", f"w{writer}b"))
            with contextlib.suppress(asyncpg.RaiseError):
                async with store.transaction(durable=False) as session:
                    await leave_in(session, rows, queued=number % 7 == 6)

    async def read(bus: Bus) -> int:
        looks = 0
        while at_work:
            for partition in range(EVENTS.partitions):
                found = (await bus.read(EVENTS.name, partition, None, 1_000)).records
                assert [r.offset for r in found] == list(range(1, len(found) + 1)), "a gap"
            looks += 1
        return looks

    async def relay(stores: Sequence[Store], bus: Bus) -> None:
        for store in itertools.cycle(stores):
            if not at_work:
                return
            await relayed(store, bus)
            await the_time(0.01)

    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(bus_at(url))
        await asked(url, MAKE_BROKEN)
        stores = [await stack.enter_async_context(store_at(url, bus, f"s{n}")) for n in range(writers)]
        looking, relaying = asyncio.ensure_future(read(bus)), asyncio.ensure_future(relay(stores, bus))
        await asyncio.gather(*(write(store, n) for n, store in enumerate(stores)))
        at_work = False
        assert await looking > 0
        await relaying
        for store in stores:
            await relayed(store, bus)
        there = set(await ids(bus))
        lost = [
            n for w in range(writers) for n in range(rounds) if f"{w}/{n}/0" not in there and (n % 5 != 3 or n % 7 == 6)
        ]
        assert not lost


async def test_no_partition_is_locked_before_the_commit(url: str) -> None:
    """A transaction that has said what leaves with it may go on for long, or its process may stop: others do not wait."""
    async with both(url) as (bus, store), store_at(url, bus, "other") as other:
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")])
            await session.fetch("SELECT 1 AS n", {})
            await asyncio.wait_for(leave(other, row("m2", "a")), PATIENCE_S)
        assert await ids(bus) == ["m2", "m1"]


async def test_a_group_misses_nothing_that_is_committed_late(url: str) -> None:
    """It reads on in other partitions while one cannot be seen yet, and then reads that one from its beginning."""
    slow, quick = next(keys_of(1)), next(keys_of(2))
    async with both(url) as (bus, store), store_at(url, bus, "other") as other:
        subscription = bus.subscribe("group", [EVENTS.name], "one")
        await subscription.keep()
        async with gate_closed(url):
            first = asyncio.ensure_future(leave(store, row(HELD, slow)))
            await until_waiting(url, 1)
            await leave(other, row("m2", quick), row("m3", quick))
            early = await polled_until(subscription, 2)
        await first
        late = await polled_until(subscription, 1)
        assert [(r.partition, r.offset) for r in early] == [(2, 1), (2, 2)]
        assert [(r.partition, r.offset) for r in late] == [(1, 1)]
        await subscription.close()


async def polled_until(subscription: Subscription, count: int) -> list[Record]:
    """Poll until so many records came."""
    found: list[Record] = []

    async def enough() -> bool:
        found.extend((await subscription.poll(10)).records)
        return len(found) >= count

    await until(enough, 10.0)
    return found


async def test_a_message_does_not_overtake_a_queued_one_of_its_key(url: str) -> None:
    """A user's transaction has queued a row: until a relay has brought it, later rows of that key go the same way."""
    async with both(url) as (bus, store):
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")], queued=True)
        await leave(store, row("m2", "a"), row("m3", "b"), row("m4", "a", COMMANDS.name))
        assert await ids(bus) == ["m3"] and await ids(bus, COMMANDS) == ["m4"], "another key, or topic, need not wait"
        assert await queue_of(store) == ["m1", "m2"]
        await relayed(store, bus)
        await leave(store, row("m5", "a"))
        assert not await queue_of(store), "the queue is empty again: the next goes straight into the log"
        of_key = [envelope_from_bytes(r.headers).id for r in await records(bus) if r.key == "a"]
        assert of_key == ["m1", "m2", "m5"]


async def test_a_row_that_was_queued_while_its_key_was_waited_for_is_seen(url: str) -> None:
    """The handler's transaction waits for the key; the row that the other one queued is younger than that question."""
    async with both(url) as (bus, store), store_at(url, bus, joins=True) as same:
        async with store.transaction() as session:
            await leave_in(session, [row("m0", "a")], queued=True)
        await relayed(store, bus)  # the key exists, so it can be locked
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")], queued=True)
            await session.fetch("SELECT 1 AS n", {})
            second = asyncio.ensure_future(leave(same, row("m2", "a")))
            await until_waiting(url, 1)
        await asyncio.wait_for(second, PATIENCE_S)
        assert await queue_of(store) == ["m1", "m2"]


async def test_a_row_that_is_queued_after_its_key_was_read_is_not_overtaken(url: str) -> None:
    """A handler's transaction has read the numbers of the key at admission, when nothing was queued, and locks nothing."""
    about = Asked(SERVICE, (), (), (), (), (), sending=["a"])
    async with both(url) as (bus, store), store_at(url, bus, joins=True) as same:
        await leave(store, row("m0", "a"))
        with pytest.raises(StoreContended):
            async with store.transaction() as session:
                await session.read_known(about)
                async with same.transaction() as user:
                    await leave_in(user, [row("m1", "a")], queued=True)
                await leave_in(session, [row("m2", "a")])
        assert await ids(bus) == ["m0"] and await queue_of(store) == ["m1"]
        async with same.transaction() as session:
            await session.read_known(about)
            await leave_in(session, [row("m2", "a"), row("m3", "b")])
        assert sorted(await ids(bus)) == ["m0", "m3"] and await queue_of(store) == ["m1", "m2"]


async def test_within_a_transaction_a_key_keeps_its_way(url: str) -> None:
    """A row that this very transaction has queued is not overtaken either."""
    async with both(url) as (bus, store):
        async with store.transaction() as session:
            await leave_in(session, [row("m1", "a")], queued=True)
            await leave_in(session, [row("m2", "a"), row("m3", "b")])
        assert await ids(bus) == ["m3"] and await queue_of(store) == ["m1", "m2"]


async def test_after_a_restart_it_goes_on(running: tuple[ServerProcess, str], url: str) -> None:
    """The server is killed: what was committed is there, and offsets go on behind it."""
    server, _ = running
    async with both(url) as (_, store):
        await leave(store, row("m1"), row("m2"))
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    async with both(url) as (bus, store):
        await leave(store, row("m3"))
        found = await records(bus)
        assert [r.offset for r in found] == [1, 2, 3] and await ids(bus) == ["m1", "m2", "m3"]


async def test_retention_trims_what_every_group_has_passed(url: str) -> None:
    """The rows of the outbox are those of the log here: a slow group keeps them, the janitor of the outbox has nothing."""
    short = TopicSpec(name="t.short", partitions=1, retention_s=0.0)
    async with bus_at(url, short) as bus, store_at(url, bus) as store:
        fast, slow = (bus.subscribe(group, [short.name], "one") for group in ("fast", "slow"))
        await leave(store, *(row(f"m{n}", f"k{n}", short.name) for n in range(5)))
        polled = []
        for subscription in (fast, slow):
            await subscription.keep()
            polled.append((await subscription.poll(10)).records)
        assert [len(found) for found in polled] == [5, 5]
        fast.done(polled[0])
        slow.done(polled[1][:2])
        await fast.keep()
        await slow.keep()
        await the_time(0.01)
        assert await bus.trim(SystemClock().now_us()) == 2, "records that a group still needs"
        slow.done(polled[1][2:])
        await slow.keep()
        assert await bus.trim(SystemClock().now_us()) == 3
        await leave(store, row("m5", "k5", short.name))
        (last,) = await records(bus, short)
        assert last.offset == 6, "an offset is given once"
        await fast.close()
        await slow.close()


async def test_partitions_of_two_topics_are_locked_in_one_order(url: str) -> None:
    """Two services that write to the same partitions in opposite orders do not wait for each other in a circle."""
    keys = [f"k{n}" for n in range(8)]

    async def write(store: Store, writer: int) -> None:
        rows = [row(f"{writer}", key, topic.name) for topic in (EVENTS, COMMANDS) for key in keys]
        for number in range(30):
            turned = rows if (writer + number) % 2 else rows[::-1]
            async with store.transaction(durable=False) as session:
                await session.outbox.leave([r._replace(id=f"{writer}/{number}/{n}") for n, r in enumerate(turned)])

    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(bus_at(url))
        stores = [await stack.enter_async_context(store_at(url, bus, f"s{n}")) for n in range(4)]
        await asyncio.wait_for(asyncio.gather(*(write(store, n) for n, store in enumerate(stores))), PATIENCE_S * 2)
        assert len(await records(bus)) == len(await records(bus, COMMANDS)) == 4 * 30 * len(keys)


async def test_a_deferred_constraint_is_checked_before_the_log_is_locked(url: str) -> None:
    """It takes locks of its own: checked behind those of the log, two commits could wait for each other."""
    async with both(url) as (bus, store):
        await asked(
            url,
            'CREATE TABLE "shop".part (name TEXT REFERENCES "shop".state DEFERRABLE INITIALLY DEFERRED)',
        )
        async with store.transaction() as session:
            await session.execute("INSERT INTO part VALUES ('a')", {})
            await session.execute("INSERT INTO state VALUES ('a', 1)", {})
            await leave_in(session, [row("m1")])
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            async with store.transaction() as session:
                await session.execute("INSERT INTO part VALUES ('b')", {})
                await leave_in(session, [row("m2")])
        assert await ids(bus) == ["m1"]
        blocker = await asyncpg.connect(url)
        transaction = blocker.transaction()
        await transaction.start()
        await blocker.execute("""UPDATE "shop".state SET name = 'z' WHERE name = 'a'""")

        async def waits() -> None:
            async with store.transaction() as session:
                await session.execute("INSERT INTO part VALUES ('a')", {})
                await leave_in(session, [row("m3")])

        waiting = asyncio.ensure_future(waits())
        await until_waiting(url, 1)
        async with store_at(url, bus, "other") as other:
            await asyncio.wait_for(leave(other, row("m4")), PATIENCE_S)
        await transaction.rollback()
        await blocker.close()
        await asyncio.wait_for(waiting, PATIENCE_S)
        assert await ids(bus) == ["m1", "m4", "m3"]


async def test_readers_are_woken_by_the_commit(url: str) -> None:
    """NOTIFY goes with it, in this process and to others."""
    async with both(url) as (_, store), bus_at(url) as elsewhere:
        bell = Bell()
        subscription = elsewhere.subscribe("group", [EVENTS.name], "one", bell)
        await subscription.keep()
        await subscription.poll(10)
        bell.begin()
        await leave(store, row("m1"))
        await asyncio.wait_for(bell.wait(), PATIENCE_S)
        assert len((await subscription.poll(10)).records) == 1
        await subscription.close()
