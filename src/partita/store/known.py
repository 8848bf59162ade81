"""The answers that admission needs about a batch, asked ledger by ledger."""

from __future__ import annotations

from collections.abc import Mapping

from partita.store.inbox import InboxEntry
from partita.store.port import Asked, Known, Session
from partita.store.tombstones import Tombstone


async def ledger_by_ledger(session: Session, asked: Asked) -> Known:
    """See `Session.read_known`."""
    marks: dict[tuple[str, str], InboxEntry] = {}
    last: Mapping[tuple[str, str, str], int] = {}
    parked: frozenset[tuple[str, str]] = frozenset()
    undone: Mapping[tuple[str, str, str], Tombstone] = {}
    if asked.held:
        await session.claims.check(asked.consumer, asked.held)
    if asked.marks:
        by_consumer: dict[str, list[str]] = {}
        for consumer, message_id in asked.marks:
            by_consumer.setdefault(consumer, []).append(message_id)
        for consumer, ids in by_consumer.items():
            for message_id, entry in (await session.inbox.seen(consumer, ids)).items():
                marks[consumer, message_id] = entry
    if asked.places:
        last = await session.sequences.last_in(asked.places)
    if asked.keys:
        parked = await session.parking.held(asked.consumer, asked.keys)
    if asked.steps:
        undone = await session.tombstones.find(asked.steps)
    return Known(marks, dict(last), parked, undone)
