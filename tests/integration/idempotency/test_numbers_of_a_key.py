"""Each number of a key counts in its turn, whatever happened to its message: no message waits for a number that has
arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.integration.desk import Desk
from tests.virtual_time import virtually

from partita import Retry
from partita.bus.port import Outgoing
from partita.message import envelope_from_bytes, envelope_to_bytes
from partita.operators.steering import accept_gap, pause_group, reset_group, resume_group

TIERS = Retry(in_place=0, delays=(3_600.0,))


async def _nothing(desk: Desk) -> None:
    """No one needs to do anything."""


class Way(NamedTuple):
    """A way in which the message of a number is consumed: the records that arrive; before it `first` is handled;
    `then` is a person's decision about a letter."""

    name: str
    what: str  # the message class of the messages around it
    records: Callable[[Desk, int], Sequence[Outgoing]]
    then: Callable[[Desk], Awaitable[None]] = _nothing
    retry: Retry | None = None


def _other_content(desk: Desk, number: int) -> list[Outgoing]:
    return [desk.record(desk.Moved(key="k", number=99), number, "Moved-k-1")]


def _cut(desk: Desk, number: int) -> list[Outgoing]:
    record = desk.record(desk.Moved(key="k", number=99), number)
    return [record._replace(value=record.value[:-1])]


def _of_type(what: str, name: str) -> Callable[[Desk, int], list[Outgoing]]:
    def records(desk: Desk, number: int) -> list[Outgoing]:
        return [desk.record(getattr(desk, what)(key="k", number=99), number, type=name)]

    return records


def _fated(fate: str) -> Callable[[Desk, int], list[Outgoing]]:
    return lambda desk, number: [desk.record(desk.Moved(key="k", number=99, fate=fate), number)]


def _undone_before(desk: Desk, number: int) -> list[Outgoing]:
    undo = desk.step(desk.Unwork(key="other", number=77), 1, "undo")
    return [undo, desk.step(desk.Work(key="k", number=99), number, "do")]


def _overtaken(desk: Desk, number: int) -> list[Outgoing]:
    do = desk.step(desk.Work(key="k", number=99, fate="fails"), number, "do")
    return [do, desk.step(desk.Unwork(key="other", number=77), 1, "undo")]


def _sent_again_while_dead(desk: Desk, number: int) -> list[Outgoing]:
    do = desk.step(desk.Work(key="x", number=99, fate="fails"), 1, "do")
    envelope = envelope_from_bytes(do.headers)
    envelope.key_sequence = number
    return [do, do._replace(key="k", headers=envelope_to_bytes(envelope))]


WAYS = [
    Way("a copy with a new number", "Moved", lambda d, n: [d.record(d.Moved(key="k", number=1), n, "Moved-k-1")]),
    Way("a copy of a command", "Work", lambda d, n: [d.record(d.Work(key="k", number=1), n, "Work-k-1")]),
    Way("a conflict", "Moved", _other_content),
    Way("a value that cannot be decoded", "Moved", _cut, Desk.discard),
    Way("a schema that nobody knows", "Moved", lambda d, n: [d.record(d.Moved(key="k", number=9), n, schema="f" * 16)],
        Desk.discard),
    Way("an event nobody subscribes to", "Moved", lambda d, n: [d.record(d.Ignored(key="k"), n)]),
    Way("a command of a type not known here", "Work", _of_type("Work", "test.desk.v1.Newer"), Desk.discard),
    Way("a dead letter", "Moved", _fated("fails"), Desk.discard),
    Way("one that its policy discards", "Moved", _fated("discarded")),
    Way("a repeat by its business key", "Shipped",
        lambda d, n: [d.record(d.Shipped(key="k", number=99, parcel="p1"), n)]),
    Way("a command that was undone before it came", "Work", _undone_before),
    Way("a command that its undo took out of the parking", "Work", _overtaken, retry=TIERS),
]  # fmt: skip


def _around(desk: Desk, way: Way, number: int) -> Outgoing:
    """A message of the key that is handled."""
    if way.what == "Shipped":
        return desk.record(desk.Shipped(key="k", number=number, parcel=f"p{number}"), number)
    return desk.record(getattr(desk, way.what)(key="k", number=number), number)


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
@virtually
async def test_the_next_of_the_key_is_handled(way: Way, store: str, tmp_path: Path) -> None:
    """Whatever happened to the message before it, and never before it."""
    desk = Desk(tmp_path / "data", store, retry=way.retry)
    async with desk.app.running():
        await desk.append(_around(desk, way, 1), *way.records(desk, 2), _around(desk, way, 3))
        await way.then(desk)

        await desk.until_done(1, 3)
        await desk.until_parked(keys=0)


