"""The process dies at durable steps of a ride whose driver answers later, and of one that is undone meanwhile."""

from __future__ import annotations

import contextlib
import random
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.integration.runtime.test_every_kill import Kills, kills, one_life  # noqa: F401  # kills is a fixture
from tests.integration.waiting.rides import Rides
from tests.virtual_time import virtually
from tests.waiting import until

from partita import Conflict, minutes, seconds
from partita.errors import Overtaken

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KILLS = 25  # of the steps, in each of the three lives
Life = Callable[[Rides], Awaitable[None]]


async def taken(rides: Rides) -> None:
    """The offer is accepted by the first tap that comes through; a tap after a crash is the same one."""
    await rides.app.send(rides.Ask(ride="r1"), idempotency_key="r1")
    await until(lambda: rides.rows("dispatch", "SELECT ride FROM offer"))
    await rides.app.send(rides.Accept(ride="r1", driver="dan"), idempotency_key="tap")
    await until(lambda: rides.saga("r1"), holds=lambda found: found == "completed")


async def undone(rides: Rides) -> None:
    """No driver answers until the saga has turned back; the tap comes after it."""
    await rides.app.send(rides.Ask(ride="r1"), idempotency_key="r1")
    await until(lambda: rides.saga("r1"), holds=lambda found: found == "undone")
    if await rides.rows("dispatch", "SELECT ride FROM offer"):
        with contextlib.suppress(Overtaken):
            await rides.app.send(rides.Accept(ride="r1", driver="dan"), idempotency_key="tap")


async def raced(rides: Rides) -> None:
    """The tap comes at the moment of the timeout: either of them is first."""
    await rides.app.send(rides.Ask(ride="r1"), idempotency_key="r1")
    await until(lambda: rides.saga("r1"), holds=lambda found: found not in ("", "running"))
    if await rides.rows("dispatch", "SELECT ride FROM offer"):
        with contextlib.suppress(Conflict):
            await rides.app.send(rides.Accept(ride="r1", driver="dan"), idempotency_key="tap")
    await until(lambda: rides.saga("r1"), holds=lambda found: found in ("undone", "completed"))


async def proven(data: Path, timeout: float) -> None:
    """One offer, at most one answer, no assignment where the ride is called off, and one where it is not; nothing waits."""
    rides = Rides(data, timeout=timeout)
    async with rides.app.running():
        status = await rides.saga("r1")
        found = await rides.rows("dispatch", "SELECT state FROM pending")
        offers = await rides.rows("dispatch", "SELECT ride FROM offer")
        assert len(found) == len(offers) <= 1
        state = found[0][0] if found else "undone"  # the undo came before its command
        answers = await rides.answers()
        assigned = await rides.rows("dispatch", "SELECT driver FROM assigned")
        taken_back = await rides.rows("dispatch", "SELECT driver FROM undone")
        if status == "completed":
            assert (state, len(answers), assigned, taken_back) == ("answered", 1, [("dan",)], [])
        else:
            assert status == "undone" and assigned == []
            assert (state, len(answers), taken_back) in (("undone", 0, []), ("answered", 1, [("dan",)]))
        for service in ("trips", "dispatch"):
            assert await rides.rows(service, "SELECT count(*) FROM dead_letter") == [(0,)]


@pytest.mark.parametrize(
    ("life", "timeout"),
    [(taken, minutes(5)), (undone, seconds(1)), (raced, seconds(1))],
    ids=["taken", "undone", "raced"],
)
@virtually
async def test_a_kill_at_a_durable_step_keeps_one_answer(
    tmp_path: Path,
    kills: Kills,  # noqa: F811
    life: Life,
    timeout: float,  # of the saga's step
) -> None:
    fresh = tmp_path / "fresh"
    async with Rides(fresh, timeout=timeout).app.running():
        pass

    async def lived(data: Path, at: int) -> int:
        rides = Rides(data, timeout=timeout)
        return await one_life(rides.app, lambda: life(rides), kills, at)

    whole = tmp_path / "whole"
    shutil.copytree(fresh, whole)
    steps = await lived(whole, -1)
    await proven(whole, timeout)
    assert steps > 10
    for at in sorted(random.Random(7).sample(range(steps), min(steps, KILLS))):
        data = tmp_path / f"at {at}"
        shutil.copytree(fresh, data)
        await lived(data, at)
        await lived(data, -1)
        await proven(data, timeout)
        shutil.rmtree(data)
