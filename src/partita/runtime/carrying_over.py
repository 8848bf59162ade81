"""Carrying over: messages that wait in a group's database from an earlier version of its service, adapted to this one.

A deploy may change delays, order, topics and their partitions while messages wait. Each message is assigned to the present
declarations; one that could only wait for ever refuses the start, with the number of such messages and an example.
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
    """Adapt a service's parked messages to its present declaration; `topics` are those that it reads.

    Raises:
        StoreMismatch: messages wait of a topic that it no longer reads; nothing was changed.
    """
    group = service.name
    _refuse_unread(group, await session.parking.places(group), topics)
    before = (await session.groups.kept(group)).get(ORDER, service.order)
    if (before, service.order) == ("key", "none"):
        loosened = await session.parking.loosen(group)
        session.sequences.count_in(loosened.gaps)
        freed = loosened.behind + len(loosened.gaps)
        log.warning("%s keeps no order any more: %d messages that waited for others run now", group, freed)
    elif (before, service.order) == ("none", "key"):
        # Messages handled without order moved no number: the next one of each key is its base.
        for topic in topics:
            await begin_anew(session, group, topic)
        log.warning("%s keeps order from here on: each key goes on with its next message", group)
    await session.groups.keep(group, {ORDER: service.order})


async def carry_over_partitions(session: Session, group: str, partitions: Mapping[str, int]) -> None:
    """Assign the messages of partitions that no longer exist to existing ones: only the holder of a partition may run its
    messages, and a missing partition has no holder. `partitions` counts those of the existing topics."""
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
