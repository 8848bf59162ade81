"""Cases of every store about admission: the fence, the records in hand, and the answers of one question."""

from __future__ import annotations

import asyncio

from partita.errors import Fenced
from partita.message import SagaAddress
from partita.store.claims import PUT_BY_A_PERSON, InHand, Noted
from partita.store.inbox import InboxEntry
from partita.store.port import Asked, Known, Session, Store
from partita.store.tombstones import Tombstone
from partita.testing.conformance.rows import ODD_KEYS, Case, OpenStore, inbox_row, opened, parked_row


async def claimed(store: Store, owner: str) -> tuple[int, InHand | None]:
    """The answer of a claim of the one partition, committed."""
    async with store.transaction(durable=False) as session:
        return await session.claims.claim("group", "topic", 0, owner)


async def a_former_holder_is_fenced(open_store: OpenStore) -> None:
    """A paused process that wakes up after another took over must not write."""
    async with opened(open_store) as store:
        first, nothing = await claimed(store, "one")
        assert nothing is None
        async with store.transaction() as session:
            await session.claims.check("group", [("topic", 0, first)])
        second, _ = await claimed(store, "two")
        assert second > first, "epochs only grow"
        try:
            async with store.transaction() as session:
                await session.claims.check("group", [("topic", 0, first)])
        except Fenced:
            return
        raise AssertionError("a former holder may still write")


async def one_question_answers_as_the_ledgers_do(open_store: OpenStore) -> None:
    """Admission asks everything at once; whatever the keys are, and of each only what was asked."""
    marks = [("group", text) for text in ODD_KEYS] + [("group/handler", "m1"), ("another group", "m1")]
    places = [("source", topic, key) for topic in ("one", "two") for key in ODD_KEYS]
    keys = [("topic", key) for key in (*ODD_KEYS, "k", "gap")]
    steps = [("Saga", saga_id, step) for saga_id in ("s1", *ODD_KEYS) for step in ("a", "b")]
    async with opened(open_store) as store:
        epoch, _ = await claimed(store, "one")
        held = [("topic", 0, epoch)]
        async with store.transaction() as session:
            nothing = await session.read_known(Asked("group", held, marks, places, keys, steps))
            assert nothing == Known({}, {}, frozenset(), {}), "an empty store knows something"
            await session.inbox.mark([inbox_row(text) for text in ODD_KEYS[::2]] + [inbox_row("m1", "group/handler")])
            await session.inbox.resolve("group", [(ODD_KEYS[0], "refused", b"\x00no")])
            session.sequences.count_in({place: n for n, place in enumerate(places[:9], 1)})
            parked = [parked_row("p1"), parked_row("p2", ODD_KEYS[-1], "dead"), parked_row("p3", "gap", "gap")]
            await session.parking.add(parked)
            undone = [Tombstone(SagaAddress("Saga", text, "a", 3, "undo"), 1, b"reply") for text in ODD_KEYS[1:3]]
            await session.tombstones.add(undone)
        async with store.transaction() as session:
            known = await session.read_known(Asked("group", held, marks, places, keys, steps))
            by_ledger: dict[tuple[str, str], InboxEntry] = {}
            for consumer in ("group", "group/handler", "another group"):
                ids = [message_id for group, message_id in marks if group == consumer]
                seen = await session.inbox.seen(consumer, ids)
                by_ledger.update({(consumer, message_id): entry for message_id, entry in seen.items()})
            assert known.marks == by_ledger and len(by_ledger) == len(ODD_KEYS[::2]) + 1, "marks"
            assert known.last == dict(await session.sequences.last_in(places)), "numbers"
            assert known.last == {place: n for n, place in enumerate(places[:9], 1)}, "numbers"
            assert known.parked == {("topic", "k"), ("topic", ODD_KEYS[-1])}, "parked keys"
            assert known.undone == {(t.address.saga, t.address.saga_id, "a"): t for t in undone}, "undone steps"
            few = await session.read_known(Asked("group", (), marks[:1], (), (), ()))
            assert few == Known({marks[0]: by_ledger[marks[0]]}, {}, frozenset(), {}), (
                "an answer that was not asked for"
            )
        async with store.reading() as session:
            assert await session.read_known(Asked("group", (), marks, places, keys, steps)) == known, (
                "where nothing is written"
            )
        try:
            async with store.transaction() as session:
                await session.read_known(Asked("group", [("topic", 0, epoch - 1)], (), (), (), ()))
        except Fenced:
            return
        raise AssertionError("a former holder may still write")


async def what_is_undone_takes_its_rows_along(open_store: OpenStore) -> None:
    """A refusal undoes the rows since its savepoint, also those that have not reached the server yet, and no others."""
    place = ("source", "topic", "k")

    async def refused(session: Session) -> None:
        async with session.savepoint():
            await session.inbox.mark([inbox_row("inside")])
            session.sequences.count_in({place: 1})
            raise LookupError

    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.inbox.mark([inbox_row("before")])
            try:
                await refused(session)
            except LookupError:
                await session.inbox.mark([inbox_row("after")])
            async with session.savepoint():
                await session.inbox.mark([inbox_row("kept")])
        async with store.reading() as session:
            seen = await session.inbox.seen("group", ["before", "inside", "after", "kept"])
            assert set(seen) == {"before", "after", "kept"}, "an undone row is there, or another row is missing"
            assert not await session.sequences.last_in([place])


