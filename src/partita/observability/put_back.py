"""After a backup was put back: what the bus knows and a service's database does not, named by id and place.

The database of a sender lacks messages that are on the log: others may have acted on what it does not know of. The
database of a receiver lacks effects that the bus believes done.
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
    """Messages of this service that are on the log and not in its outbox, NAMED_MAX at most; `since_us`: rows that were
    written since then are still kept."""
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
    """Where the bus believes a group to be beyond what its database has handled; `lags` were asked before."""
    apart: list[tuple[GroupLag, Noted]] = []
    for lag in lags:
        noted = await store.attempts.noted(store.name, lag.topic, lag.partition)
        if noted.log in ("", identity) and lag.position > noted.reached and (noted.log or lag.position > 1):
            apart.append((lag, noted))
    return apart
