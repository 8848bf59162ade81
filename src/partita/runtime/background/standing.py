"""Standing: where the bus says that a group stands, compared with what its database has handled.

The two are kept apart, so a backup of either puts them at odds. A database that was put back has effects missing that the
bus believes done: the group goes back to the oldest record that may lack one, and the marks pass over the rest. What the
log no longer holds cannot be handled again: that is refused, and said. Positions are never used to skip: a log that was
begun anew gives them to other records.
"""

from __future__ import annotations

from datetime import UTC, datetime

from partita.bus.port import Stand, Subscription
from partita.clock import US
from partita.errors import StoreMismatch
from partita.store.claims import PUT_BY_A_PERSON, Attempts, Noted
from partita.store.groups import SENT_TO
from partita.store.port import Session
from partita.texts.foreign_text import logger

log = logger(__name__)


def wanted_from(stand: Stand, noted: Noted) -> int | None:
    """The offset from which records have to be handed out again; None = the group stands where its database is."""
    if noted.log == PUT_BY_A_PERSON:
        return None
    if not noted.log:  # nothing of this partition was ever in hand here: all of it is new
        if stand.next <= stand.oldest:
            return None
        return stand.oldest - 1 if stand.cut else stand.oldest
    if is_other_log(stand, noted) or stand.next <= noted.reached:
        return None
    return noted.first


def is_other_log(stand: Stand, noted: Noted) -> bool:
    """Whether the log was begun anew or put back, so that its offsets are those of other records."""
    return bool(noted.log) and noted.log != PUT_BY_A_PERSON and (noted.log != stand.log or stand.head < noted.reached)


async def compare(attempts: Attempts, subscription: Subscription, group: str, place: tuple[str, int]) -> bool | None:
    """Compare a partition that was claimed; returns whether it is handed out again from before, so that what came of it
    is void. None = it has gone meanwhile, or the bus cannot tell: nothing was compared.

    Raises:
        StoreMismatch: the log does not hold any more what the database lacks.
    """
    stand = await subscription.stand(place)
    if stand is None:
        return None
    noted = await attempts.noted(group, *place)
    wanted = wanted_from(stand, noted)
    if wanted is None:
        if noted.log != stand.log or stand.head < noted.reached:
            if is_other_log(stand, noted):
                log.warning("%s: %s[%d] is in another log than before, or one put back", group, *place)
            await attempts.note(group, *place, stand.log, stand.next)
        return False
    if wanted < stand.oldest:
        raise missing(group, place, stand, wanted)
    log.warning(
        "the database of %s was put back: %s[%d] is read again from %d on, the group stood at %d",
        group,
        *place,
        wanted,
        stand.next,
    )
    await subscription.rewind(place, wanted)
    await attempts.note(group, *place, stand.log, wanted)
    return True


async def send_again(session: Session, group: str, identity: str) -> None:
    """What was sent to a log that is there no more, or not as it was, is sent again as far as its rows are kept: the log was
    restored from a backup, or the app was given another one. Receivers drop what they had."""
    before = (await session.groups.kept(group)).get(SENT_TO, identity)
    await session.groups.keep(group, {SENT_TO: identity})
    if before != identity:
        count, since_us = await session.outbox.requeue()
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
    """Why a group does not go on: its database lacks effects of records that nobody has any more."""
    topic, partition = place
    return StoreMismatch(
        f"The database of {group} was restored from a backup that is older than the log: of {topic}[{partition}] it lacks what "
        f"came from offset {wanted} on, and the log holds nothing before {stand.oldest}. The group stood at {stand.next}.",
        hint=f"Put back a younger backup; or accept the loss: partita consumers reset {group} --topic {topic} --to start "
        f"handles all from {stand.oldest} on.",
    )
