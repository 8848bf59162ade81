"""Expiry: a message that is so old that its mark may be forgotten is not taken for a new one.

Of what was made before the oldest mark that was forgotten nobody can tell whether it was handled. Such a message becomes a
dead letter, and a person decides. A group that is new, or was away for days, has forgotten nothing since: to it
everything is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.catalog.service import Service
from partita.clock import US
from partita.errors import Expired
from partita.idempotency.inbox import NEW, Candidate, Place
from partita.message import Envelope, born_us
from partita.runtime.path.delivery import Delivery
from partita.store.port import Known, Session


def may_be_forgotten(
    service: Service, deliveries: Sequence[Delivery], candidates: Sequence[Candidate], known: Known, now_us: int
) -> list[Delivery]:
    """Those without a mark that are older than the window and that no number of their key tells to be new. Where they come
    out of the parking their mark is there; an undo that is known by its tombstone is answered, whatever its age."""
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
    """The ids of those that may have been handled and forgotten; the others are new."""
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
    """Why a message that may have been forgotten is not handled."""
    return Expired(
        f"{envelope.type} {envelope.id} is older than {service.name} remembers ({service.window_s:g} s): it may have been "
        "handled before.",
        hint="Look whether it was: replay it if not (partita dlq replay), else discard it.",
    )


def again_in(topic: str) -> str:
    """The name under which a group keeps since when it reads a topic again, because a person said so."""
    return f"again in {topic}"


def _made_us(envelope: Envelope) -> int:
    """As its mark tells it, where the id does; a saga sends a step again under its first id, at another time."""
    born = born_us(envelope.id)
    return envelope.time_us if born is None else born


def _is_of_its_saga(envelope: Envelope) -> bool:
    """An answer to a saga: the saga knows which of its steps is answered, however late."""
    return envelope.saga is not None and envelope.kind != "command"


def _is_counted(service: Service, candidate: Candidate, last: Mapping[Place, int]) -> bool:
    """Whether the number of its key decides, whatever its age. A saga's command that is sent again may have a new one."""
    if service.order != "key" or not candidate.numbered:
        return False
    envelope = candidate.envelope
    return envelope.saga is None or envelope.key_sequence <= last.get(candidate.place, 0)
