"""A journey: all messages of one key across services as a causal tree, with the services that handled them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from partita.message import envelope_from_bytes
from partita.store.port import Store
from partita.store.trail import TrailMark, TrailRow


@dataclass(frozen=True, slots=True)
class Handling:
    """The mark of a service that handled a message."""

    by: str
    outcome: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Hop:
    """One message of a journey. `service` wrote it; empty = a command that came in by the local door. `depth` is the number of
    messages that caused it, one after the other."""

    id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    at_us: int
    service: str
    handled: tuple[Handling, ...] = ()
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
    ids = list(dict.fromkeys([row.message_id for _, row in rows] + list(correlations)))
    marks: list[TrailMark] = []
    for store in stores.values():
        async with store.reading() as session:
            marks += await session.trail.marks(ids)
    return causal_order(_hops(rows, marks))


def _hops(rows: Sequence[tuple[str, TrailRow]], marks: Sequence[TrailMark]) -> dict[str, Hop]:
    marked = {(mark.message_id, mark.consumer) for mark in marks}
    hops = {
        row.message_id: Hop(row.message_id, row.type, row.key, row.correlation_id, row.causation_id, row.at_us, name)
        for name, row in rows
    }
    handled: dict[str, list[Handling]] = {}
    for name, row in rows:
        with contextlib.suppress(msgspec.MsgspecError):
            if envelope_from_bytes(row.headers).at_once and (row.message_id, name) not in marked:
                handled.setdefault(row.message_id, []).append(Handling(name, "handled", row.at_us))
    for mark in marks:
        # A command that came in by a local door left no outbox row: only its mark records it.
        hops.setdefault(
            mark.message_id,
            Hop(mark.message_id, mark.type, mark.key, mark.correlation_id, mark.causation_id, mark.at_us, ""),
        )
        handled.setdefault(mark.message_id, []).append(Handling(mark.consumer, mark.outcome, mark.at_us))
    return {name: replace(hop, handled=tuple(handled.get(name, ()))) for name, hop in hops.items()}


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
