"""The relay on a backlog: it never passes a row of a key, nor marks what the bus has not answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from partita.bus.port import Fence, Outgoing
from partita.clock import SystemClock
from partita.errors import BusUnavailable
from partita.machine.system import this_machine
from partita.outbox.relay import Relay, RelayOptions
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance.rows import outbox_row


class Bus:
    """Takes records, and can refuse one, or fail once when it has taken so many; a test looks on at each append."""

    def __init__(self, refused: str = "", fails_at: int = -1) -> None:
        self.took: list[tuple[str | None, str]] = []
        self.refused, self.fails_at = refused, fails_at
        self.appends = 0

    async def meanwhile(self) -> None:
        """What happens while an append is on its way."""
        await asyncio.sleep(0.01)

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        self.appends += 1
        await self.meanwhile()
        if self.appends == self.fails_at:
            raise BusUnavailable("not now")
        answers = ["no" if record.id == self.refused else None for record in records]
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


async def test_rows_of_a_refused_key_do_not_pass(tmp_path: Path) -> None:
    """It and what stands behind it wait for a person; other keys flow."""
    bus = Bus(refused="m003")
    async with opened(tmp_path, 24) as store:
        await drain(store, bus)
        left = await pending(store)
    of_b = [name for key, name in bus.took if key == "b"]
    assert of_b == ["m001"], "what stands behind a refused row waits with it"
    assert [name for key, name in bus.took if key == "a"] == [f"m{n:03}" for n in range(0, 24, 2)]
    assert left == 11


@pytest.mark.parametrize("at", [1, 2, 3])
async def test_what_has_no_answer_is_sent_again_before_what_is_behind_it(tmp_path: Path, at: int) -> None:
    """The bus fails in the middle of a backlog: nothing is lost, passed or marked."""
    bus = Bus(fails_at=at)
    async with opened(tmp_path, 24) as store:
        await drain(store, bus)
        assert await pending(store) == 0
    assert [name for _, name in bus.took] == [f"m{n:03}" for n in range(24)]
