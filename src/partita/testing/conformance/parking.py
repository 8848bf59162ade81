"""Cases of a store about messages that could not be handled; part of the store's suite."""

from __future__ import annotations

from partita.store.dead_letters import Failure, LetterFilter
from partita.store.groups import Said
from partita.store.outbox import NOT_SENT
from partita.store.parking import Loosened
from partita.store.port import Asked
from partita.testing.conformance.rows import (
    Case,
    OpenStore,
    dead_letter,
    inbox_row,
    opened,
    outbox_row,
    parked_row,
    unsent,
)


async def a_letter_is_kept_once_and_opens_again(open_store: OpenStore) -> None:
    """A copy after a crash is the same letter; a message that dies again after its replay is the same letter too."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.dead_letters.add([dead_letter(1)])
        await session.dead_letters.add([dead_letter(1)._replace(id="copy", at_us=9)])
        assert await session.dead_letters.count() == 1, "a copy was counted"
        await session.dead_letters.settle("group", ["m1"], "handled", 10)
        assert (await session.dead_letters.find())[0].status == "handled"
        await session.dead_letters.add([dead_letter(1)._replace(id="again", attempts=9)])
        (letter,) = await session.dead_letters.find()
        assert (letter.id, letter.status, letter.attempts) == ("d1", "open", 9)


async def letters_are_found_by_what_people_ask(open_store: OpenStore) -> None:
    """By filters, in groups by cause, and in pages with a fixed order."""
    async with opened(open_store) as store, store.transaction() as session:
        letters = [dead_letter(n)._replace(fingerprint=f"f{n % 2}", key=f"k{n}", type="a.v1.T") for n in range(5)]
        await session.dead_letters.add(letters)
        assert await session.dead_letters.close(["d4"], "discarded", "old", 7) == 1
        groups = await session.dead_letters.groups("group")
        assert [(g.fingerprint, g.letters) for g in groups] == [("f0", 2), ("f1", 2)]
        where = LetterFilter(fingerprint="f0")
        assert [x.id for x in await session.dead_letters.find("group", 10, where)] == ["d0", "d2"]
        assert [x.id for x in await session.dead_letters.find("group", 10, where, "d0")] == ["d2"]
        assert await session.dead_letters.count("group", LetterFilter(type="T", key="k3")) == 1
        assert await session.dead_letters.count("group", LetterFilter(ids=("d1", "d9"))) == 1
        assert await session.dead_letters.ending("1", 5) == await session.dead_letters.ending("d1", 5) == ["d1"]
        assert len(await session.dead_letters.ending("", 2)) <= 2 and await session.dead_letters.ending("nd1", 5) == []
        await session.dead_letters.supersede("d1", dead_letter(9), 8)
        old, new = await session.dead_letters.find("group", 10, LetterFilter(status="", ids=("d1", "d9")))
        assert (old.status, old.superseded_by, new.status) == ("superseded", "d9", "open")
        assert await session.dead_letters.purge(8, 10) == 1, (
            "letters closed before that time are forgotten, and no others"
        )


async def failures_are_forgotten_when_nobody_waits_for_their_message(open_store: OpenStore) -> None:
    """A message that succeeds at its second try leaves no letter, so nothing else would delete its failure."""
    async with opened(open_store) as store, store.transaction() as session:
        letters = session.dead_letters
        await letters.failed([Failure("group", f"m{n}", n, "in place", 1, "E", "e", "f") for n in range(8)])
        await session.parking.add([parked_row("m0", state="waiting")])
        await letters.add([dead_letter(1)])
        behind, pieces = await letters.purge_failures(6, 0, 4), 1
        assert len([n for n in range(8) if await letters.failures("group", f"m{n}")]) == 6, "a batch has its limit"
        while behind:
            behind, pieces = await letters.purge_failures(6, behind, 4), pieces + 1
        assert pieces == 2, "each is looked at once"
        kept = [n for n in range(8) if await letters.failures("group", f"m{n}")]
        assert kept == [0, 1, 6, 7], "a message that is parked, or has a letter, keeps its causes"


async def a_key_is_held_until_its_first_is_gone(open_store: OpenStore) -> None:
    """Later messages queue behind a parked one; when it goes, the next is ready, and no other."""
    place = [("topic", 0)]
    async with opened(open_store) as store, store.transaction() as session:
        parking = session.parking
        first = parked_row("m1", state="waiting")._replace(due_us=50)
        await parking.add([first, parked_row("m2"), parked_row("m3"), parked_row("n1", "other", "ready")])
        await parking.add([first])
        asked = [("topic", "k"), ("topic", "free"), ("elsewhere", "k")]
        assert await parking.held("group", asked) == {("topic", "k")}
        assert not await parking.held("another group", asked)
        behind = [row.message_id for row in await parking.behind("group", [("topic", "k")], 10)]
        assert behind == ["m2", "m3"], "the messages behind it, in their order"
        assert [row.message_id for row in await parking.ready("group", place, 10)] == ["n1"]
        assert not await parking.ready("group", [("topic", 1)], 10), "another partition's"
        assert await parking.next_due_us("group") == first.due_us
        assert await parking.next_due_us("another group") is None
        assert await parking.make_ready("group", ["m1", "m2"], 49) == 0, "it is not due"
        assert await parking.make_ready("group", ["m1", "m2"], 50) == 1
        assert await parking.remove("group", ["m1"]) == 1
        assert [row.message_id for row in await parking.ready("group", place, 10)] == ["m2", "n1"]
        await parking.move("group", ["m2"], "dead", 2, 0)
        assert await parking.remove("group", ["m3"]) == 0, (
            "a message behind a dead letter was removed, though the letter holds the key"
        )
        assert (await parking.status("group")).dead == 1
        assert [row.message_id for row in await parking.of_key("group", "topic", "k", 9)] == ["m2"]


async def a_gap_is_ready_when_its_predecessor_was_handled(open_store: OpenStore) -> None:
    """It holds no earlier message, and waits for exactly the missing number."""
    place = [("topic", 0)]
    async with opened(open_store) as store, store.transaction() as session:
        await session.parking.add([parked_row("m5", state="gap")._replace(number=5)])
        assert not await session.parking.held("group", [("topic", "k")])
        session.sequences.count_in({("src", "topic", "k"): 3})
        await session.sequences.write()
        assert not await session.parking.ready("group", place, 10)
        session.sequences.count_in({("src", "topic", "k"): 4})
        await session.sequences.write()
        assert [row.message_id for row in await session.parking.ready("group", place, 10)] == ["m5"]


async def the_mark_of_a_parked_message_outlives_the_window(open_store: OpenStore) -> None:
    """It may wait for weeks. Without its mark, a copy would be handled as a new message."""
    async with opened(open_store) as store, store.transaction() as session:
        marks = [inbox_row("m1")._replace(outcome="waiting"), inbox_row("m2")._replace(outcome="dead"), inbox_row("m3")]
        await session.inbox.mark(marks)
        await session.parking.add([parked_row("m1", state="waiting"), parked_row("m2", state="dead")])
        assert await session.inbox.purge(100, 10) == 1
        await session.parking.remove("group", ["m1"])
        assert await session.inbox.purge(100, 10) == 1
        assert set(await session.inbox.seen("group", ["m1", "m2", "m3"])) == {"m2"}


async def the_mark_of_an_open_letter_outlives_the_window(open_store: OpenStore) -> None:
    """Without order the letter's message is not parked, and a copy that comes before the replay must be known."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark(
            [inbox_row(f"m{n}")._replace(outcome=o) for n, o in ((1, "fatal"), (2, "dead"), (3, "dead"))]
        )
        await session.dead_letters.add([dead_letter(n) for n in (1, 2, 3)])
        (second,) = [each for each in await session.dead_letters.find() if each.message_id == "m2"]
        (third,) = [each for each in await session.dead_letters.find() if each.message_id == "m3"]
        await session.dead_letters.release([second.id])
        await session.dead_letters.close([third.id], "discarded", "", 7)
        assert await session.inbox.purge(100, 10) == 1
        assert set(await session.inbox.seen("group", ["m1", "m2", "m3"])) == {"m1", "m2"}


