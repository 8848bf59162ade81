"""The process dies at every durable step of a checkout, and at every pair of them; the same folder goes on.

A kill is an exception that no code catches, raised just before or just after a commit of any file. From then on every
further write of this process is refused as well, as after a SIGKILL. Case 30 whole, all pairs: PARTITA_LONG=1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.entries import entries
from tests.integration.sagas.test_saga_runs import Shop
from tests.virtual_time import virtually
from tests.waiting import until

from partita import App
from partita.databases.sqlite.file import SqliteFile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAIRS = 60  # of some thousand, in the default run
PATIENCE_S = 60.0
KEY = "ann"


class Killed(BaseException):
    """The process is dead."""


class Kills:
    """Counts the durable steps of all files and kills at the given one; `steps` is their number."""

    def __init__(self) -> None:
        self.at = -1
        self.steps = 0
        self.dead = asyncio.Event()

    def begin(self, at: int) -> None:
        """Start a process that dies at this step (-1: never)."""
        self.at, self.steps = at, 0
        self.dead = asyncio.Event()

    def step(self) -> None:
        """One durable step."""
        if self.dead.is_set():
            raise Killed
        if self.steps == self.at:
            self.dead.set()
            raise Killed
        self.steps += 1


@pytest.fixture
def kills(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kills]:
    """Kills for every file of the process."""
    found = Kills()
    real = SqliteFile.writing

    @asynccontextmanager
    async def writing(self: SqliteFile, *, synced: bool = True) -> AsyncIterator[sqlite3.Connection]:
        async with real(self, synced=synced) as connection:
            yield connection
            found.step()  # the transaction is written, and not committed
        found.step()  # it is committed, and this process has not learned of it

    monkeypatch.setattr(SqliteFile, "writing", writing)
    yield found


async def lives(data: Path, kills: Kills, at: int) -> int:
    """One life of the process: place the order, then work until it is decided or the process dies. Returns its steps."""
    shop = Shop(data, time_scale=1.0)

    async def work() -> None:
        await shop.app.send(shop.Place(id=KEY), idempotency_key=KEY)
        await until(lambda: decided(shop), PATIENCE_S)

    return await one_life(shop.app, work, kills, at)


async def one_life(app: App, work: Callable[[], Awaitable[None]], kills: Kills, at: int) -> int:
    """One life of a process: it runs the app until this work is done or the process dies. Returns its durable steps."""
    kills.begin(at)
    context = app.running()

    async def live() -> None:
        await context.__aenter__()
        await work()

    task, dying = asyncio.create_task(live()), asyncio.create_task(kills.dead.wait())
    await asyncio.wait([task, dying], return_when=asyncio.FIRST_COMPLETED)
    if not kills.dead.is_set():
        await task
        dying.cancel()
        kills.at = -1
        await context.__aexit__(None, None, None)
        return kills.steps
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # a dead process raises no errors
    others = asyncio.all_tasks() - {asyncio.current_task()}
    while others:  # again: Python 3.11 loses a cancellation that meets the end of the awaited task
        for other in others:
            other.cancel()
        _, others = await asyncio.wait(others, timeout=0.05)
    with contextlib.suppress(Killed, Exception):
        await context.gen.aclose()  # type: ignore[attr-defined]
    return kills.steps


async def decided(shop: Shop) -> bool:
    """The saga has ended and no message waits to leave; `settled` would wait for positions written twice a second."""
    status = await shop.fetch("orders", "SELECT count(*) FROM saga WHERE status = 'completed'")
    waiting = [await shop.fetch(name, "SELECT count(*) FROM outbox_queue") for name in ("orders", "stock", "bank")]
    return status == [(1,)] and waiting == [[(0,)]] * 3


async def proven(data: Path) -> None:
    """One reservation, one charge, one confirmation, no undo, no timer fired, no message waits."""
    shop = Shop(data, time_scale=1.0)
    async with shop.app.running():
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(1,)]
        assert await shop.fetch("bank", "SELECT count(*), sum(cents) FROM move") == [(1, 1)]
        assert (await shop.saga(KEY)).status == "completed"
        sent = "SELECT type, count(*) FROM outbox GROUP BY type ORDER BY type"
        assert await shop.fetch("orders", sent) == [
            ("sr.bank.v1.Charge", 1),
            ("sr.order.v1.Confirm", 1),
            ("sr.order.v1.Confirmed", 1),
            ("sr.order.v1.Placed", 1),
            ("sr.stock.v1.Reserve", 1),
        ]
        kinds = {entry.kind for entry in await entries(shop.app.store("orders"))}
        assert "timeout" not in kinds and "completed" in kinds
        assert await shop.fetch("orders", "SELECT due_us FROM saga") == [(None,)]
        for service in ("orders", "stock", "bank"):
            assert await shop.fetch(service, "SELECT count(*) FROM outbox_queue") == [(0,)]
            assert await shop.fetch(service, "SELECT count(*) FROM dead_letter") == [(0,)]


async def prepared(tmp_path: Path) -> Path:
    """A folder in which the system has started and stopped once."""
    data = tmp_path / "fresh"
    async with Shop(data, time_scale=1.0).app.running():
        pass
    return data


def copied(fresh: Path, to: Path) -> Path:
    """A copy of a folder."""
    shutil.copytree(fresh, to)
    return to


@pytest.mark.parametrize(
    "of_three", [(0,), pytest.param((1, 2), marks=pytest.mark.long)], ids=["each third", "the others"]
)
@virtually
async def test_a_kill_at_every_durable_step_loses_and_repeats_nothing(
    of_three: Sequence[int], tmp_path: Path, kills: Kills
) -> None:
    """Also around the transaction of a reply, where a timer is cancelled and the next one armed: none fires. The two cases
    together kill at every step."""
    fresh = await prepared(tmp_path)
    steps = await lives(copied(fresh, tmp_path / "whole"), kills, -1)
    await proven(tmp_path / "whole")
    assert steps > 50
    for at in (step for step in range(steps) if step % 3 in of_three):
        data = copied(fresh, tmp_path / f"kill-{at}")
        await lives(data, kills, at)
        await lives(data, kills, -1)
        await proven(data)


@pytest.mark.long
@virtually
async def test_a_kill_while_the_folder_is_set_up_leaves_one_that_works(tmp_path: Path, kills: Kills) -> None:
    """Tables, schemas, topics, claims: half of them exist."""
    steps = await lives(tmp_path / "whole", kills, -1)
    for at in range(0, steps, 5):
        data = tmp_path / f"kill-{at}"
        await lives(data, kills, at)
        await lives(data, kills, -1)
        await proven(data)


@pytest.mark.long
@virtually
async def test_every_pair_of_kills_loses_and_repeats_nothing(tmp_path: Path, kills: Kills) -> None:
    """The second kill hits the recovery from the first."""
    fresh = await prepared(tmp_path)
    steps = await lives(copied(fresh, tmp_path / "whole"), kills, -1)
    pairs = [(first, second) for first in range(steps) for second in range(steps)]
    if not os.environ.get("PARTITA_LONG"):
        pairs = random.Random(30).sample(pairs, PAIRS)
    for first, second in pairs:
        data = copied(fresh, tmp_path / f"kill-{first}-{second}")
        await lives(data, kills, first)
        await lives(data, kills, second)
        await lives(data, kills, -1)
        await proven(data)