@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
@virtually
async def test_the_next_of_the_key_is_handled_where_it_came_before_its_turn(
    way: Way, store: str, tmp_path: Path
) -> None:
    """An earlier number is missing at first: a number consumed meanwhile must not become one that never comes."""
    desk = Desk(tmp_path / "data", store, retry=way.retry)
    async with desk.app.running():
        await desk.append(_around(desk, way, 1), *way.records(desk, 3), _around(desk, way, 4))
        await desk.until_parked(gap=2)
        assert await desk.done() == [1]
        await desk.append(_around(desk, way, 2))
        await way.then(desk)

        await desk.until_done(1, 2, 4)
        await desk.until_parked(keys=0)


@pytest.mark.parametrize("ahead", [False, True])
@virtually
async def test_a_step_that_died_and_is_sent_again_counts_too(ahead: bool, store: str, tmp_path: Path) -> None:
    """Its saga sends the dead one again, and the number that comes with the copy counts."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running():
        work = [desk.record(desk.Work(key="k", number=n), n) for n in range(1, 6)]
        dead = desk.step(desk.Work(key="k", number=2, fate="fails"), 2, "do")
        again = desk.step(desk.Work(key="k", number=2, fate="fails"), 4, "do")._replace(id=dead.id)
        headers = envelope_from_bytes(again.headers)
        headers.id = dead.id
        again = again._replace(headers=envelope_to_bytes(headers))
        await desk.append(work[0], dead)
        await desk.until_letters(1)
        desk.healed.add(2)
        if ahead:
            await desk.append(again, work[4], work[2])
        else:
            await desk.append(work[2], again, work[4])

        await desk.until_done(1, 2, 3, 5)
        await desk.until_parked(keys=0)


@pytest.mark.parametrize("in_one_batch", [False, True])
@virtually
async def test_copies_that_wait_for_their_turn_are_told_apart(in_one_batch: bool, store: str, tmp_path: Path) -> None:
    """One id came under three numbers while an earlier one was missing: it is handled at the first of them, and the
    others count."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running():
        moved = {n: desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 4, 6)}
        copies = [desk.record(desk.Moved(key="k", number=3), n, "three") for n in (5, 3, 7)]
        last = desk.record(desk.Moved(key="k", number=8), 8)
        await desk.append(moved[1])
        if in_one_batch:
            await desk.app.bus.append(copies)
        else:
            await desk.append(*copies)
        await desk.append(moved[4], moved[6], last)
        await desk.until_parked(gap=6)
        await desk.append(moved[2])

        await desk.until_done(1, 2, 3, 4, 6, 8)
        await desk.until_parked(keys=0)
        assert not await desk.letters("")


@virtually
async def test_another_content_under_an_id_that_waits_for_its_turn_is_a_letter(store: str, tmp_path: Path) -> None:
    """It is not a copy: if it were dropped with the copies, it would be silently lost."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running():
        one, two, five = (desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 5))
        three, four = (desk.record(desk.Moved(key="k", number=n), n, "three") for n in (3, 4))
        await desk.append(one, three, four, five)
        (letter,) = await desk.until_letters(1)
        await desk.append(two)

        await desk.until_done(1, 2, 3, 5)
        assert letter.cause_type == "Conflict" and letter.value == four.value


@virtually
async def test_what_came_before_its_turn_is_never_handled_before_its_turn(store: str, tmp_path: Path) -> None:
    """The later messages were parked first. When an earlier one has to wait in a retry topic they queue behind it by
    their numbers."""
    desk = Desk(tmp_path / "data", store, retry=TIERS)
    async with desk.app.running() as system:
        moved = {n: desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 4, 5)}
        fails = desk.record(desk.Moved(key="k", number=3, fate="fails"), 3)
        await desk.append(moved[1], moved[5], fails)
        await desk.until_parked(gap=2)
        await desk.append(moved[2])
        await desk.until_parked(waiting=1, gap=1)
        await desk.append(moved[4])
        await desk.until_parked(waiting=1, behind=2)
        desk.healed.add(3)
        async with system.stores["desk"].transaction() as session:
            assert await session.parking.make_overdue_ready("desk", 2**62, 10) == 1

        await desk.until_done(1, 2, 3, 4, 5)


@virtually
async def test_what_cannot_be_decoded_and_came_before_its_turn_is_a_letter_in_its_turn(
    store: str, tmp_path: Path
) -> None:
    """It is neither dropped nor reported before the messages that come before it, and it holds the messages behind
    it."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running():
        one, two, four = (desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 4))
        (cut,) = _cut(desk, 3)
        await desk.append(one, cut, four)
        await desk.until_parked(gap=2)
        assert not await desk.letters()
        await desk.append(two)
        (letter,) = await desk.until_letters(1)

        await desk.until_parked(dead=1, behind=1)
        assert letter.value == cut.value and await desk.done() == [1, 2]
        await desk.discard()
        await desk.until_done(1, 2, 4)


