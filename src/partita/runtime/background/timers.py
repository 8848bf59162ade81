"""Timers: saga instances that are due by the store's clock move on, each in a transaction with its commands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from partita.clock import US
from partita.errors import PartitaError, StoreMismatch
from partita.runtime.path.pipeline import Pipeline
from partita.runtime.path.users_code import Escaped
from partita.runtime.path.waves import HandlerFailed
from partita.store.sagas import DueTimer
from partita.texts.cause import told_of

BATCH = 100
LOOK_S = 0.25
ASK_AGAIN_S = 1.0
FIRST_LOOK_S = 10.0
IN_HAND_US = 5 * US
"""How long a timer is left to the process that took it in hand. A process that has neither fired it nor given it back by
then counts as dead; if it was only paused, its transaction fails when it resumes."""


class Timers:
    """Fires the timers of one service's sagas. Several processes may do so: the instance's version decides which was first.

    A hook of the saga may kill the process that calls it. So a process that is about to fire timers records them,
    unsynced, and deletes the records in the transaction that fires them. A timer that a process left in hand is fired
    alone; an instance that killed too many processes waits for an operator.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        member: str,
        behind_us: Callable[[], int | None] = lambda: 0,
        unread_us: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`behind_us` returns the lag of the service's consumer in this process; None = not known yet. `unread_us` asks the
        bus for the largest lag of the group's consumers, in any process."""
        self.name = f"timers of {pipeline.service.name}"
        self._pipeline = pipeline
        self._member = member
        self._behind_us = behind_us
        self._unread_us = unread_us
        self._began: float | None = None
        self.fired = 0

    async def step(self, now: float) -> float:
        """Fire at most a batch of due timers, the oldest first; returns when to look again.

        The answer that a timer waits for may be on the bus, unread by this very service: after an hour's stop, in a
        backlog, or in the hands of another process that is paused. So a timer's time passes only as far as this process's
        consumer has read, and before a timer fires, only as far as the whole group has.
        """
        if self._began is None:
            self._began = now
        behind_us = self._behind_us()
        if behind_us is None:
            if now < self._began + FIRST_LOOK_S:
                return now + LOOK_S
            behind_us = 0  # other processes hold all partitions
        store = self._pipeline.store
        now_us = await store.now_us()
        async with store.reading(consistent=False) as session:
            due, early = await session.sagas.due(now_us - behind_us, BATCH, self._member)
        woken = len(due) + early
        if early:
            async with store.transaction(durable=False) as session:
                early = await session.sagas.rearm(now_us - behind_us, BATCH)
        if due and self._unread_us is not None:
            unread_us = await self._unread_us()
            due = [timer for timer in due if timer.due_us <= now_us - unread_us]
            if not due:
                return now + ASK_AGAIN_S
        fresh, suspects = sorted_out(due, now_us)
        if fresh:
            await self._fire(fresh)
        for timer in suspects:
            await self._fire_alone(timer)
        return now if woken == BATCH and (fresh or suspects or early) else now + LOOK_S

    async def stop(self) -> None:
        """Do nothing: timers are rows, and nothing is held here."""

    async def _fire_alone(self, timer: DueTimer) -> None:
        """Fire it alone, so that a process killed from outside counts against one instance and not all it had in hand."""
        if timer.others > self._pipeline.service.retry.in_place:
            why = f"its timer kills the process: {timer.others} had it in hand, and none came back from it"
            await self._stop(timer, why)
        else:
            await self._fire([timer])

    async def _fire(self, due: Sequence[DueTimer]) -> None:
        """Fire these in one transaction. If one fails, each gets a transaction of its own, so that it holds up no other."""
        store = self._pipeline.store
        now_us = await store.now_us()
        async with store.transaction(durable=False) as session:
            await session.sagas.take_timers(due, self._member, now_us)
        try:
            self.fired += await self._together(due)
            return
        except Exception as error:
            async with store.transaction(durable=False) as session:
                await session.sagas.give_timers_back(due, self._member)
            if isinstance(error, PartitaError) and (error.retryable or isinstance(error, StoreMismatch)):
                raise
            cause = error.error if isinstance(error, (HandlerFailed, Escaped)) else error
        if len(due) == 1:
            # It fails as it would in a hook of the saga: again and again.
            await self._stop(due[0], f"its timer failed: {told_of(cause)}")
        else:
            for each in due:
                await self._fire([each])

    async def _together(self, due: Sequence[DueTimer]) -> int:
        named = [(timer.saga, timer.saga_id) for timer in due]
        async with self._pipeline.units.begin() as work:
            await work.sagas.load_ids(_by_saga(due))
            unsent = await work.sagas.unsent(named)
            handlings = [
                handling for saga, id_ in named if (handling := work.sagas.fire(saga, id_, unsent)) is not None
            ]
            await work.leave(handlings)
            await work.session.sagas.settle_timers(due)
        return len(handlings)

    async def _stop(self, timer: DueTimer, why: str) -> None:
        async with self._pipeline.units.begin() as work:
            await work.sagas.load_ids(_by_saga([timer]))
            work.sagas.stop(timer.saga, timer.saga_id, why)
            await work.session.sagas.settle_timers([timer])


def sorted_out(due: Sequence[DueTimer], now_us: int) -> tuple[list[DueTimer], list[DueTimer]]:
    """Split the due timers: those that no process had in hand go together; those that a dead process left go alone, the
    least suspect first, so that a killer holds up none of them. A timer in another process's hands is in neither."""
    fresh = [timer for timer in due if not timer.others]
    left = [timer for timer in due if timer.others and timer.taken_us + IN_HAND_US <= now_us]
    return fresh, sorted(left, key=lambda timer: (timer.others, timer.due_us))


def _by_saga(due: Sequence[DueTimer]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for timer in due:
        wanted.setdefault(timer.saga, []).append(timer.saga_id)
    return wanted