async def what_was_in_hand_is_told_to_the_successor(open_store: OpenStore) -> None:
    """The next process finds a message that killed one, and counts its tries."""
    async with opened(open_store) as one, opened(open_store) as two:
        epoch, _ = await claimed(one, "one")
        await one.take("group", [InHand("topic", 0, 5, 9)], [epoch])
        newer, found = await claimed(two, "two")
        assert found == InHand("topic", 0, 5, 9), "the records in hand are missing"
        await one.take("group", [InHand("topic", 0, 50, 90)], [epoch])
        assert (await claimed(two, "two"))[1] == found, "a former holder wrote over it"
        assert [await two.tries.count("group", "topic", 0, 5) for _ in range(3)] == [(1, 0, 0), (2, 0, 0), (3, 0, 0)]
        assert await one.tries.count("group", "topic", 0, 5) == (4, 0, 0), "tries are counted across processes"
        failed = await one.tries.count("group", "topic", 0, 5, tried=0, failed=1)
        assert failed == (4, 1, 0), "failures are counted apart from deaths"
        await two.tries.count("group", "topic", 0, 4)
        await two.tries.forget("group", "topic", 0, 5)
        assert await two.tries.count("group", "topic", 0, 5) == (1, 0, 0)
        assert await two.tries.count("group", "topic", 0, 4) == (2, 0, 0), (
            "the count of one that is in work was forgotten"
        )


STEP = ("Saga", "s1", "pay")


async def a_command_waits_for_the_undo_before_it(open_store: OpenStore) -> None:
    """In two processes at once the command looks for a tombstone after the undo wrote it; else it would redo an undone step."""
    async with opened(open_store) as one, opened(open_store) as two:

        async def command() -> Known:
            async with two.transaction() as session:
                return await session.read_known(Asked("group", (), (), (), (), [STEP]))

        async with one.transaction() as session:
            await session.tombstones.hold(["s1"], ["s2", "s1"])
            looking = asyncio.ensure_future(command())
            await asyncio.wait([looking], timeout=0.2)
            await session.tombstones.add([Tombstone(SagaAddress(*STEP, 1, "undo"), 1, b"")])
        assert STEP in (await asyncio.wait_for(looking, 10)).undone, "it passed the undo"


async def an_undo_waits_for_the_command_before_it(open_store: OpenStore) -> None:
    """Then the undo finds the command's effect. Commands do not wait for each other in a store with several writers."""
    done: list[str] = []
    async with opened(open_store) as one, opened(open_store) as two:

        async def undo() -> None:
            async with two.transaction() as session:
                await session.tombstones.hold(["s1"], [])
                done.append("undo")

        async with one.transaction() as session:
            await session.read_known(Asked("group", (), (), (), (), [STEP]))
            undoing = asyncio.ensure_future(undo())
            await asyncio.wait([undoing], timeout=0.2)
            done.append("command")
        await asyncio.wait_for(undoing, 10)
    assert done == ["command", "undo"], "it passed the command"


async def who_runs_a_parked_message_keeps_it(open_store: OpenStore) -> None:
    """An operator who discards the message meanwhile must not get the answer that it is gone."""
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.parking.add([parked_row("m1", state="ready"), parked_row("m2")])

        async def discard() -> bool:
            async with two.transaction() as session:
                await session.parking.move("group", ["m1"], "dead", -1, 0)
                return bool(await session.parking.get("group", ["m1"]))

        async with one.transaction() as session:
            assert (await session.parking.get("group", ["m1"]))["m1"].state == "ready"
            discarding = asyncio.ensure_future(discard())
            await asyncio.wait([discarding], timeout=0.2)
            assert (await session.parking.get("group", ["m1"]))["m1"].state == "ready", "it was moved under its worker"
            await session.parking.remove("group", ["m1"])
        assert not await asyncio.wait_for(discarding, 10)


async def how_far_a_partition_was_in_hand_is_noted(open_store: OpenStore) -> None:
    """For comparison with the group's position on the bus: a backup of either makes them differ."""
    async with opened(open_store) as store:

        async def noted(topic: str = "topic") -> Noted:
            async with store.reading(consistent=False) as session:
                return await session.claims.noted("group", topic, 0)

        async def note(log: str, reached: int) -> None:
            async with store.transaction(durable=False) as session:
                await session.claims.note("group", "topic", 0, log, reached)

        assert await noted() == ("", 0, 0)
        epoch, _ = await claimed(store, "one")
        await note("log 1", 5)
        assert await noted() == ("log 1", 5, 5), "nothing is in hand"
        await store.take("group", [InHand("topic", 0, 5, 9)], [epoch])
        assert await noted() == ("log 1", 5, 10)
        await store.take("group", [InHand("topic", 0, 7, 7)], [epoch])
        assert await noted() == ("log 1", 7, 10), "it was in hand once"
        await note("log 2", 3)
        assert await noted() == ("log 2", 3, 3), "another log begins again"
        async with store.transaction() as session:
            await session.claims.put("group", "topic", [0])
            await session.claims.put("group", "new", [0, 1])
        assert (await noted()).log == PUT_BY_A_PERSON
        assert (await noted("new")).log == PUT_BY_A_PERSON, "a group may be moved before its first process has run"
        assert await noted("other") == ("", 0, 0)
        assert (await claimed(store, "two"))[0] == epoch + 1


CASES: tuple[Case, ...] = (
    a_command_waits_for_the_undo_before_it,
    an_undo_waits_for_the_command_before_it,
    who_runs_a_parked_message_keeps_it,
    a_former_holder_is_fenced,
    one_question_answers_as_the_ledgers_do,
    what_is_undone_takes_its_rows_along,
    what_was_in_hand_is_told_to_the_successor,
    how_far_a_partition_was_in_hand_is_noted,
)
