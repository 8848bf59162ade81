"""A journey: all messages of one key across services as a causal tree, with the services that handled them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from partita.clock import US
from partita.message import Envelope, envelope_from_bytes
from partita.outbox.outbox import reply_from_bytes
from partita.store.pending import PendingCommand, Waits
from partita.store.port import Store
from partita.store.trail import TrailEdit, TrailMark, TrailRow

STATES: tuple[Waits, ...] = ("open", "answered", "undone")
KEPT_MAX = 1_000
NEAR_US = 120 * US
OUTCOMES: Mapping[Waits, str] = {"open": "pending", "answered": "handled", "undone": "tombstone"}
TURNS = ("reminded", "heard", "timeout", "overdue", "late", "cancel", "compensate", "skip", "resume", "retry")
"""The kinds of entries in a saga's history that are turns."""


@dataclass(frozen=True, slots=True)
class Handling:
    """The mark of a service that handled a message. `outcome` is the mark's, or "edited" where an edited copy took the place of
    the message's dead letter."""

    by: str
    outcome: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a message that a service sent when the message failed: `to` is "retry-1m" or another delay, or "dlq"."""

    by: str
    to: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Wait:
    """The time in which a command waited in a service for an answer from outside: `state` is open, answered (with the
    type `answer`, given by `by`) or undone, at `ended_us`; 0 = it waits."""

    service: str
    state: str
    since_us: int
    ended_us: int = 0
    by: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """An entry of a saga's history that no message of the journey shows: a time that was over, an event that was heard, an
    operator's verb."""

    saga: str
    kind: str
    step: str
    note: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One message of a journey. `service` wrote it; empty = a command that came in by the local door. `depth` is the number
    of messages that caused it, one after the other. `edit_of` is the id of the message whose edited copy it is;
    empty = it is none. `wait`: a command that was kept for an answer from outside. `turns`: those that are noted with the
    message. `given_by` gave this answer from outside; empty = a handler returned it."""

    id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    at_us: int
    service: str
    handled: tuple[Handling, ...] = ()
    copies: tuple[Copy, ...] = ()
    edit_of: str = ""
    depth: int = 0
    wait: Wait | None = None
    turns: tuple[Turn, ...] = ()
    given_by: str = ""

    @property
    def name(self) -> str:
        """The message's short name."""
        return self.type.rpartition(".")[2]


async def journey(stores: Mapping[str, Store], key: str) -> list[Hop]:
    """The journey of a key in causal order: parents before children, then by time; empty = no message of it is known."""
    correlations: dict[str, None] = {}
    for store in stores.values():
        async with store.reading() as session:
            correlations.update(dict.fromkeys(await session.trail.correlations(key)))
    kept = await _kept(stores, key)
    correlations.update(dict.fromkeys(envelope.correlation_id for _, _, envelope in kept))
    rows: list[tuple[str, TrailRow]] = []
    for name, store in stores.items():
        async with store.reading() as session:
            rows += [(name, row) for row in await session.trail.messages(list(correlations))]
    ids = list(dict.fromkeys([_original(row) for _, row in rows] + list(correlations)))
    edits = await _edits(stores, ids)
    ids += [edit.copy_id for edit in edits]
    marks: list[TrailMark] = []
    for store in stores.values():
        async with store.reading() as session:
            marks += await session.trail.marks(ids)
    hops = _hops(rows, marks, edits)
    for service, row, envelope in kept:  # its outbox row and mark may be purged while it waits for days
        wrote = envelope.source.partition("/")[0] if row.saga else ""
        hop = Hop(
            row.reply_to, row.type, row.key, envelope.correlation_id, envelope.causation_id, envelope.time_us, wrote
        )
        hops.setdefault(row.reply_to, replace(hop, handled=(Handling(service, OUTCOMES[row.state], row.at_us),)))
    waits = await _waits(stores, list(hops))
    turns = await _turns(stores, _envelopes(rows), kept)
    return causal_order(_with_waits(hops, waits, turns))


def _envelopes(rows: Sequence[tuple[str, TrailRow]]) -> list[tuple[str, Envelope]]:
    found: list[tuple[str, Envelope]] = []
    for name, row in rows:
        with contextlib.suppress(msgspec.MsgspecError):
            found.append((name, envelope_from_bytes(row.headers)))
    return found


async def _kept(stores: Mapping[str, Store], key: str) -> list[tuple[str, PendingCommand, Envelope]]:
    """The commands of a key that are kept for an answer from outside, or were until lately: (service, row, envelope)."""
    found: list[tuple[str, PendingCommand, Envelope]] = []
    for name, store in stores.items():
        async with store.reading() as session:
            for state in STATES:
                rows = await session.pending.find(state=state, key=key, limit=KEPT_MAX)
                found += [(name, row, envelope_from_bytes(row.headers)) for row in rows]
    return found


async def _waits(stores: Mapping[str, Store], ids: Sequence[str]) -> dict[str, Wait]:
    found: dict[str, Wait] = {}
    for name, store in stores.items():
        async with store.reading() as session:
            for row in await session.pending.of_ids(ids):
                answer = "" if row.answer is None else reply_from_bytes(row.answer).type
                found[row.reply_to] = Wait(name, row.state, row.at_us, row.closed_us, row.by, answer)
    return found


