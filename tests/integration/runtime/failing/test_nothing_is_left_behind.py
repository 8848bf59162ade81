"""A failure that passes leaves no message behind: the messages in hand are handled without a restart."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.virtual_time import virtually
from tests.waiting import until

from partita import Retry
from partita.bus.port import Outgoing
from partita.errors import StoreUnavailable
from partita.message import envelope_from_bytes, envelope_to_bytes
from partita.runtime.failing.setting_aside import Aside
from partita.store.dead_letters import LetterFilter


async def entries(bank: Any) -> int:
    return len(await bank.rows("audit", "SELECT * FROM entry"))


def failing_once(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    calls: list[int] = []

    async def work(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise StoreUnavailable("the disk is full")
        return await original(*args, **kwargs)

    return work


@pytest.mark.parametrize("what", ["take", "count", "forget"])
@virtually
async def test_a_disk_full_while_writing_down_what_is_in_hand_loses_no_record(bank: Any, what: str) -> None:
    """The bus returns a record once: if it were dropped here, it would wait for the next start, with all records
    behind it."""
    fails = iter([True, False])

    def on_deposit(event: Any) -> None:
        if event.name == "second" and next(fails, False):
            raise LookupError("the first try fails, so that tries are counted")

    bank.on_deposit = on_deposit
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="first", cents=1))
        await bank.app.settled()
        store = system.stores["audit"]
        ledger = store if what == "take" else store.tries
        setattr(ledger, what, failing_once(getattr(ledger, what)))
        await bank.app.send(bank.Deposit(name="second", cents=1))

        async def handled() -> bool:
            return await entries(bank) == 2

        await until(handled)


@virtually
async def test_a_disk_full_while_a_message_is_set_aside_acknowledges_nothing(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 55: the message stays in hand until its dead letter is written, once; meanwhile the group's position does
    not move."""
    writing, full = Aside.bury, asyncio.Event()

    async def bury(self: Aside, *args: Any) -> None:
        await writing(self, *args)
        if not full.is_set():
            raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(Aside, "bury", bury)
    audit = bank.audit
    audit.retry = Retry(permanent=(LookupError,))

    def on_deposit(event: Any) -> None:
        raise LookupError("no retry heals it")

    bank.on_deposit = on_deposit

    async def letters() -> int:
        async with bank.app.store("audit").reading() as session:
            return int(await session.dead_letters.count("audit", LetterFilter()))

    async def behind() -> int:
        return sum(lag.lag for lag in await bank.app.bus.lag("audit") if not lag.topic.endswith(("dlq", "faults")))

    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=1))
        await asyncio.sleep(1.0)  # several tries to write the letter
        assert (await letters(), await behind()) == (0, 1)
        full.set()

        async def written() -> bool:
            return (await letters(), await behind()) == (1, 0)

        await until(written)
        assert len(await bank.rows("audit", "SELECT * FROM failure")) == 1


@virtually
async def test_a_foreign_number_no_store_can_keep_is_quarantined_and_stops_nothing(bank: Any) -> None:
    """2**64-1 fits into an envelope's bytes and into no column: it would fail the batch for ever."""
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="first", cents=1))
        await bank.app.settled()
        async with system.stores["bank"].reading() as session:
            (row,) = await session.fetch("SELECT * FROM outbox", {})
        envelope = envelope_from_bytes(row["headers"])
        bad = msgspec.structs.replace(envelope, id="bad", source="foreign", key_sequence=2**64 - 1)
        good = msgspec.structs.replace(envelope, id="good", source="foreign", key_sequence=1)
        records = [
            Outgoing(row["aggregatetype"], each.id, envelope_to_bytes(each), row["payload"], each.id)
            for each in (bad, good)
        ]
        await system.bus.append(records)

        async def handled() -> bool:
            async with system.stores["audit"].reading() as session:
                return await entries(bank) == 2 and await session.dead_letters.count() == 1

        await until(handled)


@virtually
async def test_a_relay_whose_epochs_went_back_relays_on(bank: Any) -> None:
    """After a power cut or a restore the bus may know a higher epoch than the database: to ask again is not enough."""
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await bank.app.settled()
        store = system.stores["bank"]
        async with store.transaction() as session:
            await session.execute("UPDATE lease SET epoch = 0", {})
        for worker in system.supervisor.workers:
            if worker.worker.name == "relay of bank":
                worker.worker._next_tick = 0.0  # its next step asks for its leases
        await bank.app.send(bank.Deposit(name="ann", cents=2))

        async def handled() -> bool:
            return await entries(bank) == 2

        await until(handled)


@virtually
async def test_what_is_sent_after_a_backup_was_put_back_is_handled(bank: Any, tmp_path: Path) -> None:
    """The numbers of the key are given a second time; the receivers must not take the new messages for the old ones."""
    data = tmp_path / "data"
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await bank.app.settled()
    shutil.copy(data / "bank.db", tmp_path / "backup")
    async with bank.app.running():
        for cents in (2, 3):
            await bank.app.send(bank.Deposit(name="ann", cents=cents))
        await bank.app.settled()
    shutil.copy(tmp_path / "backup", data / "bank.db")
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=77))

        async def handled() -> bool:
            return bool(await bank.rows("audit", "SELECT * FROM entry WHERE cents = 77"))

        await until(handled)


@virtually
async def test_a_disk_full_in_a_handlers_statement_makes_no_dead_letter(bank: Any) -> None:
    """A failure of the world is waited out; it does not count against the message."""
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="first", cents=1))
        await bank.app.settled()
        store: Any = system.stores["audit"]
        async with store.transaction() as session:
            await session.execute("CREATE TABLE big (x)", {})
            await session.execute(
                "CREATE TRIGGER fill AFTER INSERT ON entry BEGIN INSERT INTO big VALUES (zeroblob(5000000)); END", {}
            )
        db = store._file._synced
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages + 50}")
        await bank.app.send(bank.Deposit(name="second", cents=1))

        async def tried_often() -> bool:
            return len(bank.calls) > 8

        await until(tried_often)
        db.execute("PRAGMA max_page_count=1000000")

        async def handled() -> bool:
            return await entries(bank) == 2

        await until(handled)
        async with store.reading() as session:
            assert await session.dead_letters.count() == 0
