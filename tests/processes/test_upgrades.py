"""A breaking change deployed under load: the old code is killed, the new code is started on the same data.

On three tiers: files, PostgreSQL with the log in it or in files, PostgreSQL with Kafka.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.processes.test_processes import ROOT
from tests.processes.upgrading import CENTS, MOMENTS, PLACED_V1, Deployed
from tests.servers import kafka_cluster
from tests.waiting import until
from tests.written import written

from partita.observability.letters import letters
from partita.store.dead_letters import LetterFilter

pytestmark = [pytest.mark.slow]
SHORT = "?session.timeout.ms=3000&heartbeat.interval.ms=500"
PLACES = ("in the outbox", "on the topic", "in the parking", "among the dead letters", "in the state of a saga")


class Tier(NamedTuple):
    """The place of the services' data, and of the log; empty = files."""

    data: Path
    store: str
    bus: str

    def deployed(self, version: int) -> Deployed:
        """The shop in that version."""
        return Deployed(self.data, self.store, self.bus, version)

    def process(self, version: int, first: int, *moment: str) -> subprocess.Popen[str]:
        """The shop as a process of its own."""
        words = [str(self.data), self.store, self.bus, str(version), str(first), *moment]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.processes.upgrading", *words],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql", "kafka"])
def tier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tier]:
    """An empty place for each; "relayed" is PostgreSQL with the log in files. A broker of its own, since killed members of a group count until their session ends."""
    if request.param == "sqlite":
        yield Tier(tmp_path, "", "")
        return
    store = str(request.getfixturevalue("database"))
    if request.param != "kafka":
        yield Tier(tmp_path, store, store if request.param == "postgresql" else "")
        return
    with kafka_cluster() as cluster:
        yield Tier(tmp_path, store, cluster.url + SHORT)


def killed_under_load(tier: Tier, version: int, first: int, count: int) -> list[int]:
    """The orders that a process of this version acknowledged before it was killed."""
    child = tier.process(version, first)
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


def killed_at(tier: Tier, version: int, number: int, moment: str) -> None:
    """Let a process send this order and kill itself at that moment."""
    child = tier.process(version, number, moment)
    try:
        child.communicate(timeout=90)
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL, f"version {version} ended by itself: {moment}"


@pytest.mark.timeout(300)
async def test_a_breaking_change_under_load_loses_and_misreads_nothing(tier: Tier) -> None:
    """At each kill, messages of version 1 are in outboxes, on topics, in the parking, among the dead letters and in the states of
    sagas. Afterwards each order is booked and charged once, with the cents that its text said."""
    acknowledged: list[int] = []
    for version in (1, 2):
        for count in (60, 40):
            first = max(acknowledged, default=-1) + 5  # the process may have begun a few more
            acknowledged += killed_under_load(tier, version, first, count)
        if version == 1 and not await _has_letters(tier):
            # On a slow machine each kill may come before a broker gives the second process its partitions.
            killed_at(tier, 1, 10_007, "among the dead letters")

    new = tier.deployed(2)
    async with new.app.running():
        before = await new.rows("books", f"SELECT id FROM dead_letter WHERE type = '{PLACED_V1}'")
        assert before, "no dead letter of version 1 was made"
        assert any(message.type == PLACED_V1 for message in await written(new.app.store("orders")))
        await _is_right(new, acknowledged)


async def _has_letters(tier: Tier) -> bool:
    old = tier.deployed(1)
    async with old.app.running(roles=()):
        return bool(await old.rows("books", f"SELECT id FROM dead_letter WHERE type = '{PLACED_V1}'"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "tier",
    # With the log in the services' database no message of a handler waits in an outbox.
    ["sqlite", *(pytest.param(server, marks=pytest.mark.long) for server in ("relayed", "kafka"))],
    indirect=True,
)
@pytest.mark.parametrize("where", PLACES)
async def test_an_old_message_is_read_wherever_the_kill_left_it(tier: Tier, where: str) -> None:
    """In each of the five places by name: the old process dies the moment that the message is there. The new one dies before the
    commit of its effects and behind it, and a third one ends the work."""
    number = MOMENTS[where].order
    killed_at(tier, 1, number, where)
    await _is_there(tier, where)
    for moment in ("before it is booked", "behind its booking", "before it is charged", "behind its charge"):
        killed_at(tier, 2, -1, moment)
    new = tier.deployed(2)
    async with new.app.running():
        await _is_right(new, [number])


async def _is_there(tier: Tier, where: str) -> None:
    """Check that the place holds a message of version 1, which no process of version 2 has seen."""
    old, moment = tier.deployed(1), MOMENTS[where]
    async with old.app.running(roles=()):
        if moment.service:
            assert await old.rows(moment.service, moment.row), f"nothing is {where}"
            return
        records = [record async for some in old.app.bus.history(["load.order.events"], 0) for record in some]
        assert any(PLACED_V1.encode() in record.headers for record in records), f"nothing is {where}"
        assert not await old.rows("books", "SELECT 1 AS one FROM booked")


async def _is_right(new: Deployed, numbers: list[int]) -> None:
    """Wait until all is done; each of these orders was booked and charged once, rightly, and nothing is dead."""

    async def is_over() -> bool:
        await new.replay()
        open_sagas = [await _open(new, status) for status in ("running", "compensating", "needs_attention")]
        booked = await new.rows("books", "SELECT DISTINCT number FROM booked")
        charged = await new.rows("desk", "SELECT DISTINCT number FROM charged")
        done = {number for (number,) in booked} & {number for (number,) in charged}
        return not any(open_sagas) and {f"o{number}" for number in numbers} <= done

    await until(is_over, 120)
    await new.app.settled(60)
    assert await letters(new.app.system.stores, LetterFilter()) == []
    booked = await new.rows("books", "SELECT number, cents FROM booked")
    charged = await new.rows("desk", "SELECT number, cents, shelf FROM charged")
    assert len(booked) == len(set(booked)) and {cents for _, cents in booked} == {CENTS}
    assert len(charged) == len(set(charged)) and {row[1:] for row in charged} == {(CENTS, 7)}
    assert {number for number, _ in booked} == {number for number, *_ in charged}


async def _open(new: Deployed, status: str) -> list[Any]:
    async with new.app.store("orders").reading() as session:
        return list(await session.sagas.find("Checkout", status, 1))