@virtually
async def test_what_was_handled_at_once_counts_after_a_reset(store: str, tmp_path: Path) -> None:
    """A reset forgets the numbers, and copies of messages that were handled at once are skipped: their numbers must
    count."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running() as system:
        await desk.append(desk.record(desk.Moved(key="other", number=60), 1))
        await desk.app.settled()
        own = system.stores["desk"]
        await pause_group(own, reason="", by="ann")
        await reset_group(own, system.bus, desk.desk.events_topic, "start", reason="again", by="ann")
        await resume_group(own, reason="", by="ann")
    async with desk.app.running() as system:
        source = system.stores["desk"].source
        notes = [desk.record(desk.Noted(key="k", number=n), n, source=source, at_once=n == 2) for n in (1, 2, 3)]
        await desk.append(*notes)

        await desk.until_done(1, 3)


@virtually
async def test_what_came_behind_the_base_of_its_key_is_told_and_not_dropped(store: str, tmp_path: Path) -> None:
    """The group saw numbers 2 and 3 first. To handle number 1 now would break the order, to drop it would lose it."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running() as system:
        one, two, three, four = (desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 3, 4))
        await desk.append(two, three)
        await desk.until_done(2, 3)
        await desk.append(one, one, two, four)
        await desk.until_done(2, 3, 4)
        (letter,) = await desk.until_letters(1)

        assert (letter.cause_type, letter.message_id) == ("Overtaken", "Moved-k-1")
        await desk.app.settled(dead_letters=True)
        assert await told(system) == {"dlq": 1, "faults": 1}
        async with system.stores["desk"].transaction() as session:
            await session.inbox.purge(2**62, 1_000)
        await desk.append(two, four)
        five = desk.record(desk.Moved(key="k", number=5), 5)
        await desk.append(five)
        await desk.until_done(2, 3, 4, 5)
        assert len(await desk.letters("")) == 1, "a late copy of what was handled is no letter"


@virtually
async def test_what_was_given_up_and_comes_after_all_is_told(store: str, tmp_path: Path) -> None:
    """A person has given up number 2; it is not a copy of a handled message."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running() as system:
        one, two, three = (desk.record(desk.Moved(key="k", number=n), n) for n in (1, 2, 3))
        await desk.append(one, three)
        await desk.until_parked(gap=1)
        await accept_gap(system.stores["desk"], three.topic, "k", reason="lost", by="ann")
        await desk.until_done(1, 3)
        await desk.append(two)

        (letter,) = await desk.until_letters(1)
        assert letter.cause_type == "Overtaken" and await desk.done() == [1, 3]


@virtually
async def test_a_conflict_is_told_as_every_letter_is(store: str, tmp_path: Path) -> None:
    """On the dead-letter topic and as a fault, once however often the copy comes."""
    desk = Desk(tmp_path / "data", store)
    async with desk.app.running() as system:
        (other,) = _other_content(desk, 2)
        await desk.append(desk.record(desk.Moved(key="k", number=1), 1), other, other)
        await desk.append(desk.record(desk.Moved(key="k", number=3), 3))
        await desk.until_done(1, 3)
        (letter,) = await desk.until_letters(1)
        await desk.app.settled(dead_letters=True)

        assert letter.cause_type == "Conflict" and await told(system) == {"dlq": 1, "faults": 1}


async def told(system: Any) -> dict[str, int]:
    """The number of records that the service sent, by the last word of their topic."""
    async with system.stores["desk"].reading() as session:
        rows = await session.fetch(
            "SELECT aggregatetype AS topic, count(*) AS n FROM outbox GROUP BY aggregatetype", {}
        )
    return {row["topic"].rpartition(".")[2]: row["n"] for row in rows}
