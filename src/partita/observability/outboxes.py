"""The outboxes of an app: the number of waiting rows, the relay or reader that sends them, and the rows that the bus
refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partita.observability.reach import Sight
from partita.store.handover import Reader
from partita.store.outbox import OutboxStatus
from partita.store.port import Store


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that the bus refused for good. Later messages of its key wait behind it."""

    service: str
    id: str
    type: str
    topic: str
    key: str | None
    reason: str
    at_us: int


async def outboxes(sight: Sight) -> Mapping[str, OutboxStatus]:
    """Each outbox that answers, by its service. `sight.unknown` names the others."""
    return await sight.ask_all({name: _status(store) for name, store in sight.stores.items()})


async def refused(stores: Mapping[str, Store], limit: int) -> list[Refused]:
    """The rows that the bus refused for good, `limit` of each service at most."""
    found: list[Refused] = []
    for name, store in stores.items():
        async with store.reading() as session:
            rows = await session.outbox.parked(limit)
        found += [Refused(name, *row) for row in rows]
    return found


def read_by(reader: Reader | None) -> str:
    """The relays or the reader that send an outbox's rows, in words."""
    if reader is None:
        return "relays"
    if not reader.there:
        return f"no reader: the slot {reader.slot} is gone"
    state = "connected" if reader.active else "NOT CONNECTED"
    back = ", relays wait for it" if reader.coming_back else ""
    return f"slot {reader.slot}: {state}, {reader.behind / 1024:,.0f} KiB behind{back}"


async def _status(store: Store) -> OutboxStatus:
    async with store.reading() as session:
        return await session.outbox.status()
