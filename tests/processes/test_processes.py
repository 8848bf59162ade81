"""Real processes on one data folder: order under load, take-over after SIGKILL, and a stopped process that wakes up."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.processes.counting import Count, app
from tests.waiting import last_found

from partita import Settings

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(
    data: Path, services: str, roles: str, *, system: str = "counting", **told: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the counting system, or of another, ready; killed at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", f"tests.processes.{system}", str(data), services, roles],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), **{f"COUNTING_{k.upper()}": str(v) for k, v in told.items()}},
    )
    assert child.stdout is not None and child.stdin is not None
    try:
        assert child.stdout.readline() == b"ready\n"
        yield child
    finally:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


async def send(data: Path, keys: int, numbers: range) -> None:
    """Commit events of `keys` keys, each key's numbers in order."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["source"], roles=()):
        for number in numbers:
            await asyncio.gather(*(mine.send(Count(key=f"k{k}", number=number)) for k in range(keys)))


def seen(data: Path) -> list[tuple[str, int, int]]:
    """(key, number, pid) in the order handled."""
    with sqlite3.connect(f"file:{data / 'sink.db'}?mode=ro", uri=True, timeout=10) as db:
        rows = db.execute("SELECT key, number, pid FROM seen ORDER BY seq").fetchall()
    db.close()
    return rows


def wait_for(data: Path, count: int, seconds: float) -> list[tuple[str, int, int]]:
    """The handled messages, as soon as there are `count`."""
    return last_found(lambda: seen(data), seconds, holds=lambda rows: len(rows) >= count)


def inversions(rows: list[tuple[str, int, int]]) -> int:
    """The number of times that a key's number was not the next one."""
    last: dict[str, int] = {}
    wrong = 0
    for key, number, _ in rows:
        wrong += number != last.get(key, -1) + 1
        last[key] = number
    return wrong


def test_two_relays_and_two_consumers_keep_the_order_of_each_key(tmp_path: Path) -> None:
    """20,000 events of 200 keys through two relays and two consumers in processes of their own: no inversion."""
    data = tmp_path / "data"
    with (
        process(data, "source,sink", "relay"),
        process(data, "source,sink", "relay"),
        process(data, "sink", "consumers"),
        process(data, "sink", "consumers"),
    ):
        asyncio.run(send(data, 200, range(100)))
        rows = wait_for(data, 20_000, 600)
    assert len(rows) == 20_000
    assert inversions(rows) == 0
    assert len({pid for _, _, pid in rows}) == 2, "both consumers must have had a share"


def test_a_killed_consumer_is_replaced_within_five_seconds(tmp_path: Path) -> None:
    """Two processes share the group; one is killed under load; no message is lost or handled twice."""
    data = tmp_path / "data"
    with process(data, "source", "relay"), process(data, "sink", "consumers"):
        with process(data, "sink", "consumers") as victim:
            time.sleep(1.5)
            asyncio.run(send(data, 40, range(20)))
            victim.kill()
            killed = time.monotonic()
        asyncio.run(send(data, 40, range(20, 25)))
        rows = wait_for(data, 1_000, 10)
        took = time.monotonic() - killed
    assert len(rows) == 1_000
    assert inversions(rows) == 0
    assert took < 8, "5 s for the take-over, the rest for the load"


def test_a_process_that_stood_still_writes_nothing_when_it_wakes(tmp_path: Path) -> None:
    """SIGSTOP until its lease is gone, then SIGCONT: its successor has handled all messages, and the process must
    notice that."""
    data = tmp_path / "data"
    with process(data, "source", "relay"), process(data, "sink", "consumers") as sleeper:
        asyncio.run(send(data, 40, range(2)))
        wait_for(data, 80, 10)
        os.kill(sleeper.pid, signal.SIGSTOP)
        asyncio.run(send(data, 40, range(2, 4)))
        with process(data, "sink", "consumers"):
            rows = wait_for(data, 160, 15)
            assert len(rows) == 160, "the successor takes over a process that stands still"
            os.kill(sleeper.pid, signal.SIGCONT)
            asyncio.run(send(data, 40, range(4, 8)))
            rows = wait_for(data, 320, 15)
            time.sleep(1.0)
            rows = seen(data)
    assert len(rows) == 320
    assert inversions(rows) == 0


def test_killing_everything_at_random_moments_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Relay and consumer are killed ten times each under load and started again."""
    data = tmp_path / "data"
    total = 0
    for turn in range(10):
        with process(data, "source", "relay") as relay, process(data, "sink", "consumers") as consumer:
            asyncio.run(send(data, 50, range(turn * 4, turn * 4 + 4)))
            total += 200
            (relay if turn % 2 else consumer).kill()
            time.sleep(0.05 * turn)
    with process(data, "source", "relay"), process(data, "sink", "consumers"):
        rows = wait_for(data, total, 30)
    assert len(rows) == total
    assert inversions(rows) == 0


def test_a_message_that_kills_the_process_is_quarantined_after_its_tries(tmp_path: Path) -> None:
    """Its tries are counted before it is decoded, so the process that it kills is not needed to count them."""
    data = tmp_path / "data"

    async def poison() -> None:
        mine = app.configured(Settings(data=data))
        async with mine.running(services=["source"], roles=()):
            await mine.send(Count(key="poison", number=-1))

    deaths = 0
    with process(data, "source", "relay"):
        asyncio.run(send(data, 10, range(2)))
        asyncio.run(poison())
        asyncio.run(send(data, 10, range(2, 4)))
        for _ in range(10):
            with process(data, "sink", "consumers") as consumer:
                rows = wait_for(data, 40, 1.0)
                try:
                    consumer.wait(1.0 if len(rows) < 40 or not deaths else 0.5)
                    deaths += 1
                except subprocess.TimeoutExpired:
                    break
    with sqlite3.connect(f"file:{data / 'sink.db'}?mode=ro", uri=True) as db:
        letters = db.execute("SELECT key, cause_type FROM dead_letter").fetchall()
    db.close()
    assert letters == [("poison", "ProcessDied")]
    assert 4 <= deaths <= 6
    assert len(seen(data)) == 40 and inversions(seen(data)) == 0
