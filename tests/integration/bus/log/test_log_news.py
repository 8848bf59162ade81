"""The embedded log: what a heartbeat finds out is told, also when a poll comes in between."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from partita.bus.log.bus import LogBus
from partita.bus.port import Polled, TopicSpec
from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.machine.wake import SocketWake

TOPIC = TopicSpec(name="news", partitions=2)


async def poll_while_the_heartbeat_waits(bus: LogBus, subscription: object) -> Polled:
    """A heartbeat stands at the write lock, a poll passes it; returns what the next poll tells."""
    async with bus._file.writing():
        beat = asyncio.create_task(subscription.keep())  # type: ignore[attr-defined]
        await asyncio.sleep(0.01)
        await subscription.poll(0)  # type: ignore[attr-defined]
    await beat
    return await subscription.poll(0)  # type: ignore[attr-defined,no-any-return]


async def test_partitions_that_came_or_must_go_are_told_although_a_poll_came_in_between(tmp_path: Path) -> None:
    """Untold, a partition is never claimed, or never given back: its records would wait until the next start."""
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
    """As where another program holds the log's file for longer than it is waited for."""
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
