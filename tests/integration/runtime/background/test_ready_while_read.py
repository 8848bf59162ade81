"""A parked message that becomes ready while the consumer reads the parking: it is found by the next step, not by the clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.integration.runtime.background.test_taken_back import Script

from partita.bus.port import Polled
from partita.runtime.background.consumer import Consumer
from partita.store.port import Session, Store

NOTHING: Sequence[Any] = ()


class ReadyMeanwhile:
    """A store in which a message becomes ready right after the parking was read for the first time."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.consumer: Consumer | None = None
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[Session]:
        """A view; another worker commits and rings before the consumer goes on."""
        async with self.inner.reading(consistent=consistent) as session:
            yield session
        self.reads += 1
        if self.reads == 1 and self.consumer is not None:
            self.consumer.bell.ring("ready")


async def test_a_message_that_became_ready_during_the_read_is_read_by_the_next_step(bank: Any) -> None:
    """The consumer takes the reason before it reads: taken afterwards, the ring would be answered by a read before it."""
    async with bank.app.running(services=["bank", "audit"], roles=()) as system:
        pipeline = system.pipelines["audit"]
        pipeline.store = ReadyMeanwhile(pipeline.store)
        nothing = Polled(NOTHING, NOTHING, NOTHING)
        consumer = Consumer(pipeline, lambda _: Script(nothing, nothing, nothing), "one")
        pipeline.store.consumer = consumer

        reads = []
        for now in (0.0, 0.01, 0.02):  # all before the consumer would read the parking by itself
            await consumer.step(now)
            reads.append(pipeline.store.reads)

        await consumer.stop()
    assert reads == [2, 3, 3], "the first step also measures the room of the parking"