async def the_mark_of_a_fatal_step_is_never_forgotten(open_store: OpenStore) -> None:
    """Its saga sends the undo under new ids for any time; each would end some processes."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark([inbox_row("m1"), inbox_row("undo:Saga/1/pay")._replace(outcome="fatal step")])
        assert await session.inbox.purge(100, 10) == 1
        assert set(await session.inbox.seen("group", ["m1", "undo:Saga/1/pay"])) == {"undo:Saga/1/pay"}


async def of_what_a_user_named_it_stays_known_that_it_was_used(open_store: OpenStore) -> None:
    """The name does not show the age, so its use is remembered longer than the answer."""
    key = "0123abcd-0123-8bcd-a123-0123456789ab"
    async with opened(open_store) as store, store.transaction() as session:
        answered = inbox_row(key, at_us=5)._replace(reply=b"yes")
        business = inbox_row("T#7", at_us=6)._replace(consumer="group/handler")
        await session.inbox.mark([answered, business, inbox_row("m1", at_us=7), inbox_row("m2", at_us=90)])
        assert await session.inbox.newest_us() == 90
        assert await session.inbox.forgotten_us() == 0
        assert await session.inbox.purge(50, 10) == 3
        assert await session.inbox.forgotten_us() == 7
        (entry,) = (await session.inbox.seen("group", [key, "m1"])).values()
        assert entry == (answered.payload_hash, "expired", 5, None)
        marks = [("group", key), ("group/handler", "T#7"), ("group", "m1"), ("group", "T#7")]
        known = await session.read_known(Asked("group", (), marks, (), (), ()))
        assert {mark: known.marks[mark].outcome for mark in known.marks} == dict.fromkeys(marks[:2], "expired")
        assert await session.inbox.purge_keys(6, 10) == 1
        assert set(await session.inbox.seen("group/handler", ["T#7"])) == {"T#7"}
        assert not await session.inbox.seen("group", [key])


async def what_is_parked_is_counted_by_the_partition_it_came_from(open_store: OpenStore) -> None:
    """Messages of a partition that no longer exists move to another, where no record has their offsets."""
    async with opened(open_store) as store, store.transaction() as session:
        parking = session.parking
        rows = [parked_row("m1", state="ready"), parked_row("m2", "l", "ready")]
        await parking.add([*rows, parked_row("n1", "l", "ready")._replace(topic="other", partition=4)])
        found = {(p.topic, p.partition): (p.messages, p.message_id) for p in await parking.places("group")}
        assert found == {("topic", 0): (2, "m2"), ("other", 4): (1, "n1")}
        assert await parking.rehome("group", ("topic", 0), 1) == 2
        assert await parking.rehome("group", ("topic", 7), 1) == 0
        moved = await parking.ready("group", [("topic", 1)], 10)
        assert [row.message_id for row in moved] == ["m1", "m2"]
        assert all(row.offset < 0 for row in moved) and moved[0].offset != moved[1].offset


async def without_order_nothing_that_is_parked_waits_for_another(open_store: OpenStore) -> None:
    """Messages behind others or behind a gap may run, dead ones hold no key; messages in a retry topic keep waiting."""
    async with opened(open_store) as store, store.transaction() as session:
        parking = session.parking
        late = parked_row("g", "gap", "gap")._replace(number=9)
        await parking.add([parked_row("d", state="dead"), parked_row("b"), parked_row("w", "other", "waiting"), late])
        assert await parking.loosen("group") == Loosened(1, gaps := {("src", "topic", "gap"): 9})
        session.sequences.count_in(gaps)
        await session.sequences.write()
        assert [row.message_id for row in await parking.ready("group", [("topic", 0)], 10)] == ["b", "g"]
        assert await parking.held("group", [("topic", "other")])
        assert set(await parking.get("group", ["d", "b", "w", "g"])) == {"b", "w", "g"}


async def parked_commands_are_found_by_the_step_they_serve(open_store: OpenStore) -> None:
    """Their undo removes them."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.parking.add([parked_row("m1", step="Saga/s1/pay"), parked_row("m2")])
        assert [r.message_id for r in await session.parking.of_steps("group", ["Saga/s1/pay", "x"])] == ["m1"]
        assert not await session.parking.of_steps("group", [""])


