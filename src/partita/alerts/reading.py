"""Reading a service: the numbers the rules look at, from its database and the bus."""

from __future__ import annotations

from partita.alerts.rules import Reading
from partita.bus.port import Bus
from partita.clock import US
from partita.errors import BusUnavailable
from partita.store.port import Store
from partita.store.trouble import LetterFilter

LOOK_AT = 100


async def read(store: Store, bus: Bus) -> Reading:
    """What the service says now. Every question is one a partial index answers, or a sum over a few rows."""
    name, now_us = store.name, await store.now_us()
    async with store.reading() as session:
        letters = await session.dead_letters.find(name, 1, LetterFilter())
        count = await session.dead_letters.count(name, LetterFilter())
        attention = await session.sagas.find(status="needs_attention", limit=LOOK_AT)
        compensating = await session.sagas.find(status="compensating", limit=LOOK_AT)
        outbox = await session.outbox.status()
        paused = await session.groups.paused(name)
        said = await session.groups.said(name)
        parked = await session.parking.status(name)
    stalled = outbox.oldest_us / US if outbox.pending > outbox.parked else 0.0
    return Reading(
        name,
        count,
        (now_us - letters[0].at_us) / US if letters else 0.0,
        len(attention),
        max(((now_us - row.updated_us) / US for row in compensating), default=0.0),
        stalled,
        outbox.parked,
        tuple(each.subject for each in said if each.what == "storm"),
        (now_us - paused[1]) / US if paused is not None else 0.0,
        parked.gap,
        await _behind(bus, name),
        sum(each.what == "full" for each in said),
        int(outbox.reader is not None and not outbox.reader.active),
    )


async def _behind(bus: Bus, group: str) -> int:
    """How many records a group is behind. A bus that does not answer must not silence the other rules: the outbox that
    stands still for it is one of them."""
    try:
        return sum(each.lag for each in await bus.lag(group))
    except BusUnavailable:
        return 0
