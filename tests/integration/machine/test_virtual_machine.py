"""The unmodified runtime in a world of its own: the same seed leaves the same bytes, and many processes fit in one loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.integration.machine.virtual_checkouts import PlaceOrder, digest_of, orders, stock

from partita import App, Settings
from partita.machine.system import this_machine
from partita.machine.virtual import World

ORDERS = 200
SEEDS = 20 if os.environ.get("PARTITA_LONG") else 6
HASHES = (1, 6)
"""Of many runs two are enough: these turn those pairs of topics round that are woken together."""
WITHIN_S = 600


def digests(seeds: int, orders: int, hash_seed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.machine.virtual_checkouts", str(seeds), str(orders)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )


@pytest.mark.timeout(WITHIN_S)
@pytest.mark.parametrize(
    ("seeds", "count", "hashes"),
    [
        (2, 40, (1, 2, 3)),
        pytest.param(1, ORDERS, HASHES, marks=pytest.mark.slow),
        pytest.param(SEEDS, ORDERS, HASHES, marks=pytest.mark.slow),
    ],
    ids=["few", "one", "many"],
)
def test_a_seed_leaves_the_same_bytes_whatever_the_order_of_sets(seeds: int, count: int, hashes: Sequence[int]) -> None:
    """A run that failed must fail again: no step may depend on hashes, threads, process numbers or the day."""
    running = [digests(seeds, count, str(each)) for each in hashes]
    one, *others = [process.communicate()[0] for process in running]
    assert all(other == one for other in others)
    assert len({line.split()[1] for line in one.splitlines()}) == seeds, "each seed is another run"


@pytest.mark.parametrize("real", [True, False], ids=["this machine", "a world"])
async def test_two_apps_of_one_folder_run_in_one_loop(tmp_path: Path, real: bool) -> None:
    """A task that waits for the turn at a file must not hold up the task that has it."""
    world = World()
    apps = [
        App(orders, stock, settings=Settings(data=tmp_path), machine=this_machine() if real else world.machine())
        for _ in range(2)
    ]
    async with apps[0].running(), apps[1].running(roles=()):
        sending = (apps[n % 2].send(PlaceOrder(order_id=str(n))) for n in range(40))
        answers = await asyncio.wait_for(asyncio.gather(*sending), 30)
    assert {answer.order_id for answer in answers} == {str(n) for n in range(40)}


def test_the_digest_sees_each_row(tmp_path: Path) -> None:
    """Otherwise equal digests would prove nothing."""
    import sqlite3

    found = []
    for value in (1, 2):
        db = sqlite3.connect(tmp_path / "a.db")
        db.execute("CREATE TABLE IF NOT EXISTS t (x)")
        db.execute("INSERT INTO t VALUES (?)", (value,))
        db.commit()
        db.close()
        found.append(digest_of(tmp_path))
    assert len(set(found)) == 2
