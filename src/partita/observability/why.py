"""Why is it stuck? One computed sentence for each saga that waits, each parked key and each group that does not move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from partita.clock import US
from partita.idempotency.inbox import FATAL
from partita.observability.letters import envelope_of
from partita.store.dead_letters import LetterFilter
from partita.store.groups import Said
from partita.store.inbox import InboxEntry
from partita.store.parking import ParkedRow
from partita.store.port import Session, Store
from partita.store.sagas import SagaRow

ROWS_MAX = 1_000
NEAR_US = 12 * 3_600 * US
DEAD = {"open": "show", "discarded": "restore"}
"""The states of a letter whose message no group handles, and the verb to begin with."""


def since(us: int) -> str:
    """A time that passed, in the largest units that matter: 3m12s, 2h05m, 4d."""
    seconds = max(us, 0) // US
    if seconds >= 172_800:
        return f"{seconds // 86_400}d"
    if seconds >= 3_600:
        return f"{seconds // 3_600}h{seconds % 3_600 // 60:02d}m"
    return f"{seconds // 60}m{seconds % 60:02d}s" if seconds >= 60 else f"{seconds}s"


def clock_time(us: int) -> str:
    """A time of day, UTC."""
    return datetime.fromtimestamp(us / US, UTC).strftime("%H:%M:%S")


def when(us: int, now_us: int) -> str:
    """A time, UTC: of day alone where that is unambiguous, else with its date."""
    near = abs(us - now_us) < NEAR_US
    return clock_time(us) if near else datetime.fromtimestamp(us / US, UTC).strftime("%Y-%m-%d %H:%M")


async def why_group(session: Session, group: str, now_us: int, said: Sequence[Said] | None = None) -> list[str]:
    """Reasons why a group is slow or does not move; empty = none. `said` has its members' reports, if known already."""
    found = []
    paused = await session.groups.paused(group)
    if paused is not None:
        reason, at_us = paused
        found.append(f"{group} is paused since {since(now_us - at_us)}" + (f": {reason}" if reason else ""))
    for each in await session.groups.said(group) if said is None else said:
        found.append(_said(each, now_us))
    return found


def _said(said: Said, now_us: int) -> str:
    if said.what == "owed":
        return f"alerts of {said.consumer} could not be sent by {said.subject} since {since(now_us - said.at_us)}"
    if said.what == "full":
        return f"{said.consumer} takes no new messages since {since(now_us - said.at_us)}: {said.detail}"
    name = said.subject.rpartition(".")[2]
    if said.what == "unknown":
        return f"{said.consumer} does not know {name} since {since(now_us - said.at_us)}: a newer version sends it"
    return (
        f"{said.consumer} tries {name} one at a time since {since(now_us - said.at_us)}: they fail with {said.detail}"
    )


async def why_key(session: Session, group: str, topic: str, key: str, now_us: int) -> str:
    """The reason why messages of a key wait in a group; empty = none waits."""
    rows = await session.parking.of_key(group, topic, key, ROWS_MAX)
    if not rows:
        return ""
    behind = f"; {len(rows) - 1} later ones wait behind it" if len(rows) > 1 else ""
    return f"{group}: {await _why_row(session, rows[0], now_us)}{behind}"


async def _why_row(session: Session, row: ParkedRow, now_us: int) -> str:
    unnamed = "a copy of a message" if row.state == "gap" else "a message that cannot be read"
    name = row.type.rpartition(".")[2] or unnamed
    waits = f"{name} of key {row.key} waits {since(now_us - row.at_us)}"
    failures = await session.dead_letters.failures(row.consumer, row.message_id)
    tries = sum(f.tries for f in failures)
    cause = f" after {tries} tries, {failures[-1].cause_type}: {failures[-1].cause[:80]}" if failures else ""
    if row.state == "waiting":
        return f"{waits} for its next try at {when(row.due_us, now_us)}{cause}"
    if row.state == "gap":
        return f"{waits} for number {row.number - 1} of its key from {row.source}, which has not come"
    if row.state == "ready":
        return f"{waits} for a member of the group to take it{cause}"
    if row.state == "behind":
        return f"{waits} behind another of its key"
    where = LetterFilter(status="", key=row.key or "", topic=row.topic)
    letters = await session.dead_letters.find(row.consumer, ROWS_MAX, where)
    letter = next((x for x in letters if x.message_id == row.message_id), None)
    return f"{waits} for a person: dead letter {letter.id if letter else '?'}{cause}"


async def why_saga(row: SagaRow, waits_for: str, message_id: str, stores: Mapping[str, Store], now_us: int) -> str:
    """The reason why a saga does not move: the awaited reply, and the state of the command that it sent.

    Args:
        waits_for: the reply's name. message_id: of its latest command.
    """
    if row.status in ("completed", "undone"):
        return ""
    undone = "is being undone and " if row.status == "compensating" else ""
    text = f"{row.saga} {row.saga_id} {undone}waits {since(now_us - row.updated_us)} for {waits_for}"
    for name, store in stores.items():
        async with store.reading() as session:
            parked = (await session.parking.get(name, [message_id])).get(message_id)
            if parked is not None:
                return f"{text}; {name}: {await _why_row(session, parked, now_us)}"
            entry = (await session.inbox.seen(name, [message_id])).get(message_id)
            group = [] if entry is not None else await why_group(session, name, now_us)
            if group and any(row.step in said for said in group):
                text += f"; {group[0]}"
        if entry is not None:
            return f"{text}; {await _dead_answer(row, message_id, stores) or _handled(name, entry, now_us)}"
    due = f"; it acts again at {when(row.due_us, now_us)}" if row.due_us else ""
    return f"{text}; no group has taken its command yet{due}"


async def _dead_answer(row: SagaRow, message_id: str, stores: Mapping[str, Store]) -> str:
    """The dead letter of a command's answer, which the saga gets from a person alone; empty = there is none."""
    for store in stores.values():
        async with store.reading() as session:
            letters = await session.dead_letters.find(None, ROWS_MAX, LetterFilter(status="", key=row.saga_id))
        for letter in letters:
            verb = DEAD.get(letter.status)
            envelope = envelope_of(letter)
            if verb and envelope is not None and envelope.causation_id == message_id:
                return f"the answer is dead letter {letter.id}, {letter.status}: partita dlq {verb} {letter.id}"
    return ""


def _handled(name: str, entry: InboxEntry, now_us: int) -> str:
    if entry.outcome in ("dead", FATAL):
        return f"{name} has a dead letter of its command since {since(now_us - entry.at_us)}: partita dlq list"
    return f"{name} has {entry.outcome} its command {since(now_us - entry.at_us)} ago, and the answer is on its way"
