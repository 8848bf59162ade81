"""Waking: no ring is lost between a worker's last read and its wait, and the table of reasons is true."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from partita import bell as module
from partita.bell import Bell, Reason
from partita.machine.virtual import HeldClock
from partita.runtime.background.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[4]
SOURCE = ROOT / "src/partita"
RINGS = re.compile(r"\.ring(?:\(|, )\"(\w+)\"")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \|", re.M)


class Reader:
    """Reads what waits, and after the read, still within its step, something comes and the bell is rung."""

    name = "reader"

    def __init__(self, bell: Bell, reason: Reason) -> None:
        self.bell, self.reason = bell, reason
        self.waiting: list[int] = []
        self.handled: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self.steps = 0

    async def step(self, now: float) -> float:
        """Read; the first time something comes directly afterwards."""
        found, self.waiting = self.waiting, []
        self.steps += 1
        if self.steps == 1:
            self.waiting.append(1)
            self.bell.ring(self.reason)
        elif found:
            self.handled.set_result(found)
        return now + 60.0

    async def stop(self) -> None:
        """It holds nothing."""


@pytest.mark.parametrize("reason", get_args(Reason))
async def test_a_ring_between_the_last_read_and_the_wait_is_kept(reason: Reason) -> None:
    """The clock does not move: without the ring the worker would wait for ever, and `app.send` with it."""
    bell = Bell()
    supervisor, worker = Supervisor(HeldClock()), Reader(bell, reason)
    supervisor.add(worker, bell=bell)
    supervisor.start()

    done, _ = await asyncio.wait([worker.handled], timeout=5)

    await supervisor.stop()
    assert done, "the ring was lost"
    assert worker.steps == 2, "one ring is one more step"


async def test_a_ring_during_the_wait_ends_it() -> None:
    bell, clock = Bell(), HeldClock()
    resting = asyncio.create_task(clock.rest(bell, 60.0))
    while not clock.waits:
        await asyncio.sleep(0)

    bell.ring("records")

    await resting
    assert bell.is_rung
    bell.begin()
    assert not bell.is_rung


async def test_a_reason_is_kept_until_it_is_taken_once() -> None:
    """A step may fail before it comes to the work of a reason: the next step does that work."""
    bell = Bell()
    bell.ring("ready")
    bell.ring("records")
    bell.begin()

    assert bell.take("ready")
    assert not bell.take("ready")
    bell.ring("ready")
    assert bell.take("ready"), "rung during the work, it is another reason"


def rung_in(source: Path) -> Iterator[tuple[str, str]]:
    """Each reason with each file that rings for it."""
    for path in source.rglob("*.py"):
        for reason in RINGS.findall(path.read_text(encoding="utf-8")):
            yield reason, path.relative_to(source).as_posix()


def test_the_table_of_reasons_names_each_place_that_rings() -> None:
    """One file answers which worker each reason wakes; an answer that is not true is worse than none."""
    told = [(reason, place) for reason, cell in ROW.findall(module.__doc__ or "") for place in cell.split(", ")]
    inside = {pair for pair in rung_in(SOURCE) if not pair[1].startswith(("testing/", "examples/"))}
    assert sorted(told) == sorted((reason, f"`{place}`") for reason, place in inside)
    assert {reason for reason, _ in told} == set(get_args(Reason))
