"""A wait for a lock names the holder, asks again in time, and gives up; on a clock that the test owns."""

from __future__ import annotations

import logging

import pytest

from partita.clock import Clock
from partita.databases.postgres.lock_waits import ASK_AGAIN_S, SAY_EVERY_S, Holder, Waiting, patiently
from partita.errors import StoreContended, StoreUnavailable

OLD = Holder(4711, "report\nFORGED", "idle in transaction", "client backend", 90.0, "2026-01-01 10:00:00")
YOUNG = Holder(1, "partita", "active", "client backend", 0.01, "2026-01-01 10:01:30")
STRANGE = Holder(2, "theirs", "", "", None, None)
VACUUM = Holder(3, "", "active", "autovacuum worker", 400.0, "2026-01-01 09:00:00")


class Still:
    """A clock that moves only when a test sleeps on it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class World:
    """A table that is held until `free_at`; each attempt takes as long as it may wait."""

    def __init__(self, *held: Holder, free_at: float = float("inf"), whole_s: float = 60.0) -> None:
        self.clock: Still = Still()
        self.held, self.free_at, self.whole_s = held, free_at, whole_s
        self.attempts: list[tuple[float, str]] = []

    async def find_holders(self) -> list[Holder]:
        return list(self.held) if self.clock.now < self.free_at else []

    async def attempt(self, moment: str) -> str:
        self.attempts.append((self.clock.now, moment))
        if self.held and self.clock.now < self.free_at:
            self.clock.now += float(moment.removesuffix("ms")) / 1_000
            raise StoreContended("a lock was not given in time")
        return "done"

    async def run(self) -> str:
        clock: Clock = self.clock  # type: ignore[assignment]  # its two methods that are asked
        return await patiently(clock, Waiting("the change", "here", self.find_holders, self.whole_s), self.attempt)


async def test_a_free_way_is_taken_at_once() -> None:
    world = World()
    assert await world.run() == "done" and world.attempts == [(0.0, "500ms")]


async def test_behind_an_old_transaction_it_asks_seldom_and_briefly_and_goes_on_when_that_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Statements behind a waiting request must wait as well: a tenth of a second in five."""
    world = World(OLD, free_at=12.0)
    with caplog.at_level(logging.WARNING):
        assert await world.run() == "done"
    assert {moment for _, moment in world.attempts[:-1]} == {"100ms"}
    times = [at for at, _ in world.attempts]
    assert all(later - earlier >= ASK_AGAIN_S for earlier, later in zip(times[:-2], times[1:-1], strict=True))
    assert times[-1] < 13.0, "it noticed late that the way was free"
    (said,) = caplog.messages
    assert (
        "the change waits for process 4711 (report\\nFORGED, idle in transaction since 2026-01-01 10:00:00 UTC)" in said
    )


async def test_it_gives_up_with_who_was_in_the_way(caplog: pytest.LogCaptureFixture) -> None:
    world = World(OLD, STRANGE)
    with caplog.at_level(logging.WARNING), pytest.raises(StoreUnavailable) as given_up:
        await world.run()
    assert given_up.value.exit_code == 6 and 60.0 <= world.clock.now < 66.0
    assert "waited 60 s for process 4711 (report" in given_up.value.what and "process 2 (theirs)" in given_up.value.what
    assert 3 <= len(caplog.messages) <= 60 / SAY_EVERY_S + 1


async def test_those_who_come_and_go_are_no_reason_to_wait_long() -> None:
    """Live services hold locks for milliseconds: the wait asks again at once, and for longer."""
    world = World(YOUNG, free_at=2.0)
    assert await world.run() == "done"
    assert {moment for _, moment in world.attempts} == {"500ms"} and world.clock.now < 3.5


async def test_a_vacuum_is_asked_long_enough_to_give_way() -> None:
    world = World(VACUUM, free_at=1.0)
    assert await world.run() == "done" and world.attempts[0] == (0.0, "2500ms")


async def test_a_lock_of_nobody_who_can_be_seen_is_told_too() -> None:
    """A prepared transaction has no process."""
    world = World(whole_s=3.0)

    async def never(moment: str) -> str:
        world.clock.now += 0.5
        raise StoreContended("a lock was not given in time")

    world.attempt = never  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable, match="pg_prepared_xacts"):
        await world.run()


async def test_no_time_means_no_attempt() -> None:
    world = World(OLD, whole_s=0.0)
    with pytest.raises(StoreUnavailable, match="4711"):
        await world.run()
