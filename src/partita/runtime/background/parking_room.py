"""Room in the parking: when too many messages wait for their turn, the group takes no new ones; none is dropped."""

from __future__ import annotations

from partita.runtime.path.pipeline import Pipeline
from partita.store.groups import Said
from partita.texts.foreign_text import logger

log = logger(__name__)
FREE_AGAIN_AT = 0.9
"""A part of the limit: taking one message for each that leaves would look as if nothing moved."""


class Room:
    """Whether a group's parking is full; reported when that changes."""

    def __init__(self, pipeline: Pipeline, member: str) -> None:
        self._pipeline = pipeline
        self._group = pipeline.service.name
        self._member = member
        self.full = False

    async def measure(self) -> None:
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
