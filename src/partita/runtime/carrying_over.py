"""Carrying over: what waits in a group's database under an earlier version of its service, made ready for this one.

A deploy may change tiers, order, topics and their partitions while messages wait. Each is found again under what is
declared now; what could only wait for ever is refused at the start, with how much it is and one of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.catalog.service import Service
from partita.errors import StoreMismatch
from partita.idempotency.inbox import begin_anew
from partita.store.parking import ParkedPlace
from partita.store.port import Session
from partita.texts.foreign_text import logger

log = logger(__name__)
ORDER = "order"


async def carry_over(session: Session, service: Service, topics: Sequence[str]) -> None:
    """Fit what waits in the parking of a service to how it is declared now; `topics` are those that it reads.

    Raises:
        StoreMismatch: messages of a topic wait that it does not read any more; nothing was changed.
    """
    group = service.name
    _refuse_unread(group, await session.parking.places(group), topics)
    before = (await session.groups.kept(group)).get(ORDER, service.order)
    if (before, service.order) == ("key", "none"):
        freed = await session.parking.loosen(group)
        log.warning("%s keeps no order any more: %d messages that waited for others run now", group, freed)
    elif (before, service.order) == ("none", "key"):
        # What it handled without order moved no number: the next one of each key is its base.
        for topic in topics:
            await begin_anew(session, group, topic)
        log.warning("%s keeps order from here on: each key goes on with its next message", group)
    await session.groups.keep(group, {ORDER: service.order})


async def carry_over_partitions(session: Session, group: str, partitions: Mapping[str, int]) -> None:
    """Give what waits of partitions that are not there any more to those that are: only who holds a partition may run
    its messages, and nobody holds one that is no more. `partitions` counts those of the topics that exist."""
    for place in await session.parking.places(group):
        count = partitions.get(place.topic, 0)
        if count and place.partition >= count:
            moved = await session.parking.rehome(group, (place.topic, place.partition), place.partition % count)
            log.warning(
                "%s: %s has %d partitions, %d messages of its former partition %d are taken up by partition %d",
                group,
                place.topic,
                count,
                moved,
                place.partition,
                place.partition % count,
            )


def _refuse_unread(group: str, places: Sequence[ParkedPlace], topics: Sequence[str]) -> None:
    unread = [place for place in places if place.topic not in topics]
    if unread:
        one = unread[0]
        count = sum(place.messages for place in unread if place.topic == one.topic)
        others = sorted({place.topic for place in unread} - {one.topic})
        also = f"; also of {', '.join(others)}" if others else ""
        raise StoreMismatch(
            f"{count} messages of {one.topic} wait in {group}, which does not read that topic any more: "
            f"one of them is {one.message_id} of key {one.key} ({one.state}){also}.",
            hint="Start the former version until they are handled, and decide about its dead letters (partita dlq); then "
            "this one.",
        )
