"""Timers: saga instances whose time has come by the store's clock move on, each in a transaction with its commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from partita.cause import told_of
from partita.errors import PartitaError, StoreMismatch
from partita.outbox.outbox import Composer, Leaving
from partita.runtime.delivery import Unit
from partita.runtime.driving import Escaped
from partita.runtime.pipeline import Pipeline, composed
from partita.runtime.saga_steps import SagaBatch
from partita.runtime.waves import HandlerFailed
from partita.store.port import Session

BATCH = 100
LOOK_S = 0.25
FIRST_LOOK_S = 10.0


class Timers:
    """Fires the timers of one service's sagas. Several processes may: the instance itself says who was first."""

    def __init__(self, pipeline: Pipeline, behind_us: Callable[[], int | None] = lambda: 0) -> None:
        """`behind_us` says how far the service's consumer in this process is behind; None = it does not know yet."""
        self.name = f"timers of {pipeline.service.name}"
        self._pipeline = pipeline
        self._behind_us = behind_us
        self._began: float | None = None
        self.fired = 0

    async def step(self, now: float) -> float:
        """Fire at most a batch of due timers, the oldest first; returns when to look again.

        The answer that a timer waits for may lie on the bus, unread by this very service: after an hour's stop, or in a
        backlog. So time passes here as far as the consumer has come.
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
            due = await session.sagas.due(now_us - behind_us, BATCH)
        if not due:
            return now + LOOK_S
        await self._fire(due, now_us)
        return now if len(due) == BATCH else now + LOOK_S

    async def stop(self) -> None:
        """Timers are rows: nothing is held here."""

    async def _fire(self, due: Sequence[tuple[str, str]], now_us: int) -> None:
        """Fire these in one transaction. If one fails each has a transaction of its own, so that it holds up nobody."""
        try:
            self.fired += await self._together(due, now_us)
        except Exception as error:
            if isinstance(error, PartitaError) and (error.retryable or isinstance(error, StoreMismatch)):
                raise
            cause = error.error if isinstance(error, (HandlerFailed, Escaped)) else error
            if len(due) == 1:
                await self._stop(*due[0], cause, now_us)
            else:
                for each in due:
                    await self._fire([each], now_us)

    async def _together(self, due: Sequence[tuple[str, str]], now_us: int) -> int:
        pipeline = self._pipeline
        async with pipeline.store.transaction() as session:
            sagas = SagaBatch(pipeline.sagas, session, now_us, pipeline.ids)
            await sagas.load_ids(_by_saga(due))
            unsent = await sagas.unsent(due)
            units = [unit for saga, saga_id in due if (unit := sagas.fire(saga, saga_id, unsent)) is not None]
            await sagas.save()
            await leave(pipeline, session, units, now_us)
        return len(units)

    async def _stop(self, saga: str, saga_id: str, cause: BaseException, now_us: int) -> None:
        """Its timer fails, as it does where a hook of the saga raises: it would fail again and again."""
        pipeline = self._pipeline
        async with pipeline.store.transaction() as session:
            sagas = SagaBatch(pipeline.sagas, session, now_us, pipeline.ids)
            await sagas.load_ids({saga: [saga_id]})
            sagas.stop(saga, saga_id, f"its timer failed: {told_of(cause)}")
            await sagas.save()


def _by_saga(due: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    for saga, saga_id in due:
        wanted.setdefault(saga, []).append(saga_id)
    return wanted


async def leave(pipeline: Pipeline, session: Session, units: Sequence[Unit], now_us: int) -> None:
    """Write what leaves because of a timer or a person."""
    composer = Composer(pipeline.store.source, pipeline.codec, pipeline.ids)
    messages = [composed(composer, output, now_us, pipeline.catalog) for unit in units for output in unit.outputs]
    leaving = Leaving(session, now_us)
    await leaving.expect(messages)
    for message in messages:
        leaving.number(message)
        leaving.pack(message)
    await leaving.write()
