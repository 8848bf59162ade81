"""Room in the parking: when too many messages wait for their turn, the group takes no new ones; none is dropped."""

from __future__ import annotations

from partita.clock import Renewed
from partita.runtime.path.pipeline import Pipeline
from partita.store.groups import Said
from partita.texts.foreign_text import logger

log = logger(__name__)
FREE_AGAIN_AT = 0.9
"""A part of the limit: taking one message for each that leaves would look as if nothing moved."""
EVERY_S = 1.0
OLD_S = 3.0


class Room:
    """Whether a group's parking is full; reported when that changes. It is measured once a second beside the consumer, which
    takes no message on a count that was asked for more than three seconds ago."""

    def __init__(self, pipeline: Pipeline, member: str) -> None:
        self._pipeline = pipeline
        self._group = pipeline.service.name
        self._member = member
        self._measured = Renewed(pipeline.clock, self._measure, every_s=EVERY_S, old_s=OLD_S)
        self.full = False

    async def look(self) -> None:
        """Return at once if it was measured lately."""
        await self._measured.have()

    async def stop(self) -> None:
        """Measure no more."""
        await self._measured.stop()

    async def _measure(self) -> None:
        """Count the waiting messages. Gaps do not count: the messages that fill them are still to be taken."""
        store, limit = self._pipeline.store, self._pipeline.service.retry.parked_max
        async with store.reading() as session:
            parked = await session.parking.status(self._group)
        waits = parked.waiting + parked.behind + parked.ready
        full = waits >= limit * (FREE_AGAIN_AT if self.full else 1.0)
        if full == self.full:
            return
        self.full = full
        now_us = await store.now_us()
        if full:
            log.error("%s takes no new messages: %d wait for their turn, the limit is %d", self._group, waits, limit)
        else:
            log.warning("%s takes messages again", self._group)
        async with store.transaction(durable=False) as session:
            if full:
                said = Said(self._group, self._member, "full", "", f"{waits:,} wait, the limit is {limit:,}", now_us)
                await session.groups.say(said)
            else:
                await session.groups.unsay(self._group, self._member, "full", "")
