"""Pending commands in the unit of work: written where their handlers have run, closed where their steps are undone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from partita.idempotency.inbox import Candidate
from partita.message import envelope_to_bytes
from partita.outbox.outbox import Kept, kept_to_bytes
from partita.runtime.path.answering import BUSINESS, PENDING
from partita.runtime.path.delivery import Delivery
from partita.store.pending import PendingCommand
from partita.store.port import Session

Step = tuple[str, str, str]
"""(saga, saga id, step)."""
UNDONE = "tombstone"
"""The outcome of a command that waited when its step was undone."""


async def keep_pending(
    session: Session,
    group: str,
    pending: Sequence[tuple[Candidate, Delivery]],
    undone: Collection[object],
    now_us: int,
) -> None:
    """Write commands whose handlers answer later; `undone` are the steps that this very transaction has undone after them."""
    rows: list[PendingCommand] = []
    for candidate, delivery in pending:
        row = _row(candidate, delivery, now_us)
        closed = candidate.step is not None and candidate.step in undone
        if closed:
            row = row._replace(state="undone", closed_us=now_us)
            await session.inbox.resolve(group, [(row.reply_to, UNDONE, None)])
        rows.append(row)
        kept = Kept(candidate.envelope.schema, delivery.value, None, delivery.version, row.reply_to)
        for consumer, key in candidate.business:  # their marks are kept for as long as the command waits
            await session.inbox.resolve(consumer, [(key, UNDONE if closed else PENDING, kept_to_bytes(kept))])
    await session.pending.add(rows)


async def close_undone(
    session: Session, group: str, steps: Sequence[Step], now_us: int, but: Collection[str] = ()
) -> Mapping[Step, PendingCommand]:
    """Close the pending commands of steps that are about to be undone. Those of the types `but` stay open: their sagas run, and
    the undo waits for them; returns these by step.

    Before the handler of the undo runs: it must see the writes of an answer that was first, and an answer that is second must
    wait for it.
    """
    running: dict[Step, PendingCommand] = {}
    for row in await session.pending.undo(steps, now_us, but):
        if row.type in but:
            running[row.saga, row.saga_id, row.step] = row
            continue
        for consumer, name in [(group, row.reply_to), *BUSINESS.decode(row.business)]:
            await session.inbox.renew(consumer, [(name, UNDONE, None)], now_us)
    return running


def _row(candidate: Candidate, delivery: Delivery, now_us: int) -> PendingCommand:
    envelope = candidate.envelope
    saga, saga_id, step = candidate.step or ("", "", "")
    return PendingCommand(
        envelope.id,
        envelope.type,
        delivery.topic,
        delivery.key,
        envelope_to_bytes(envelope),
        delivery.value,
        saga,
        saga_id,
        step,
        msgspec.msgpack.encode(candidate.business),
        now_us,
    )
