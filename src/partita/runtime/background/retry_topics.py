"""The retry topics of a group, read only for their times; due messages become ready in the parking.

The message itself waits in the service's database, where it holds its key, and its row has its due time: the record only
triggers a look. So delays may be changed, share a topic, or be removed, and no waiting message is lost. A partition whose
head is not due yet is paused and still polled: a sleep in the poll loop would cost the membership of the group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import takewhile

from partita.bell import Bell
from partita.bus.port import Record, Subscription
from partita.catalog.service import Service
from partita.clock import duration_us
from partita.dead_letters.dead_letter import envelope_or_none
from partita.store.port import Store
from partita.texts.foreign_text import logger
from partita.topics.naming import span

log = logger(__name__)
BATCH = 500
LOOK_S = 0.5
APART_US = 1_000_000
"""The most that the bus's clock, by which a record triggers, may be behind the database's, by which the row is due."""
NET_S = 5.0


class RetryTopics:
    """Reads the retry topics of one service; `scale` multiplies the waits, `consumer` is the bell of the
    consumer that takes the due messages out of the parking."""

    def __init__(
        self, service: Service, store: Store, subscription: Subscription, *, scale: float, consumer: Bell
    ) -> None:
        self.name = f"retry topics of {service.name}"
        self._service = service
        self._store = store
        self._subscription = subscription
        self._consumer = consumer
        delays = [wait for retry in service.retries for wait in retry.delays]
        self._waits = {f".retry-{span(wait)}": duration_us(wait * scale) for wait in delays}
        self._heads: dict[tuple[str, int], deque[Record]] = {}
        self._longest_us = max(self._waits.values(), default=0)

    async def keep(self) -> None:
        """Send the heartbeat of the membership."""
        await self._subscription.keep()

    async def step(self, now: float) -> float:
        """Make due messages ready; returns when the next one is due."""
        polled = await self._subscription.poll(BATCH)
        for place in polled.revoked:
            self._heads.pop(place, None)
        for record in polled.records:
            self._heads.setdefault((record.topic, record.partition), deque()).append(record)
        self._subscription.pause([(topic, partition) for topic, partition, *_ in polled.records])
        if polled.revoked:  # last: it may fail, and the bus hands each record out once
            await self._subscription.release(polled.revoked)
        now_us = await self._store.now_us()
        soonest_us = await self._make_due_ready(now_us)
        if len(polled.records) == BATCH:
            return now
        return now + min(LOOK_S, max(soonest_us - now_us, 0) / 1_000_000)

    async def stop(self) -> None:
        """Leave the group."""
        await self._subscription.close()

    async def _make_due_ready(self, now_us: int) -> int:
        """Make the due heads ready; returns when the next head is due. A head leaves its queue only after the commit: the bus
        hands it out once."""
        due: list[Record] = []
        for place, waiting in self._heads.items():
            due += _heads_until(waiting, now_us - self._wait_of(place))
        if due:
            await self._become_ready(due, now_us)
        for record in due:
            self._heads[record.topic, record.partition].popleft()
        soonest_us = now_us + self._longest_us + duration_us(LOOK_S)
        for place, waiting in list(self._heads.items()):
            if waiting:
                soonest_us = min(soonest_us, waiting[0].appended_us + self._wait_of(place))
            else:  # once: a resumed subscription looks for records at once
                del self._heads[place]
                self._subscription.resume([place])
        return soonest_us

    def _wait_of(self, place: tuple[str, int]) -> int:
        """The wait of a retry topic."""
        return self._waits[place[0][place[0].rindex(".retry-") :]]

    async def _become_ready(self, records: list[Record], now_us: int) -> None:
        """Make the messages of these records ready. A record that comes again from an earlier retry topic has no effect: its
        row is due later."""
        ids = [envelope.id for record in records if (envelope := envelope_or_none(record)) is not None]
        async with self._store.transaction() as session:
            ready = await session.parking.make_ready(self._service.name, ids, now_us + APART_US)
        self._subscription.done(records)
        if ready:
            self._consumer.ring("ready")


class Overdue:
    """The safety net below the retry topics: makes overdue messages ready, whatever happened to their records. A topic
    that was trimmed or is no longer read, a relay that cannot send, or clocks that differ cost seconds, not a message."""

    def __init__(self, group: str, store: Store, consumer: Bell, *, behind_us: int = duration_us(NET_S)) -> None:
        self.name = f"overdue retries of {group}"
        self._group = group
        self._store = store
        self._consumer = consumer
        self._behind_us = behind_us

    async def step(self, now: float) -> float:
        """Make a batch ready; comes back at once while there is more."""
        before_us = await self._store.now_us() - self._behind_us
        async with self._store.transaction(durable=False) as session:
            ready = await session.parking.make_overdue_ready(self._group, before_us, BATCH)
        if ready:
            self._consumer.ring("ready")
        return now if ready == BATCH else now + NET_S

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""


def _heads_until(waiting: Iterable[Record], upto_us: int) -> Iterator[Record]:
    return takewhile(lambda record: record.appended_us <= upto_us, waiting)
