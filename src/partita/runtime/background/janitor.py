"""The janitor: deletes rows past their window, in small batches, so that no transaction waits long for it."""

from __future__ import annotations

from partita.bus.port import Bus
from partita.catalog.service import Service
from partita.clock import US, Clock
from partita.store.port import Store

BATCH = 1_000
LOOK_S = 30.0


LETTERS_KEPT_S = 7 * 86_400.0
EARLY_KEPT_S = 7 * 86_400.0
"""The least time for which an event that cancels a saga is kept for a start that has not come; most never come."""


class Janitor:
    """Cleans one service's inbox, sent outbox rows, answered commands, closed dead letters, failures of messages that
    were handled in the end, and early cancellations of sagas that never started.

    Rows that answer a message of any age stay: the key's sequence marks, sagas, open pending commands, and tombstones of
    steps, whose command may be in an outbox, a topic or a parking for any time.
    """

    def __init__(self, service: Service, store: Store) -> None:
        self.name = f"janitor of {service.name}"
        self._service = service
        self._store = store
        self._failures_from = 0

    async def step(self, now: float) -> float:
        """Delete one batch; comes back at once while there is more."""
        now_us = await self._store.now_us()
        window_us, keys_s = round(self._service.window_s * US), self._service.keys_kept_s
        before_us = now_us - window_us
        async with self._store.transaction(durable=False) as session:
            # By the newest mark: messages in work when all processes stopped come again at the next start, days later, and
            # must be known.
            newest_us = min(now_us, await session.inbox.newest_us())
            forgotten = await session.inbox.purge(newest_us - window_us, BATCH)
            if keys_s is not None:
                forgotten = max(forgotten, await session.inbox.purge_keys(now_us - round(keys_s * US), BATCH))
            forgotten = max(forgotten, await session.outbox.purge(before_us, BATCH))
            forgotten = max(forgotten, await session.pending.purge(before_us, BATCH))
            early_us = newest_us - round(max(EARLY_KEPT_S, self._service.window_s) * US)
            forgotten = max(forgotten, await session.tombstones.purge_early(early_us, BATCH))
            closed_us = now_us - round(LETTERS_KEPT_S * US)
            forgotten = max(forgotten, await session.dead_letters.purge(closed_us, BATCH))
            await session.sagas.purge_timers()
            looked = await session.dead_letters.purge_failures(closed_us, self._failures_from, BATCH)
        self._failures_from = looked
        return now + (0.05 if forgotten == BATCH or looked else LOOK_S)

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""


class LogJanitor:
    """Trims the bus: records past their topic's retention that every group has handled."""

    name = "janitor of the bus"

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def step(self, now: float) -> float:
        """Trim one batch; comes back at once while there is more."""
        trimmed = await self._bus.trim(self._clock.now_us(), BATCH)
        return now + (0.05 if trimmed == BATCH else LOOK_S)

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""
