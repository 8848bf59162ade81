"""Early cancellations: events that cancel an instance and come before the event that starts it.

They come by another topic, so no order holds between the two. Each is kept as a tombstone of the whole instance; the start finds
it, and the saga is cancelled as it would have been a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable

from partita.message import SagaAddress
from partita.store.port import Session
from partita.store.tombstones import Tombstone

SELF = ""
"""The step of a tombstone of the whole instance: no step has an empty name."""


class EarlyCancellations:
    """The early cancellations that one transaction reads and writes."""

    def __init__(self, session: Session, now_us: int) -> None:
        self._session = session
        self._now_us = now_us
        self._kept: dict[tuple[str, str], str] = {}
        self._new: list[Tombstone] = []

    async def load(self, starts: Iterable[tuple[str, str]], cancelled: Iterable[tuple[str, str]]) -> None:
        """Find those of the instances that may start here. A start and a cancellation in two transactions at once would not
        see each other, so one waits for the other, as an undo and its command do; no row exists yet to wait for."""
        begun = list(starts)
        ids = [saga_id for _, saga_id in (*begun, *cancelled)]
        if ids:
            await self._session.tombstones.hold(ids, [])
        if begun:
            found = await self._session.tombstones.find([(saga, saga_id, SELF) for saga, saga_id in begun])
            self._kept.update({(saga, saga_id): row.reply.decode() for (saga, saga_id, _), row in found.items()})

    def keep(self, saga: str, saga_id: str, event: str) -> None:
        """Keep an event, by its name, for the start of its instance; the first one counts."""
        if (saga, saga_id) not in self._kept:
            self._kept[(saga, saga_id)] = event
            address = SagaAddress(saga, saga_id, SELF, 0, "undo")
            self._new.append(Tombstone(address, self._now_us, event.encode()))

    def of(self, saga: str, saga_id: str) -> str | None:
        """The event that cancelled an instance before its start; None = there is none."""
        return self._kept.get((saga, saga_id))

    async def save(self) -> None:
        """Write the new ones."""
        if self._new:
            await self._session.tombstones.add(self._new)
            self._new = []