async def _turns(
    stores: Mapping[str, Store],
    rows: Sequence[tuple[str, Envelope]],
    kept: Sequence[tuple[str, PendingCommand, Envelope]],
) -> dict[str, list[Turn]]:
    """The turns of the sagas that sent these messages, by the message that each is noted with."""
    sagas: dict[tuple[str, str, str], None] = {}
    for name, envelope in [*rows, *((envelope.source.partition("/")[0], envelope) for _, _, envelope in kept)]:
        if envelope.saga is not None and envelope.kind == "command" and name in stores:
            sagas[name, envelope.saga.saga, envelope.saga.saga_id] = None
    found: dict[str, list[Turn]] = {}
    for name, saga, saga_id in sagas:
        async with stores[name].reading() as session:
            for each in await session.sagas.history(saga, saga_id):
                if each.kind in TURNS:
                    turn = Turn(f"{saga} {saga_id}", each.kind, each.step, each.note, each.at_us)
                    found.setdefault(each.message_id, []).append(turn)
    return found


def _with_waits(
    hops: Mapping[str, Hop], waits: Mapping[str, Wait], turns: Mapping[str, Sequence[Turn]]
) -> dict[str, Hop]:
    """The messages with their waits and turns, and the answers from outside with their givers."""
    found = {name: replace(hop, wait=waits.get(name), turns=tuple(turns.get(name, ()))) for name, hop in hops.items()}
    for name, wait in waits.items():
        for each in found.values():
            if each.causation_id == name and each.service == wait.service and each.type == wait.answer:
                found[each.id] = replace(each, given_by=wait.by or "outside")
                break
    return found


def _is_shown(turn: Turn, hops: Mapping[str, Hop]) -> bool:
    """Whether a reminder is a message of the journey. Of one that was sent long ago the history alone is left."""
    if turn.kind != "reminded":
        return False
    return any(
        hop.name == turn.note.rpartition(".")[2] and abs(hop.at_us - turn.at_us) < NEAR_US for hop in hops.values()
    )


async def _edits(stores: Mapping[str, Store], ids: Sequence[str]) -> list[TrailEdit]:
    """The edits of these messages, and those of the copies: a copy that fails may be edited again."""
    found: list[TrailEdit] = []
    for store in stores.values():
        async with store.reading() as session:
            asked = list(ids)
            while edits := await session.trail.edits(asked):
                found += edits
                asked = [edit.copy_id for edit in edits]
    return found


def _original(row: TrailRow) -> str:
    """The id of the message in a row. A row for a retry topic or a topic of dead letters holds a copy: the bytes of the message
    under an id of its own, caused by the message."""
    with contextlib.suppress(msgspec.MsgspecError):
        return envelope_from_bytes(row.headers).id
    return row.causation_id or row.message_id


def _hops(
    rows: Sequence[tuple[str, TrailRow]], marks: Sequence[TrailMark], edits: Sequence[TrailEdit]
) -> dict[str, Hop]:
    marked = {(mark.message_id, mark.consumer) for mark in marks}
    edited = {(edit.message_id, edit.consumer) for edit in edits}
    edit_of = {edit.copy_id: edit.message_id for edit in edits}
    hops: dict[str, Hop] = {}
    handled: dict[str, list[Handling]] = {}
    copies: dict[str, list[Copy]] = {}
    for name, row in rows:
        original = _original(row)
        if original != row.message_id:
            copies.setdefault(original, []).append(Copy(name, row.topic.rpartition(f".{name}.")[2], row.at_us))
            continue
        hops[original] = Hop(original, row.type, row.key, row.correlation_id, row.causation_id, row.at_us, name)
        with contextlib.suppress(msgspec.MsgspecError):
            if envelope_from_bytes(row.headers).at_once and (original, name) not in marked:
                handled.setdefault(original, []).append(Handling(name, "handled", row.at_us))
    for mark in marks:
        # A command that came in by a local door left no outbox row, nor does an edited copy: only its mark records it.
        hops.setdefault(
            mark.message_id,
            Hop(mark.message_id, mark.type, mark.key, mark.correlation_id, mark.causation_id, mark.at_us, ""),
        )
        outcome = "edited" if (mark.message_id, mark.consumer) in edited else mark.outcome
        handled.setdefault(mark.message_id, []).append(Handling(mark.consumer, outcome, mark.at_us))
    for _, row in rows:
        original = _original(row)
        if original not in hops:  # only its copies are known: its own row and mark were purged, or never were here
            hops[original] = Hop(original, row.type, row.key, row.correlation_id, None, row.at_us, "")
    return {
        name: replace(
            hop,
            handled=tuple(handled.get(name, ())),
            copies=tuple(copies.get(name, ())),
            edit_of=edit_of.get(name, ""),
        )
        for name, hop in hops.items()
    }


def causal_order(hops: Mapping[str, Hop]) -> list[Hop]:
    """Depth first from the roots, each level by time; a message whose cause is unknown is a root."""
    children: dict[str | None, list[Hop]] = {}
    for hop in hops.values():
        parent = hop.causation_id if hop.causation_id in hops and hop.causation_id != hop.id else None
        children.setdefault(parent, []).append(hop)
    for siblings in children.values():
        siblings.sort(key=lambda h: (h.at_us, h.id))
    ordered: list[Hop] = []
    stack = [(hop, 0) for hop in reversed(children.get(None, []))]
    while stack:
        hop, depth = stack.pop()
        ordered.append(replace(hop, depth=depth))
        stack += [(child, depth + 1) for child in reversed(children.get(hop.id, []))]
    return ordered
