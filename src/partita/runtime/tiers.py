"""The retry tiers: a group's retry topics, read for nothing but the time; who is due becomes ready in the parking.

The message itself waits in the service's database, where it holds its key. A partition whose head is not due yet is
paused and polled on, never slept on: sleeping in the poll loop costs the membership of the group.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile

from partita.bus.port import Record, Subscription
from partita.catalog.service import Service
from partita.clock import duration_us
from partita.dead_letters.dead_letter import envelope_or_none
from partita.foreign_text import logger
from partita.store.port import Store
from partita.topics.naming import span

log = logger(__name__)
BATCH = 500
LOOK_S = 0.5


class Tiers:
    """Reads the retry topics of one service; `scale` multiplies the waits, `ready` is called when some became due."""

    def __init__(
        self, service: Service, store: Store, subscription: Subscription, *, scale: float, ready: Callable[[], None]
    ) -> None:
        self.name = f"retry tiers of {service.name}"
        self._service = service
        self._store = store
        self._subscription = subscription
        self._ready = ready
        self._waits = {
            f".retry-{span(wait)}": (n, duration_us(wait * scale)) for n, wait in enumerate(service.retry.tiers)
        }
        self._heads: dict[tuple[str, int], deque[Record]] = {}
        self._longest_us = max((us for _, us in self._waits.values()), default=0)

    async def keep(self) -> None:
        """Heartbeat of the membership."""
        await self._subscription.keep()

    async def step(self, now: float) -> float:
        """Wake what is due; returns when the next is."""
        polled = await self._subscription.poll(BATCH)
        for place in polled.revoked:
            self._heads.pop(place, None)
        if polled.revoked:
            await self._subscription.release(polled.revoked)
        for record in polled.records:
            self._heads.setdefault(record.at, deque()).append(record)
        self._subscription.pause([record.at for record in polled.records])
        now_us = await self._store.now_us()
        soonest_us = await self._wake(now_us)
        if len(polled.records) == BATCH:
            return now
        return now + min(LOOK_S, max(soonest_us - now_us, 0) / 1_000_000)

    async def stop(self) -> None:
        """Leave the group."""
        await self._subscription.close()

    async def _wake(self, now_us: int) -> int:
        """Wake the due heads; returns when the next head is due. A head leaves its queue only when the database knows:
        the bus hands it out once."""
        due: dict[int, list[Record]] = {}
        for place, waiting in self._heads.items():
            tier, wait_us = self._wait_of(place)
            due.setdefault(tier, []).extend(_heads_until(waiting, now_us - wait_us))
        for tier, records in due.items():
            if records:
                await self._become_ready(tier, records)
            for record in records:
                self._heads[record.at].popleft()
        soonest_us = now_us + self._longest_us + duration_us(LOOK_S)
        for place, waiting in list(self._heads.items()):
            if waiting:
                soonest_us = min(soonest_us, waiting[0].appended_us + self._wait_of(place)[1])
            else:  # once: who is told to resume looks for records at once
                del self._heads[place]
                self._subscription.resume([place])
        return soonest_us

    def _wait_of(self, place: tuple[str, int]) -> tuple[int, int]:
        """The tier of a retry topic, and its wait."""
        return self._waits[place[0][place[0].rindex(".retry-") :]]

    async def _become_ready(self, tier: int, records: list[Record]) -> None:
        ids = [envelope.id for record in records if (envelope := envelope_or_none(record)) is not None]
        async with self._store.transaction() as session:
            woken = await session.parking.wake(self._service.name, ids, tier)
        self._subscription.done(records)
        if woken:
            self._ready()


def _heads_until(waiting: Iterable[Record], upto_us: int) -> Iterator[Record]:
    return takewhile(lambda record: record.appended_us <= upto_us, waiting)
