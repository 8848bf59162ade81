"""Timers and the backlog of their own service: an answer that lies unread is no silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from partita.runtime.background.timers import BATCH, FIRST_LOOK_S, IN_HAND_US, LOOK_S, Timers, sorted_out
from partita.store.sagas import Due, DueTimer


class Asked:
    """A pipeline whose store remembers up to when it was asked for due timers; it has none."""

    def __init__(self) -> None:
        self.service: Any = self
        self.store: Any = self
        self.sagas: Any = self
        self.name = "asked"
        self.upto: list[int] = []
        self.early = self.rearmed = 0

    async def now_us(self) -> int:
        return 1_000

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[Any]:
        yield self

    async def due(self, now_us: int, limit: int, member: str) -> Due:
        self.upto.append(now_us)
        return Due([], self.early)

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Any]:
        yield self

    async def rearm(self, now_us: int, limit: int) -> int:
        return self.rearmed


async def test_time_passes_as_far_as_the_consumer_has_come() -> None:
    pipeline: Any = Asked()
    behind = [0]
    timers = Timers(pipeline, "one", lambda: behind[0])
    await timers.step(0.0)
    behind[0] = 300
    await timers.step(1.0)
    assert pipeline.upto == [1_000, 700]


async def test_nothing_is_due_before_the_consumer_has_looked_once_but_not_for_ever() -> None:
    """Where other processes hold all partitions, it never will."""
    pipeline: Any = Asked()
    timers = Timers(pipeline, "one", lambda: None)
    await timers.step(5.0)
    await timers.step(5.0 + FIRST_LOOK_S / 2)
    assert pipeline.upto == []
    await timers.step(5.0 + FIRST_LOOK_S)
    assert pipeline.upto == [1_000]


@pytest.mark.parametrize(
    ("early", "rearmed", "next_look"),
    [(0, 0, LOOK_S), (1, 1, LOOK_S), (BATCH, BATCH, 0.0), (BATCH, 0, LOOK_S)],
    ids=["none", "some", "as many as are read at once", "all in the hands of others"],
)
async def test_instances_that_woke_early_hold_up_the_timers_behind_them_no_longer_than_one_look(
    early: int, rearmed: int, next_look: float
) -> None:
    """A thousand may wake early at one time. Those that another process is moving are left for the next look."""
    pipeline: Any = Asked()
    pipeline.early, pipeline.rearmed = early, rearmed
    assert await Timers(pipeline, "one").step(5.0) == 5.0 + next_look


def timer(name: str, others: int, taken_us: int, due_us: int = 1) -> DueTimer:
    return DueTimer("Saga", name, due_us, others, taken_us)


def test_what_a_process_left_in_hand_goes_alone_the_least_suspect_first() -> None:
    """The one that kills must hold up none of those that only were in its company; and none is taken from a process that
    may be at it."""
    due = [
        timer("bad", 3, 0),
        timer("in work", 1, 2),
        timer("fresh", 0, 0),
        timer("late", 1, 0, 9),
        timer("early", 1, 1),
    ]
    fresh, suspects = sorted_out(due, IN_HAND_US + 1)
    assert [each.saga_id for each in fresh] == ["fresh"]
    assert [each.saga_id for each in suspects] == ["early", "late", "bad"]
