"""Expiry: a message so old that its mark may have been forgotten is not taken for a new one.

For a message made before the oldest forgotten mark it is unknown whether it was handled. It becomes a dead letter, and an
operator decides. A group that is new, or was away for days, has forgotten nothing since: to it everything is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.catalog.service import Service
from partita.clock import US
from partita.errors import Expired
from partita.idempotency.inbox import NEW, Candidate
from partita.message import Envelope, born_us
from partita.runtime.path.delivery import Delivery
from partita.store.port import Known, Session
from partita.store.sequences import SequenceKey


def may_be_forgotten(
    service: Service, deliveries: Sequence[Delivery], candidates: Sequence[Candidate], known: Known, now_us: int
) -> list[Delivery]:
    """The messages without a mark that are older than the window and not known as new by the number of their key. Messages
    from the parking have their mark; an undo that is known by its tombstone is answered, whatever its age."""
    oldest_us = now_us - round(service.window_s * US)
    return [
        delivery
        for delivery, candidate in zip(deliveries, candidates, strict=True)
        if candidate.origin is NEW
        and (candidate.envelope.time_us < oldest_us or candidate.envelope.saga is not None)
        and delivery.parked is None
        and not _is_of_its_saga(candidate.envelope)
        and _made_us(candidate.envelope) < oldest_us
        and not _is_counted(service, candidate, known.last)
        and (service.name, candidate.envelope.id) not in known.marks
        and candidate.step not in known.undone
    ]


async def forgotten(session: Session, service: Service, old: Sequence[Delivery]) -> frozenset[str]:
    """The ids of messages that may have been handled and forgotten; the others are new."""
    group = service.name
    forgotten_us = await session.inbox.forgotten_us()
    old = [d for d in old if d.envelope is not None and _made_us(d.envelope) <= forgotten_us]
    if not old:
        return frozenset()
    waiting = await session.parking.get(group, [d.name for d in old])
    again = await session.groups.kept(group)
    return frozenset(
        delivery.name
        for delivery in old
        if delivery.name not in waiting
        and (delivery.record is None or delivery.record.appended_us > int(again.get(again_in(delivery.topic), 0)))
    )


def too_old(service: Service, envelope: Envelope) -> Expired:
    """The error for a message that may have been handled and forgotten."""
    return Expired(
        f"{envelope.type} {envelope.id} is older than the memory of {service.name} ({service.window_s:g} s): it may have been "
        "handled before.",
        hint="Look whether it was: replay it if not (partita dlq replay), else discard it.",
    )


def again_in(topic: str) -> str:
    """The name under which a group keeps the time since which it reads a topic again after an operator's reset."""
    return f"again in {topic}"


def _made_us(envelope: Envelope) -> int:
    """The time when it was made: of its mark, if the id has it; a saga sends a step again under its first id, at
    another time."""
    born = born_us(envelope.id)
    return envelope.time_us if born is None else born


def _is_of_its_saga(envelope: Envelope) -> bool:
    """Whether it answers a saga: the saga knows which of its steps is answered, however late."""
    return envelope.saga is not None and envelope.kind != "command"


def _is_counted(service: Service, candidate: Candidate, last: Mapping[SequenceKey, int]) -> bool:
    """Whether the number of its key decides, whatever its age. A saga's repeated command may have a new number."""
    if service.order != "key" or not candidate.numbered:
        return False
    envelope = candidate.envelope
    return envelope.saga is None or envelope.key_sequence <= last.get(candidate.place, 0)
