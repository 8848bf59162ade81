"""The answers that admission needs about a batch, asked ledger by ledger."""

from __future__ import annotations

from partita.store.port import Asked, Known, Session


async def ledger_by_ledger(session: Session, asked: Asked) -> Known:
    """See `Session.look`."""
    await session.claims.check(asked.consumer, asked.held)
    by_consumer: dict[str, list[str]] = {}
    for consumer, message_id in asked.marks:
        by_consumer.setdefault(consumer, []).append(message_id)
    return Known(
        {
            (consumer, message_id): entry
            for consumer, ids in by_consumer.items()
            for message_id, entry in (await session.inbox.seen(consumer, ids)).items()
        },
        dict(await session.sequences.last_in(asked.consumer, asked.places)),
        await session.parking.held(asked.consumer, asked.keys),
        await session.tombstones.find(asked.steps),
    )
