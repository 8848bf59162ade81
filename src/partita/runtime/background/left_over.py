"""The work that is left when nothing moves without time passing or a person deciding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from partita.observability.why import clock_time
from partita.store.dead_letters import LetterFilter
from partita.store.parking import ParkingStatus
from partita.store.port import Session, Store

LOOK_AT = 100
CAUSE_CHARS_MAX = 200


class LeftOver(NamedTuple):
    """In words, empty = none: work that time will do, work that needs a person and is not a dead letter, and dead letters
    with the messages behind them."""

    for_time: str = ""
    for_people: str = ""
    dead: str = ""

    def to_decide(self, *, dead_letters: bool) -> str:
        """The work that needs a person, with the dead letters or without."""
        return ", ".join(text for text in (self.for_people, "" if dead_letters else self.dead) if text)


class LookBack:
    """Finds the work left in some services; of dead letters, only those since the last look that was kept (`since_us`)."""

    def __init__(self) -> None:
        self._since_us: dict[str, int] = {}

    async def begin(self, stores: Mapping[str, Store]) -> None:
        """Take the dead letters up to now as known."""
        self._since_us = {name: await store.now_us() for name, store in stores.items()}

    async def left(self, stores: Mapping[str, Store]) -> LeftOver:
        """The work that is left now."""
        for_time: list[str] = []
        for_people: list[str] = []
        dead: list[str] = []
        for name, store in stores.items():
            since_us = self._since_us.get(name, 0)
            async with store.reading() as session:
                parked = await session.parking.status(name)
                # A number that has arrived is handled: the messages that waited for it are taken next.
                filled = await _filled(session, name, parked) if parked.gap else 0
                due_us = await session.parking.next_due_us(name)
                refused = (await session.outbox.status()).parked
                attention = await session.sagas.find(status="needs_attention", limit=LOOK_AT)
                died = await session.dead_letters.count(name, LetterFilter())
                if died:
                    died -= await session.dead_letters.count(name, LetterFilter(before_us=since_us))
                newest = await session.dead_letters.find(name, 1) if died else ()
            if parked.waiting and due_us is not None:
                for_time.append(
                    f"{parked.waiting} messages of {name} for their next try, the first at {clock_time(due_us)}"
                )
            if parked.ready + filled:
                for_time.append(f"{parked.ready + filled} messages of {name} for their turn")
            if parked.gap > filled:
                for_people.append(f"{parked.gap - filled} messages of {name} for one of their key that has not come")
            if refused:
                for_people.append(f"{refused} messages of {name} that the bus refused, or behind one")
            stuck = [row for row in attention if row.updated_us >= since_us]
            if stuck:
                for_people.append(f"saga {stuck[0].saga} {stuck[0].saga_id} needs attention")
            if parked.behind:
                # Behind a dead letter, or behind a message that itself waits.
                behind = for_time if parked.waiting or parked.ready else dead
                behind.append(f"{parked.behind} messages of {name} behind others of their key")
            for letter in newest:
                short = letter.type.rpartition(".")[2] or "a message"
                cause = f"{letter.cause_type}: {letter.cause}".replace("\n", " ")[:CAUSE_CHARS_MAX]
                dead.append(f"{died} messages of {name} died, the last {short} of key {letter.key}: {cause}")
        return LeftOver(", ".join(for_time), ", ".join(for_people), ", ".join(dead))


async def _filled(session: Session, group: str, parked: ParkingStatus) -> int:
    """The number of messages that no longer wait for an earlier number of their key."""
    places = [(place.topic, place.partition) for place in await session.parking.places(group)]
    rows = await session.parking.ready(group, places, parked.ready + parked.gap)
    return sum(row.state == "gap" for row in rows)
