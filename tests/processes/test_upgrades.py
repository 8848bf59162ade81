"""A breaking change deployed under load: the old code is killed, the new code is started on the same data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.processes.test_processes import ROOT
from tests.processes.upgrading import CENTS, Deployed
from tests.waiting import until

from partita.observability.letters import letters
from partita.store.dead_letters import LetterFilter

pytestmark = [pytest.mark.slow]


def killed_under_load(data: Path, store: str, version: int, first: int, count: int) -> list[int]:
    """The orders that a process of this version acknowledged before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.upgrading", str(data), store, str(version), str(first)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: list[int] = []
    try:
        assert child.stdout is not None
        while len(found) < count:
            line = child.stdout.readline()
            assert line, f"version {version} ended by itself with {child.wait()}"
            found.append(int(line))
    finally:
        child.kill()
        rest, _ = child.communicate()
    return [*found, *(int(line) for line in rest.split())]


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> str:
    """The place of services' data: the URL of a fresh database, or nothing for files."""
    return str(request.getfixturevalue("database")) if request.param == "postgresql" else ""


@pytest.mark.timeout(240)
async def test_a_breaking_change_under_load_loses_and_misreads_nothing(tmp_path: Path, store: str) -> None:
    """At each kill, messages of version 1 are in outboxes, on topics, in the parking, among the dead letters and in the states of
    sagas. Afterwards each order is booked and charged once, with the cents that its text said."""
    acknowledged: list[int] = []
    for version, count in ((1, 60), (1, 40), (2, 60), (2, 40)):
        first = max(acknowledged, default=-1) + 5  # the process may have begun a few more
        acknowledged += killed_under_load(tmp_path, store, version, first, count)

    new = Deployed(tmp_path, store, 2)
    async with new.app.running():
        assert await new.app.system.bus.identity()
        before = await new.rows("books", "SELECT id FROM dead_letter WHERE type = 'load.order.v1.OrderPlaced'")
        assert before, "no dead letter of version 1 was made"
        placed = await new.rows("orders", "SELECT id FROM outbox WHERE type = 'load.order.v1.OrderPlaced'")

        async def is_over() -> bool:
            await new.replay()
            open_sagas = [await _open(new, status) for status in ("running", "compensating", "needs_attention")]
            booked = await new.rows("books", "SELECT DISTINCT number FROM booked")
            charged = await new.rows("desk", "SELECT DISTINCT number FROM charged")
            done = {number for (number,) in booked} & {number for (number,) in charged}
            return not any(open_sagas) and {f"o{number}" for number in acknowledged} <= done

        await until(is_over, 120)
        await new.app.settled(60)
        assert await letters(new.app.system.stores, LetterFilter()) == []
        booked = await new.rows("books", "SELECT number, cents FROM booked")
        charged = await new.rows("desk", "SELECT number, cents, shelf FROM charged")
    assert len(booked) == len(set(booked)) and {cents for _, cents in booked} == {CENTS}
    assert len(charged) == len(set(charged)) and {row[1:] for row in charged} == {(CENTS, 7)}
    assert {number for number, _ in booked} == {number for number, *_ in charged}
    assert placed, "no order of version 1 was written"


async def _open(new: Deployed, status: str) -> list[Any]:
    async with new.app.store("orders").reading() as session:
        return list(await session.sagas.find("Checkout", status, 1))
