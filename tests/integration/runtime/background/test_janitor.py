"""Rows are deleted when their time is over, however their messages ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partita import Service
from partita.clock import US, SystemClock
from partita.machine.system import this_machine
from partita.runtime.background.janitor import Janitor
from partita.store.connect import connect_store
from partita.store.dead_letters import Failure
from partita.testing.conformance.rows import inbox_row, outbox_row


class AClock(SystemClock):
    """A clock that always shows a day in 2001."""

    def now_us(self) -> int:
        """The time of that day."""
        return 1_000_000_000 * US


async def test_a_failure_of_long_ago_is_forgotten(bank: Any) -> None:
    """Its message succeeded in the end, so no letter deletes the failure with it."""
    async with bank.app.running(roles=()):
        store = bank.app.store("audit")
        now_us = await store.now_us()
        async with store.transaction() as session:
            await session.dead_letters.failed(
                [Failure("audit", f"m{at_us}", at_us, "in place", 1, "E", "e", "f") for at_us in (1, now_us)]
            )
        await Janitor(bank.audit, store).step(0.0)
        async with store.reading() as session:
            left = [await session.dead_letters.failures("audit", f"m{at_us}") for at_us in (1, now_us)]
    assert [len(each) for each in left] == [0, 1]


async def test_what_is_old_is_told_by_the_clock_of_the_store(tmp_path: Path) -> None:
    """A machine's wall clock may be days off: marks of this morning would be deleted."""
    clock = AClock()
    store = connect_store(tmp_path / "s.db", this_machine(clock), service="svc", tables="")
    await store.open()
    service = Service("svc", namespace="janitor.svc")
    young_us, old_us = clock.now_us() - 1, clock.now_us() - round(service.window_s * US) - 2
    async with store.transaction() as session:
        await session.inbox.mark([inbox_row("old", at_us=old_us), inbox_row("young", at_us=young_us)])
        rows = [
            outbox_row("old", at_us=old_us),
            outbox_row("young", at_us=young_us),
            outbox_row("last", at_us=young_us),
        ]
        await session.outbox.add(rows, queued=False)
    await Janitor(service, store).step(0.0)
    async with store.reading() as session:
        marks = await session.inbox.seen("group", ["old", "young"])
        sent = [row["id"] for row in await session.fetch("SELECT id FROM outbox ORDER BY seq", {})]
    await store.close()
    assert (set(marks), sent) == ({"young"}, ["young", "last"])
