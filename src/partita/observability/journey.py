"""A journey: all messages of one key across services as a causal tree, with the services that handled them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from partita.message import envelope_from_bytes
from partita.store.port import Store
from partita.store.trail import TrailEdit, TrailMark, TrailRow


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
class Hop:
    """One message of a journey. `service` wrote it; empty = a command that came in by the local door. `depth` is the number
    of messages that caused it, one after the other. `edit_of` is the id of the message whose edited copy it is;
    empty = it is none."""

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
    return causal_order(_hops(rows, marks, edits))


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