async def a_group_keeps_what_it_was_told(open_store: OpenStore) -> None:
    """The group's notes are kept until the next start, which compares them."""
    async with opened(open_store) as store, store.transaction() as session:
        assert await session.groups.kept("group") == {}
        await session.groups.keep("group", {"a": "1", "b": "2"})
        await session.groups.keep("group", {"b": "3"})
        await session.groups.keep("other", {"a": "9"})
        assert await session.groups.kept("group") == {"a": "1", "b": "3"}


async def what_was_sent_is_queued_again_when_the_log_lost_it(open_store: OpenStore) -> None:
    """All kept rows are queued in their order, except rows that never left."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row(f"o{n}", at_us=7 + n) for n in range(3)])
            await session.outbox.add([outbox_row("kept", slot=NOT_SENT, at_us=7)], queued=False)
        async with store.reading() as session:
            rows = await unsent(session)
        assert len(rows) == 3
        await store.sent([(0, rows[0].seq), (0, rows[2].seq)])
        async with store.transaction() as session:
            assert await session.outbox.requeue(0) == (3, 7)
        async with store.reading() as session:
            assert [row.id for row in await unsent(session)] == ["o0", "o1", "o2"]


async def a_group_is_paused_and_says_how_it_is(open_store: OpenStore) -> None:
    """The state is for people; the report of a dead member is dropped."""
    async with opened(open_store) as store, store.transaction() as session:
        assert await session.groups.paused("group") is None
        await session.groups.pause("group", "deploy", 7)
        assert await session.groups.paused("group") == ("deploy", 7)
        assert await session.groups.resume("group") and not await session.groups.resume("group")
        await session.groups.say(Said("group", "m1", "storm", "T", "down", 1))
        await session.groups.say(Said("group", "m2", "storm", "T", "down", 2))
        await session.groups.unsay("group", "m1", "storm", "T")
        assert [said.member for said in await session.groups.said("group")] == ["m2"]
        await session.groups.unsay("group", "m2", "storm", "T")
        assert not await session.groups.said("group")


async def a_try_that_was_survived_is_no_death(open_store: OpenStore) -> None:
    """A process that was paused and lost the record reports that when it resumes. If its successor has settled the
    record, there is nothing to count."""
    async with opened(open_store) as store:
        tries, place = store.tries, ("group", "topic", 0, 7)
        assert await tries.count(*place) == (1, 0, 0)
        assert await tries.count(*place) == (2, 0, 0)
        assert await tries.count(*place, tried=1, failed=1) == (3, 1, 0), "a failure keeps the record"
        for _ in range(3):
            await tries.survived(*place)
        assert await tries.count(*place) == (4, 3, 2), "no more were survived than there were tries"
        await tries.forget(*place)
        await tries.survived(*place)
        assert await tries.count(*place, tried=0) == (0, 0, 0), "a settled record has a count"


CASES: tuple[Case, ...] = (
    a_try_that_was_survived_is_no_death,
    a_letter_is_kept_once_and_opens_again,
    letters_are_found_by_what_people_ask,
    failures_are_forgotten_when_nobody_waits_for_their_message,
    a_key_is_held_until_its_first_is_gone,
    a_gap_is_ready_when_its_predecessor_was_handled,
    the_mark_of_a_parked_message_outlives_the_window,
    the_mark_of_an_open_letter_outlives_the_window,
    of_what_a_user_named_it_stays_known_that_it_was_used,
    what_is_parked_is_counted_by_the_partition_it_came_from,
    without_order_nothing_that_is_parked_waits_for_another,
    parked_commands_are_found_by_the_step_they_serve,
    a_group_keeps_what_it_was_told,
    what_was_sent_is_queued_again_when_the_log_lost_it,
    a_group_is_paused_and_says_how_it_is,
)
"""Part of the suite of `partita.testing.conformance.store`."""
