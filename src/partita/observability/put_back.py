"""After a restore from a backup: messages that the bus knows and a service's database does not, by id and place.

A sender's database lacks messages that are on the log: other services may have acted on them. A receiver's database
lacks effects of records that are done on the bus.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from partita.bus.port import Bus, GroupLag
from partita.dead_letters.dead_letter import envelope_or_none
from partita.message import Envelope
from partita.store.claims import Noted
from partita.store.port import Store

NAMED_MAX = 1_000


class Beyond(NamedTuple):
    """A message on the log that its sender's database does not have."""

    message_id: str
    type: str
    key: str | None
    topic: str


async def sent_and_unknown(store: Store, bus: Bus, topics: Sequence[str], since_us: int) -> list[Beyond]:
    """Messages of this service that are on the log and not in its outbox, NAMED_MAX at most; rows written since
    `since_us` are still kept."""
    found: dict[str, Beyond] = {}
    async for records in bus.history(topics, since_us):
        ours: dict[str, tuple[Envelope, Beyond]] = {}
        for record in records:
            envelope = envelope_or_none(record)
            if envelope is not None and envelope.source.startswith(f"{store.name}/") and envelope.time_us >= since_us:
                ours[envelope.id] = (envelope, Beyond(envelope.id, envelope.type, record.key, record.topic))
        correlations = list(dict.fromkeys(envelope.correlation_id for envelope, _ in ours.values()))
        async with store.reading() as session:
            known = {row.message_id for row in await session.trail.messages(correlations)} if correlations else set()
        found |= {message_id: beyond for message_id, (_, beyond) in ours.items() if message_id not in known}
        if len(found) >= NAMED_MAX:
            break
    return list(found.values())[:NAMED_MAX]


async def done_and_unknown(store: Store, lags: Sequence[GroupLag], identity: str) -> list[tuple[GroupLag, Noted]]:
    """Partitions in which a group's position on the bus is beyond the records its database has handled; `lags` come
    from the bus."""
    apart: list[tuple[GroupLag, Noted]] = []
    for lag in lags:
        async with store.reading(consistent=False) as session:
            noted = await session.claims.noted(store.name, lag.topic, lag.partition)
        if noted.log in ("", identity) and lag.position > noted.reached and (noted.log or lag.position > 1):
            apart.append((lag, noted))
    return apart
