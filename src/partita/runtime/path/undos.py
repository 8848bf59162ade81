"""Undos before their admission: what each may take out of the parking, and which are not tried again."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from partita.idempotency.inbox import PARKED, Candidate
from partita.runtime.path.delivery import Delivery
from partita.store.port import Session


def step_name(step: tuple[str, str, str] | None) -> str:
    """The name of a saga's step in the parking."""
    return "" if step is None else "/".join(step)


async def hold(session: Session, candidates: Sequence[Candidate]) -> None:
    """Lock the sagas: of an undo and its command in two transactions at once, the second must see the effects of the first."""
    commands = [c for c in candidates if c.step is not None]
    undone = [c.envelope.saga.saga_id for c in commands if c.is_undo and c.envelope.saga is not None]
    if undone:
        done = [c.envelope.saga for c in commands if c.envelope.saga is not None and c.envelope.saga.kind == "do"]
        await session.tombstones.hold(undone, [address.saga_id for address in done])


async def fatal_of(session: Session, group: str, candidates: Sequence[Candidate]) -> Collection[str]:
    """The ids of undos and questions whose like ended their process: the saga sends each of them under a new id, and
    each would end some more processes."""
    sent_anew = [c for c in candidates if c.fatal_step and c.origin is not PARKED]
    marks = await session.inbox.seen(group, [c.fatal_step for c in sent_anew]) if sent_anew else {}
    return [c.envelope.id for c in sent_anew if c.fatal_step in marks]


async def overtake(
    session: Session,
    group: str,
    deliveries: Sequence[Delivery],
    candidates: Sequence[Candidate],
    fatal: Collection[str],
    now_us: int,
) -> Collection[str]:
    """Take commands and copies of an undo out of the parking, so that the undo does not wait behind them. Else a step
    that timed out after 30 s would wait half an hour for its own retries. An undo from the parking does the same: the
    messages that were parked when it failed are still there, and hold the key. Returns the ids of the undos that took
    one out."""
    pairs = zip(deliveries, candidates, strict=True)
    undos = {step_name(c.step): (d, c) for d, c in pairs if c.step and c.is_undo and c.envelope.id not in fatal}
    rows = await session.parking.of_steps(group, list(undos)) if undos else ()
    parked = {row.message_id for row in rows}
    overtaking: list[str] = []
    for row in rows:
        delivery, candidate = undos[row.step]
        settled = delivery.parked is not None and delivery.name not in parked  # by an operator, or another worker
        # A message whose number has not had its turn stays: it counts then, and finds the tombstone.
        if settled or row.message_id == delivery.name or row.state == "gap":
            continue
        overtaking.append(candidate.envelope.id)
        await session.parking.remove(group, [row.message_id])
        await session.inbox.resolve(group, [(row.message_id, "tombstone", None)])
        await session.dead_letters.settle(group, [row.message_id], "overtaken", now_us)
    return overtaking
