"""The relay on a backlog: it never passes a row of a key, and never marks a row without an answer of the bus."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita.bus.port import Fence, Outgoing, screened
from partita.clock import SystemClock
from partita.errors import BusUnavailable
from partita.machine.system import this_machine
from partita.operators.steering import retry_outbox
from partita.outbox.relay import Relay, RelayOptions
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance.rows import outbox_row


class Bus:
    """Accepts records, and can refuse some, or fail once after a number of records; a test watches each append."""

    def __init__(self, *refused: str, fails_at: int = -1) -> None:
        self.took: list[tuple[str | None, str]] = []
        self.refused, self.fails_at = set(refused), fails_at
        self.appends = 0

    async def meanwhile(self) -> None:
        """An event during an append."""
        await asyncio.sleep(0)

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        self.appends += 1
        await self.meanwhile()
        if self.appends == self.fails_at:
            raise BusUnavailable("not now")
        answers = screened(records, lambda record: "no" if record.id in self.refused else None)
        self.took += [(r.key, r.id) for r, no in zip(records, answers, strict=True) if not no]
        return answers


@asynccontextmanager
async def opened(tmp_path: Path, rows: int) -> AsyncIterator[Store]:
    """A store with a backlog: rows of two keys in turn, all in one slot."""
    store = connect_store(tmp_path / "s.db", this_machine(), service="svc", tables="")
    await store.open()
    await add(store, range(rows))
    try:
        yield store
    finally:
        await store.close()


async def add(store: Store, numbers: Sequence[int]) -> None:
    async with store.transaction() as session:
        made = [outbox_row(f"m{n:03}", slot=0)._replace(aggregateid="ab"[n % 2]) for n in numbers]
        await session.outbox.add(made)


async def pending(store: Store) -> int:
    async with store.reading() as session:
        return (await session.outbox.status()).pending


def relay(store: Any, bus: Any) -> Relay:
    return Relay(store, bus, SystemClock(), "me", RelayOptions(batch=4, lease_tick_s=60.0))


async def drain(store: Store, bus: Any) -> None:
    worker = relay(store, bus)
    for _ in range(20):
        await worker.step(SystemClock().monotonic())
    await worker.stop()


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_rows_of_a_refused_key_do_not_pass(tmp_path: Path, place: int) -> None:
    """A refused row, wherever it is in its batch, waits for a person with the rows behind it. Other keys go on, and
    only the refused row is marked as refused."""
    refused = f"m{4 + place:03}"
    bus = Bus(refused)
    async with opened(tmp_path, 24) as store:
        await drain(store, bus)
        left = await pending(store)
        async with store.reading() as session:
            parked = [row.id for row in await session.outbox.parked()]
            status = await session.outbox.status()
        of_it = [f"m{n:03}" for n in range(place % 2, 24, 2)]
        before = of_it[: of_it.index(refused)]
        assert parked == [refused] and left == status.parked == len(of_it) - len(before)
        assert [name for _, name in bus.took if name in of_it] == before
        assert [name for _, name in bus.took if name not in of_it] == [f"m{n:03}" for n in range(1 - place % 2, 24, 2)]

        bus.refused.clear()
        async with store.transaction() as session:
            await session.outbox.unpark()
        await drain(store, bus)
        assert await pending(store) == 0 and [name for _, name in bus.took if name in of_it] == of_it


@pytest.mark.parametrize("part", ["registry", "bus"])
async def test_a_relay_that_waits_says_so_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, part: str
) -> None:
    """It tries twice a second: a night without the registry or the bus would fill the disk with one sentence."""

    class Away(Bus):
        """Takes nothing."""

        async def meanwhile(self) -> None:
            raise BusUnavailable("not now")

    class Hands(SystemClock):
        """The test moves it."""

        now_s = 0.0

        def monotonic(self) -> float:
            return self.now_s

    clock = Hands()
    async with opened(tmp_path, 1) as store:
        bus: Any = Away()
        worker = Relay(store, bus, clock, "me", RelayOptions(lease_tick_s=600.0))
        if part == "registry":
            worker.why_not = lambda: BusUnavailable("not now")
        for _ in range(250):
            await worker.step(clock.monotonic())
            clock.now_s += 0.5
        await worker.stop()
    assert [record.getMessage() for record in caplog.records] == [
        "relay of svc waits: not now",
        "relay of svc waits: not now (119 times more since this was said last)",
        "relay of svc waits: not now (119 times more since this was said last)",
    ]


async def test_of_several_that_are_refused_each_waits_and_none_of_their_keys_passes(tmp_path: Path) -> None:
    """Both keys have a refused row in the same batch; the second of a key is tried again when the first has left."""
    bus = Bus("m001", "m002", "m003")
    async with opened(tmp_path, 12) as store:
        await drain(store, bus)
        async with store.reading() as session:
            assert [row.id for row in await session.outbox.parked()] == ["m001", "m002"]
        assert [name for _, name in bus.took] == ["m000"]
        bus.refused = {"m003"}
        async with store.transaction() as session:
            await session.outbox.unpark()
        await drain(store, bus)
        async with store.reading() as session:
            assert [row.id for row in await session.outbox.parked()] == ["m003"]


async def test_the_first_of_a_key_that_is_refused_is_handled_first_when_it_leaves(bank: Any) -> None:
    """If the rows behind it had left first, the receiver would begin the key with them, and take this one for an old
    copy."""

    class Small:
        """The app's own bus, behind a limit that refuses."""

        refused = ""

        async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
            large = screened(records, lambda r: "too large" if r.id == self.refused else None)
            going = [record for record, why in zip(records, large, strict=True) if why is None]
            await bank.app.bus.append(going, fences)
            return large

    bank.app = bank.app.configured(replace(bank.app.settings, at_once=False))
    async with bank.app.running(roles=("consumers",)) as system:
        store, bus = system.stores["bank"], Small()
        for cents, name in ((1, "a"), (2, "b"), (3, "a"), (4, "b")):
            await bank.app.send(bank.Deposit(name=name, cents=cents))
        async with store.reading() as session:
            _, first = min(await session.outbox.unsent(range(4), 9), key=lambda slot_and_row: slot_and_row[1].seq)
        bus.refused = first.id
        await drain(store, bus)
        await until_entries(bank, [2, 4])
        bus.refused = ""
        assert await retry_outbox(store, reason="", by="ann") == 1
        await drain(store, bus)
        await until_entries(bank, [2, 4, 1, 3])


async def until_entries(bank: Any, cents: list[int]) -> None:
    entries = "SELECT cents FROM entry ORDER BY rowid"
    rows = await until(lambda: bank.rows("audit", entries), holds=lambda found: len(found) >= len(cents))
    assert [row["cents"] for row in rows] == cents


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_what_has_no_answer_is_sent_again_before_what_is_behind_it(tmp_path: Path, at: int) -> None:
    """The bus fails in the middle of a backlog: nothing is lost, passed or marked."""
    bus = Bus(fails_at=at)
    async with opened(tmp_path, 24) as store:
        await drain(store, bus)
        assert await pending(store) == 0
    assert [name for _, name in bus.took] == [f"m{n:03}" for n in range(24)]
