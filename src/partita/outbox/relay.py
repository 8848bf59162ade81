"""The relay: takes committed outbox rows in order, appends them to the bus, then marks them sent.

Walk 6: a crash between append and mark sends again, with the same id; the receivers drop the copy. Rows are
taken by state, never by a cursor that could pass a transaction that commits late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partita.bus.port import BEHIND, Bus, Fence, Outgoing
from partita.clock import Clock
from partita.errors import BusUnavailable, Fenced, PartitaError, StoreUnavailable
from partita.store.leases import Lease
from partita.store.outbox import SLOTS, PendingRow
from partita.store.port import Store
from partita.texts.foreign_text import logger
from partita.texts.log_ration import Ration

log = logger(__name__)
RESOURCES = tuple(str(slot) for slot in range(SLOTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """How much a relay takes at once, and how often it looks without a wake-up."""

    batch: int = 500
    idle_poll_s: float = 0.5
    lease_tick_s: float = 0.5
    backoff_s: float = 0.5


class Relay:
    """One process's share of a store's outbox; several relays split the slots by leases."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, member: str, options: RelayOptions | None = None) -> None:
        self.name = f"relay of {store.name}"
        self._store = store
        self._bus = bus
        self._clock = clock
        self._member = member
        self._options = options or RelayOptions()
        self._ration = Ration(clock)
        self._held: tuple[Lease, ...] = ()
        self._next_tick = 0.0
        self.relayed = 0
        self.on_relayed: Callable[[int], None] = lambda count: None
        self.why_not: Callable[[], BusUnavailable | None] = lambda: None
        """The reason to send nothing now: a record whose schema no registry has would be a dead letter at its readers."""

    async def step(self, now: float) -> float:
        """Relay pending rows of the held slots; returns the time of the next look (seconds, monotonic)."""
        if now >= self._next_tick:
            self._held = tuple(await self._store.leases.tick("relay", RESOURCES, self._member))
            self._next_tick = now + self._options.lease_tick_s
        reason = self.why_not()
        if reason is not None:
            return self._back_off(reason, now)
        try:
            moved = await self._relay_once()
        except (BusUnavailable, StoreUnavailable) as error:
            return self._back_off(error, now)
        except Fenced:
            # This process was paused and another one relays its slots now: drop them and ask again. Releasing the slots
            # raises their epoch: after a power cut or a restore the bus may know a higher one.
            await self._store.leases.leave("relay", self._member)
            self._held, self._next_tick = (), now
            return now + self._options.backoff_s / 10
        if moved:
            return now
        return min(now + self._options.idle_poll_s, self._next_tick)

    async def keep(self) -> None:
        """Send a heartbeat during a long step: a slow bus must not cost the slots, or the next relay appends everything too."""
        if self._held and self._clock.monotonic() >= self._next_tick:
            await self._store.leases.beat("relay", self._member)

    async def stop(self) -> None:
        """Release the slots at once, so that no other relay waits until the heartbeat is stale."""
        await self._store.leases.leave("relay", self._member)

    def _back_off(self, error: PartitaError, now: float) -> float:
        """The time of the next try. It is tried twice a second, so that a line for each would fill the log."""
        again = self._ration.take(type(error).__name__)
        if again is not None:
            log.warning("%s waits: %s%s", self.name, error, again)
        return now + self._options.backoff_s

    async def _relay_once(self) -> int:
        slots = [int(lease.resource) for lease in self._held]
        async with self._store.reading(consistent=False) as session:
            taken = await session.outbox.unsent(slots, self._options.batch)
        if not taken:
            return 0
        fences = [Fence(f"{self._store.source}/{lease.resource}", lease.epoch) for lease in self._held]
        records = [Outgoing(row.topic, row.key, row.headers, row.payload, row.id) for _, row in taken]
        answers = await self._bus.append(records, fences)
        sent = await self._settle(taken, answers)
        self.relayed += sent
        self.on_relayed(sent)
        return len(taken)

    async def _settle(self, taken: Sequence[tuple[int, PendingRow]], answers: Sequence[str | None]) -> int:
        """Mark the rows that the bus took; a refused row parks its key, other keys flow. Rows behind a refused row stay.
        Returns how many rows the bus took."""
        rows = list(zip(taken, answers, strict=True))
        refused = [(slot, row, why) for (slot, row), why in rows if why is not None and why != BEHIND]
        if refused:
            async with self._store.transaction() as session:
                for slot, row, why in refused:
                    log.error("%s: the bus refuses %s of key %s: %s", self.name, row.id, row.key, why)
                    await session.outbox.park(slot, row.seq, row.key, why)
        sent = [(slot, row.seq) for (slot, row), why in rows if why is None]
        if sent:
            await self._store.sent(sent)
        return len(sent)
