"""Rows are deleted when their time is over, however their messages ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partita import Service
from partita.clock import US, SystemClock
from partita.machine.system import this_machine
from partita.message import SagaAddress
from partita.runtime.background.janitor import EARLY_KEPT_S, Janitor
from partita.store.connect import connect_store
from partita.store.dead_letters import Failure
from partita.store.tombstones import Tombstone
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


async def test_a_cancellation_without_a_start_is_forgotten_after_a_week(bank: Any) -> None:
    """A customer withdraws much that never became an order. The week is counted to the newest mark: while all processes are
    stopped nothing is forgotten, and a start that waited meanwhile finds its cancellation."""
    async with bank.app.running(roles=()):
        store = bank.app.store("audit")
        now_us = await store.now_us()
        ages_s = {"new": 60.0, "young": EARLY_KEPT_S - 60, "old": EARLY_KEPT_S + 60}
        rows = [
            Tombstone(SagaAddress("Checkout", name, "", 0, "undo"), now_us - round(age_s * US), b"Withdrawn")
            for name, age_s in ages_s.items()
        ]
        step = Tombstone(SagaAddress("Checkout", "old", "reserve", 1, "undo"), 1, b"reply")
        keys = [("Checkout", name, "") for name in ages_s] + [("Checkout", "old", "reserve")]

        async def kept() -> set[str]:
            async with store.reading() as session:
                return {f"{saga_id} {step}".strip() for _, saga_id, step in await session.tombstones.find(keys)}

        async with store.transaction() as session:
            await session.tombstones.add([*rows, step])
            await session.inbox.mark([inbox_row("last week", at_us=now_us - round(EARLY_KEPT_S * US))])
        await Janitor(bank.audit, store).step(0.0)
        assert await kept() == {"new", "young", "old", "old reserve"}
        async with store.transaction() as session:
            await session.inbox.mark([inbox_row("today", at_us=now_us)])
        await Janitor(bank.audit, store).step(0.0)
        assert await kept() == {"new", "young", "old reserve"}
