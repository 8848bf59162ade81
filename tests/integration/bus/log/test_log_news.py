"""The embedded log: a poll returns the findings of a heartbeat, also when another poll comes in between."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from partita.bus.log.bus import LogBus
from partita.bus.port import Outgoing, Polled, TopicSpec
from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake

TOPIC = TopicSpec(name="news", partitions=2)


async def poll_while_the_heartbeat_waits(bus: LogBus, subscription: object) -> Polled:
    """A heartbeat waits for the write lock while a poll passes it; returns the result of the next poll."""
    async with bus._file.writing():
        beat = asyncio.create_task(subscription.keep())  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)
        await subscription.poll(0)  # type: ignore[attr-defined]
    await beat
    return await subscription.poll(0)  # type: ignore[attr-defined,no-any-return]


async def test_partitions_that_came_or_must_go_are_told_although_a_poll_came_in_between(tmp_path: Path) -> None:
    """Without the report a partition is never claimed, or never given back: its records would wait until the next
    start."""
    wake = SocketWake(tmp_path / "wake")
    bus = LogBus(tmp_path / "log.db", this_machine(), wake=wake)
    await bus.open()
    await bus.ensure_topics([TOPIC])
    one = bus.subscribe("group", ["news"], "one")
    two = bus.subscribe("group", ["news"], "two")
    await one.poll(0)
    await two.poll(0)
    told = await poll_while_the_heartbeat_waits(bus, one)
    assert told.revoked == [("news", 1)]
    await one.release(told.revoked)
    told = await poll_while_the_heartbeat_waits(bus, two)
    assert told.assigned == [("news", 1)]
    await one.close()
    await two.close()
    await bus.close()
    wake.close()


async def test_they_are_told_although_a_poll_that_was_to_tell_them_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another program holds the log's file for longer than the poll waits."""
    wake = SocketWake(tmp_path / "wake")
    bus = LogBus(tmp_path / "log.db", this_machine(), wake=wake)
    await bus.open()
    await bus.ensure_topics([TOPIC])
    one = bus.subscribe("group", ["news"], "one")
    await one.keep()

    def locked() -> None:
        raise StoreUnavailable("Another program holds it.")

    with monkeypatch.context() as patched:
        patched.setattr(bus._file, "reading", locked)
        with pytest.raises(StoreUnavailable):
            await one.poll(10)
    assert sorted((await one.poll(10)).assigned) == [("news", 0), ("news", 1)]
    await one.close()
    await bus.close()
    wake.close()


async def test_a_heartbeat_that_was_rolled_back_changes_nothing(tmp_path: Path) -> None:
    """A position that is wrongly taken for written would never be written. A partition that is wrongly reported as
    assigned would be worked on while its lease is free to others."""
    async with opened(tmp_path) as bus:
        one = bus.subscribe("group", ["news"], "one")
        async with refusing(bus, "INSERT ON progress WHEN new.place = 2"):
            with pytest.raises(sqlite3.IntegrityError):
                await one.keep()
        assert not await bus.lag("group"), "nothing is held"
        told = await one.poll(0)
        assert told.assigned == [("news", 0), ("news", 1)], "each once, by the heartbeat that was committed"

        await bus.append([Outgoing("news", "k", b"", b"", "id")])
        one.done((await one.poll(1)).records)
        async with refusing(bus, "UPDATE ON progress"):
            with pytest.raises(sqlite3.IntegrityError):
                await one.keep()
        assert [lag.lag for lag in await bus.lag("group") if lag.lag] == [1]
        await one.keep()
        assert not [lag.lag for lag in await bus.lag("group") if lag.lag], "written with the next heartbeat"
        await one.close()


async def test_a_release_that_was_rolled_back_can_be_made_again(tmp_path: Path) -> None:
    """The partition is still held, and its position is not written."""
    async with opened(tmp_path) as bus:
        one, two = bus.subscribe("group", ["news"], "one"), bus.subscribe("group", ["news"], "two")
        await bus.append([Outgoing("news", f"k{n}", b"", b"", f"id{n}") for n in range(20)])
        records = (await one.poll(100)).records
        await two.poll(0)
        await one.keep()
        revoked = (await one.poll(0)).revoked
        one.done(records)
        async with refusing(bus, "UPDATE ON progress"):
            with pytest.raises(sqlite3.IntegrityError):
                await one.release(revoked)
        await one.release(revoked)
        lags = {(lag.topic, lag.partition): lag for lag in await bus.lag("group")}
        assert revoked == [("news", 1)]
        assert (lags["news", 1].lag, lags["news", 1].owner) == (0, None)
        await one.close()
        await two.close()


async def test_a_release_that_was_rolled_back_is_made_again_by_the_heartbeat(tmp_path: Path) -> None:
    """The caller no longer works on the partition and does not ask again: if it stayed held, no member would read it."""
    async with opened(tmp_path) as bus:
        one, two = bus.subscribe("group", ["news"], "one"), bus.subscribe("group", ["news"], "two")
        await bus.append([Outgoing("news", f"k{n}", b"", b"", f"id{n}") for n in range(20)])
        records = (await one.poll(100)).records
        await two.poll(0)
        await one.keep()
        revoked = (await one.poll(0)).revoked
        one.done(records)
        async with refusing(bus, "UPDATE ON progress"):
            with pytest.raises(sqlite3.IntegrityError):
                await one.release(revoked)
        await one.keep()
        await two.keep()
        polled = await two.poll(100)
        assert (polled.assigned, revoked) == ([("news", 1)], [("news", 1)])
        assert polled.records == [], "its position was written"
        await one.close()
        await two.close()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[LogBus]:
    """A bus with the topic of two partitions."""
    wake = SocketWake(folder / "wake")
    bus = LogBus(folder / "log.db", this_machine(), wake=wake)
    await bus.open()
    await bus.ensure_topics([TOPIC])
    try:
        yield bus
    finally:
        await bus.close()
        wake.close()


@asynccontextmanager
async def refusing(bus: LogBus, event: str) -> AsyncIterator[None]:
    """The database refuses this statement, and with it the transaction that it is part of."""
    async with bus._file.writing() as db:
        db.execute(f"CREATE TRIGGER refusal BEFORE {event} BEGIN SELECT raise(ABORT, 'refused'); END")
    yield
    async with bus._file.writing() as db:
        db.execute("DROP TRIGGER refusal")
