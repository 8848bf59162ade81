"""Standing: a group's position on the bus, compared with the records that its database has handled.

The two are stored apart, so a backup of either makes them differ. A restored database lacks effects of records that are
done on the bus: the group goes back to the oldest record that may lack one, and the marks skip the rest. Records that
the log no longer holds cannot be handled again: that is refused and reported. Positions are never used to skip: a log
that began again gives them to other records.
"""

from __future__ import annotations

from datetime import UTC, datetime

from partita.bus.port import Stand, Subscription
from partita.clock import US
from partita.errors import StoreMismatch
from partita.store.claims import PUT_BY_A_PERSON, Noted
from partita.store.groups import SENT_TO
from partita.store.port import Session, Store
from partita.texts.foreign_text import logger

log = logger(__name__)


def wanted_from(stand: Stand, noted: Noted) -> int | None:
    """The offset from which records must be handed out again; None = the group's position and its database agree."""
    if noted.log == PUT_BY_A_PERSON:
        return None
    if not noted.log:  # no record of this partition was ever in hand here: all are new
        if stand.next <= stand.oldest:
            return None
        return stand.oldest - 1 if stand.cut else stand.oldest
    if is_other_log(stand, noted) or stand.next <= noted.reached:
        return None
    return noted.first


def is_other_log(stand: Stand, noted: Noted) -> bool:
    """Whether the log began again or was restored, so that its offsets are those of other records."""
    return bool(noted.log) and noted.log != PUT_BY_A_PERSON and (noted.log != stand.log or stand.head < noted.reached)


async def compare(store: Store, subscription: Subscription, group: str, place: tuple[str, int]) -> bool | None:
    """Compare a claimed partition; returns whether it is handed out again from an earlier offset, so that records polled
    already are void. None = it has gone meanwhile, or the bus does not know: nothing was compared.

    Raises:
        StoreMismatch: the log no longer holds records that the database lacks.
    """
    stand = await subscription.stand(place)
    if stand is None:
        return None
    async with store.reading(consistent=False) as session:
        noted = await session.claims.noted(group, *place)
    wanted = wanted_from(stand, noted)
    if wanted is None:
        if noted.log != stand.log or stand.head < noted.reached:
            if is_other_log(stand, noted):
                log.warning("%s: %s[%d] is in another log than before, or in a restored one", group, *place)
            async with store.transaction(durable=False) as session:
                await session.claims.note(group, *place, stand.log, stand.next)
        return False
    if wanted < stand.oldest:
        raise missing(group, place, stand, wanted)
    log.warning(
        "the database of %s was restored: %s[%d] is read again from %d on, the group was at %d",
        group,
        *place,
        wanted,
        stand.next,
    )
    await subscription.rewind(place, wanted)
    async with store.transaction(durable=False) as session:
        await session.claims.note(group, *place, stand.log, wanted)
    return True


async def send_again(session: Session, group: str, identity: str, since_us: int) -> None:
    """Queue messages again that were sent to a log which no longer exists or was restored, as far as their rows are kept: the
    log was restored from a backup, or the app was given another one. Receivers drop the copies."""
    before = (await session.groups.kept(group)).get(SENT_TO, identity)
    await session.groups.keep(group, {SENT_TO: identity})
    if before != identity:
        count, since_us = await session.outbox.requeue(since_us)
        log.warning(
            "%s: the log is %s, it was %s: %d messages are sent again, all since %s UTC; what was sent before that is kept no "
            "more",
            group,
            identity,
            before,
            count,
            datetime.fromtimestamp(since_us / US, UTC).isoformat(timespec="seconds"),
        )


def missing(group: str, place: tuple[str, int], stand: Stand, wanted: int) -> StoreMismatch:
    """The error that a group cannot go on: its database lacks effects of records that no longer exist."""
    topic, partition = place
    return StoreMismatch(
        f"The database of {group} was restored from a backup that is older than the log: of {topic}[{partition}] it lacks "
        f"the records from offset {wanted} on, and the log holds nothing before {stand.oldest}. The group was at {stand.next}.",
        hint=f"Restore a younger backup; or accept the loss: partita consumers reset {group} --topic {topic} --to start "
        f"handles all from {stand.oldest} on.",
    )
