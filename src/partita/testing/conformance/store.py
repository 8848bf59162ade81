"""The requirements of every store, as cases: `for case in CASES: await case(open_store)`.

`open_store` opens the same database each time it is called within a case, as other processes would; the suite
closes what it opened. A case fails with an AssertionError that names the broken promise.
"""

from __future__ import annotations

import asyncio
import contextlib

from partita.errors import PartitaError, StoreUnavailable
from partita.message import SagaAddress
from partita.store.port import Session
from partita.store.sagas import SagaEvent
from partita.store.tombstones import Tombstone
from partita.testing.conformance.admission import CASES as ADMISSION_CASES
from partita.testing.conformance.histories import CASES as HISTORY_CASES
from partita.testing.conformance.numbers import CASES as NUMBER_CASES
from partita.testing.conformance.parking import CASES as TROUBLE_CASES
from partita.testing.conformance.pending import CASES as PENDING_CASES
from partita.testing.conformance.rows import (
    ODD_KEYS,
    Case,
    OpenStore,
    dead_letter,
    inbox_row,
    opened,
    outbox_row,
    saga_row,
    unsent,
)
from partita.testing.conformance.timers import CASES as TIMER_CASES

SILENT_S = 3.5
"""Longer than a member's heartbeat may be missing."""


async def a_block_that_raises_leaves_nothing(open_store: OpenStore) -> None:
    """State and messages commit together or not at all (G1)."""
    async with opened(open_store) as store:
        try:
            async with store.transaction() as session:
                await session.inbox.mark([inbox_row("m1")])
                await session.outbox.add([outbox_row("o1")])
                await session.sequences.reserve({("topic", "k"): 1})
                await session.sagas.save([saga_row("s1")], [])
                await session.dead_letters.add([dead_letter(1)])
                raise LookupError
        except LookupError:
            pass
        async with store.reading() as session:
            assert not await session.inbox.seen("group", ["m1"]), "an inbox mark survived a rollback"
            assert not await unsent(session), "an outbox row survived a rollback"
            assert not await session.sagas.load("Saga", ["s1"]), "a saga survived a rollback"
            assert await session.dead_letters.count() == 0, "a dead letter survived a rollback"
        async with store.transaction() as session:
            assert await session.sequences.reserve({("topic", "k"): 1}) == {("topic", "k"): 0}, (
                "a number is missing now"
            )


async def what_is_committed_is_seen_by_another_opening(open_store: OpenStore) -> None:
    """Several processes share one database."""
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.transaction() as session:
            await session.inbox.mark([inbox_row("m1")])
        async with two.reading() as session:
            assert await session.inbox.seen("group", ["m1"]), "a committed mark is not seen elsewhere"
        assert one.source == two.source, "two openings of one database have one source"


async def marks_belong_to_their_consumer(open_store: OpenStore) -> None:
    """One event and two groups on one database: both groups must handle it."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark([inbox_row("m1", "one")])
        assert set(await session.inbox.seen("one", ["m1", "m2"])) == {"m1"}, "the mark is not found"
        assert not await session.inbox.seen("two", ["m1"]), "another group's mark is taken for one's own"
        await session.inbox.mark([inbox_row("m1", "two")])


async def a_second_mark_is_refused(open_store: OpenStore) -> None:
    """Two workers did not see each other: the second must not commit."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.inbox.mark([inbox_row("m1")])
        try:
            async with store.transaction() as session:
                await session.inbox.mark([inbox_row("m1")])
        except StoreUnavailable:
            return
        raise AssertionError("a message was marked twice for one group")


async def outcome_and_reply_are_kept(open_store: OpenStore) -> None:
    """A repeated request gets the same answer."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.inbox.mark([inbox_row("m1"), inbox_row("m2")])
            await session.inbox.resolve("group", [("m1", "refused", b"\x00no")])
        async with store.reading() as session:
            seen = await session.inbox.seen("group", ["m1", "m2"])
        assert (seen["m1"].outcome, seen["m1"].reply) == ("refused", b"\x00no"), "outcome or reply are lost"
        assert seen["m2"].outcome == "handled", "another message's outcome was changed"
        async with store.transaction() as session:
            await session.inbox.resolve("group", [("m1", "dead", None)])
        async with store.reading() as session:
            entry = (await session.inbox.seen("group", ["m1"]))["m1"]
        assert (entry.outcome, entry.reply) == ("dead", b"\x00no"), "the kept reply is lost with another outcome"


async def marks_are_forgotten_by_age_in_batches(open_store: OpenStore) -> None:
    """Clean-up deletes old marks, at most so many, and no young ones."""
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark([inbox_row(f"m{n}", at_us=n) for n in range(10)])
        assert await session.inbox.purge(6, 4) == 4, "a batch has its limit"
        assert await session.inbox.purge(6, 4) == 2, "only old marks are forgotten"
        assert await session.inbox.purge(6, 4) == 0
        assert set(await session.inbox.seen("group", [f"m{n}" for n in range(10)])) == {f"m{n}" for n in range(6, 10)}


async def odd_keys_are_kept_apart(open_store: OpenStore) -> None:
    """Keys are the user's text: quotes, newlines, other scripts, the empty one."""
    async with opened(open_store) as store, store.transaction() as session:
        out = {("topic", key): number for number, key in enumerate(ODD_KEYS, 1)}
        await session.sequences.reserve(out)
        assert dict(await session.sequences.reserve(dict.fromkeys(out, 1))) == out, "keys were mixed up"
        came = {("source", "topic", key): number for number, key in enumerate(ODD_KEYS, 1)}
        session.sequences.count_in(came)
        await session.sequences.write()
        assert await session.sequences.last_in(list(came)) == came, "keys were mixed up"
        assert await session.sequences.reserve({("topic", "a\0b"): 1}) == {("topic", "a\0b"): out["topic", "a\0b"] + 1}


async def odd_ids_are_found_again(open_store: OpenStore) -> None:
    """Ids may be texts of other programs; a message whose id is not found again is handled twice."""
    ids = [key for key in ODD_KEYS if key != "a"]
    async with opened(open_store) as store, store.transaction() as session:
        await session.inbox.mark([inbox_row(each) for each in ids])
        assert set(await session.inbox.seen("group", ODD_KEYS)) == set(ids), "ids were mixed up"
        await session.sagas.save([saga_row(each) for each in ids], [])
        assert set(await session.sagas.load("Saga", ODD_KEYS)) == set(ids), "sagas were mixed up"
        steps = [("Saga", each, "step") for each in ids]
        await session.tombstones.add([Tombstone(SagaAddress(*step, 1, "undo"), 1, b"") for step in steps])
        asked = [("Saga", each, "step") for each in ODD_KEYS]
        assert set(await session.tombstones.find(asked)) == set(steps), "tombstones were mixed up"


async def pending_rows_come_in_commit_order_until_they_are_sent(open_store: OpenStore) -> None:
    """The state of rows decides, never a cursor: each query returns all unmarked rows, in order."""
    async with opened(open_store) as store:
        for n in range(6):
            async with store.transaction() as session:
                await session.outbox.add([outbox_row(f"o{n}", slot=n % 2)])
        async with store.reading() as session:
            rows = await unsent(session)
            assert [r.id for r in rows] == ["o0", "o2", "o4"], "rows of a slot in commit order"
            both = await session.outbox.unsent([1, 0], 2)
            assert [row.id for slot, row in both if slot == 0] == ["o0", "o2"], "at most so many, in commit order"
            assert [row.id for slot, row in both if slot == 1] == ["o1", "o3"], "of each slot"
        await store.sent([(0, rows[1].seq)])
        async with store.reading() as session:
            assert [r.id for r in await unsent(session)] == ["o0", "o4"], "only sent rows are gone"
            assert [r.id for r in await unsent(session, 1)] == ["o1", "o3", "o5"], "another slot is untouched"
            assert (await session.outbox.status()).pending == 5
            asked = [("corr", f"o{n}") for n in range(4)] + [("another", "o4"), ("corr", "never written")]
            assert await session.outbox.waiting(asked) == {"o0", "o1", "o3"}, "a sent row does not wait"
            assert await session.outbox.waiting([]) == frozenset()


async def a_row_keeps_its_bytes(open_store: OpenStore) -> None:
    """The rows that leave are the rows that were written."""
    payload = bytes(range(256)) * 100
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("o1", None)._replace(payload=payload, headers=b"\x00\xff")])
            await session.outbox.add([outbox_row("o2")], queued=False)
        async with store.reading() as session:
            (row,) = await unsent(session)
    assert (row.id, row.key, row.payload, row.headers) == ("o1", None, payload, b"\x00\xff")


async def a_refused_row_holds_its_key_and_no_other(open_store: OpenStore) -> None:
    """The bus refused the row for good: order within the key is kept, other keys go on."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row(f"o{n}", key) for n, key in enumerate(["a", "b", "a", None])])
        async with store.reading() as session:
            rows = await unsent(session)
        async with store.transaction() as session:
            await session.outbox.park(0, rows[0].seq, "a", "too large")
        async with store.reading() as session:
            assert [r.id for r in await unsent(session)] == ["o1", "o3"], "key a waits, the others go on"
            assert (await session.outbox.status()).parked == 2


async def only_sent_rows_are_forgotten(open_store: OpenStore) -> None:
    """Retention must never delete an unsent row."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row(f"o{n}") for n in range(4)])
        async with store.reading() as session:
            rows = await unsent(session)
        await store.sent([(0, rows[0].seq), (0, rows[1].seq)])
        async with store.transaction() as session:
            assert await session.outbox.purge(100, 10) == 2, "sent rows that are old are forgotten"
            assert [r.id for r in await unsent(session)] == ["o2", "o3"], "a pending row was forgotten"


async def rows_that_wait_do_not_keep_others_from_being_forgotten(open_store: OpenStore) -> None:
    """A refused row may hold its key for weeks; old rows of other keys must still be deleted."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row(f"w{n}", "parked") for n in range(20)])
            await session.outbox.add([outbox_row(f"o{n}", "other", 1) for n in range(21)])
        async with store.reading() as session:
            rows = await unsent(session, 1)
        await store.sent([(1, row.seq) for row in rows])
        async with store.transaction() as session:
            assert await session.outbox.purge(100, 10) == 10, "rows behind waiting ones are never forgotten"


async def a_number_of_the_queue_is_never_given_again(open_store: OpenStore) -> None:
    """A relay that was paused marks its sent rows by number: it must not mark a younger row."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("o1")])
            (old,) = await unsent(session)
        await store.sent([(0, old.seq)])
        async with store.transaction() as session:
            await session.outbox.purge(100, 10)
            await session.outbox.add([outbox_row("o2")])
        await store.sent([(0, old.seq)])
        async with store.reading() as session:
            assert [r.id for r in await unsent(session)] == ["o2"], "a row was lost"


async def a_view_stays_what_it_was(open_store: OpenStore) -> None:
    """Two queries in one block see one state, also while others write and read."""
    async with opened(open_store) as one, opened(open_store) as two:
        async with one.reading() as session:
            assert (await session.outbox.status()).pending == 0
            async with two.transaction() as writing:
                await writing.outbox.add([outbox_row("o1")])
            assert not await unsent(session), "the view changed while it was open"
            async with one.reading() as later:
                assert await unsent(later), "a later view was shown an earlier state"


async def who_went_without_leaving_is_replaced(open_store: OpenStore) -> None:
    """A dead process releases nothing; its leases are taken over, and their epochs grow."""
    names = ["r0", "r1"]
    async with opened(open_store) as one:
        gone = await open_store()
        before = await gone.leases.tick("scope", names, "gone")
        await gone.close()
        held = {lease.resource: lease.epoch for lease in await one.leases.tick("scope", names, "one")}
    assert set(held) == set(names), "a dead member's leases are never taken"
    assert all(held[lease.resource] > lease.epoch for lease in before), "the dead member is not fenced"


async def a_handler_cannot_end_the_transaction(open_store: OpenStore) -> None:
    """The mark and the effects commit together: a COMMIT in between would separate them."""
    async with opened(open_store) as store:
        for statement in ("COMMIT", "rollback", " END", "-- it is done\nCOMMIT", "/* a */ /* b */ Commit", "; COMMIT"):
            try:
                async with store.transaction() as session:
                    await session.inbox.mark([inbox_row("m1")])
                    await session.execute(statement, {})
            except PartitaError:
                continue
            raise AssertionError(f"{statement} went through")
        async with store.reading() as session:
            assert not await session.inbox.seen("group", ["m1"]), "a part of the transaction was kept"


async def a_saga_is_changed_by_one_at_a_time(open_store: OpenStore) -> None:
    """A compare-and-set on the version loses no update."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.sagas.save([saga_row("s1")], [SagaEvent("Saga", "s1", 1, 1, "started", "a", "m1", "")])
        async with store.reading() as session:
            row = (await session.sagas.load("Saga", ["s1", "s2"]))["s1"]
        assert row.version == 1
        async with store.transaction() as session:
            await session.sagas.save([row._replace(status="completed")], [])
        for stale in (row, saga_row("s1")):
            try:
                async with store.transaction() as session:
                    await session.sagas.save([stale], [])
            except StoreUnavailable:
                continue
            raise AssertionError("a stale write of a saga went through")
        async with store.reading() as session:
            assert (await session.sagas.load("Saga", ["s1"]))["s1"].status == "completed"
            assert [e.kind for e in await session.sagas.history("Saga", "s1")] == ["started"]


async def tombstones_are_found_by_step(open_store: OpenStore) -> None:
    """A tombstone refuses a command that comes after its undo."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.tombstones.add([Tombstone(SagaAddress("Saga", "s1", "a", 3, "undo"), 1, b"reply")])
            await session.tombstones.add([Tombstone(SagaAddress("Saga", "s1", "a", 4, "undo"), 2, b"other")])
        async with store.reading() as session:
            found = await session.tombstones.find([("Saga", "s1", "a"), ("Saga", "s1", "b"), ("Saga", "s2", "a")])
            assert not await session.tombstones.find([("Saga", "s1", "b")]), "another step's tombstone"
    assert set(found) == {("Saga", "s1", "a")} and found[("Saga", "s1", "a")].reply == b"reply"


async def tombstones_of_whole_instances_are_forgotten_by_age(open_store: OpenStore) -> None:
    """Most cancellations before a start are for keys that never start. A step's tombstone stays, however old it is."""
    rows = [Tombstone(SagaAddress("Saga", f"s{n}", "" if n else "a", 0, "undo"), n, b"Withdrawn") for n in range(6)]
    async with opened(open_store) as store, store.transaction() as session:
        await session.tombstones.add(rows)
        assert await session.tombstones.purge_early(1, 10) == 0, "only older ones are forgotten"
        assert await session.tombstones.purge_early(5, 3) == 3, "a batch has its limit"
        assert await session.tombstones.purge_early(5, 3) == 1, "the rest of the old ones"
        left = await session.tombstones.find([("Saga", f"s{n}", "" if n else "a") for n in range(6)])
        assert {saga_id for _, saga_id, _ in left} == {"s0", "s5"}, "a step's tombstone, and a young one"


async def leases_are_split_and_never_shared(open_store: OpenStore) -> None:
    """Each resource has at most one holder; a leaving member releases its resources; epochs grow."""
    names = [f"r{n}" for n in range(4)]
    async with opened(open_store) as one, opened(open_store) as two:
        alone = await one.leases.tick("scope", names, "one")
        assert {lease.resource for lease in alone} == set(names), "a member alone holds all"
        held: dict[str, set[str]] = {}
        for _ in range(3):
            held["two"] = {x.resource for x in await two.leases.tick("scope", names, "two")}
            held["one"] = {x.resource for x in await one.leases.tick("scope", names, "one")}
            assert not held["one"] & held["two"], "a resource has two holders"
        assert len(held["one"]) == len(held["two"]) == 2, "two members share evenly"
        await one.leases.leave("scope", "one")
        back = await two.leases.tick("scope", names, "two")
        assert {lease.resource for lease in back} == set(names), "a released resource is taken"
        epochs = {lease.resource: lease.epoch for lease in alone}
        assert all(lease.epoch > epochs[lease.resource] for lease in back if lease.resource in held["two"])


async def a_beat_keeps_what_is_held_and_brings_nobody_back(open_store: OpenStore) -> None:
    """A heartbeat beside long work says that its member lives; a member that left meanwhile must not get leases by it."""
    names = [f"r{n}" for n in range(4)]
    async with opened(open_store) as one, opened(open_store) as two:
        await one.leases.tick("scope", names, "one")
        until = asyncio.get_running_loop().time() + SILENT_S
        while asyncio.get_running_loop().time() < until:
            await one.leases.beat("scope", "one")
            assert not await two.leases.tick("scope", names, "two"), "a lease was taken from a living member"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), 0.25)
        await one.leases.leave("scope", "one")
        await one.leases.beat("scope", "one")
        held = await two.leases.tick("scope", names, "two")
        assert {lease.resource for lease in held} == set(names), "a member that left is back"


async def a_savepoint_undoes_only_itself(open_store: OpenStore) -> None:
    """A refusal undoes its handler's writes and nothing else of the batch."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.dead_letters.add([dead_letter(1)])
            try:
                async with session.savepoint():
                    await session.dead_letters.add([dead_letter(2)])
                    raise LookupError
            except LookupError:
                pass
            async with session.savepoint():
                await session.dead_letters.add([dead_letter(3)])
        async with store.reading() as session:
            assert [d.offset for d in await session.dead_letters.find()] == [3, 1]


async def statements_run_once_for_each_row(open_store: OpenStore) -> None:
    """The user's own SQL, alone and in waves, with named parameters."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            await session.execute("CREATE TABLE conformance (name TEXT PRIMARY KEY, n BIGINT)", {})
            put = "INSERT INTO conformance VALUES (:name, :n)"
            assert await session.execute_many(put, [{"name": f"a{i}", "n": i} for i in range(4)]) == [1, 1, 1, 1]
            add = "UPDATE conformance SET n = n + :by WHERE name = :name RETURNING n"
            found = await session.fetch_many(
                add, [{"by": 1, "name": "a1"}, {"by": 1, "name": "a1"}, {"by": 1, "name": "zz"}]
            )
            assert [[row["n"] for row in rows] for rows in found] == [[2], [3], []], "each row atomic, in order"
            assert await session.execute("UPDATE conformance SET n = 0 WHERE n > :n", {"n": 1}) == 3
            returning = "UPDATE conformance SET n = 0 WHERE n >= :n RETURNING name"
            assert await session.execute(returning, {"n": 0}) == 4, "rows of a RETURNING statement are counted"
        async with store.reading() as session:
            rows = await session.fetch("SELECT name, n FROM conformance WHERE name = :name", {"name": "a0"})
            assert dict(rows[0]) == {"name": "a0", "n": 0}


async def the_relay_is_called_when_rows_were_committed(open_store: OpenStore) -> None:
    """The relay is called after the commit, and not for a rollback."""

    async def fails(session: Session) -> None:
        await session.outbox.add([outbox_row("o0")])
        raise LookupError

    async with opened(open_store) as store:
        try:
            async with store.transaction() as session:
                await fails(session)
        except LookupError:
            pass
        assert not store.bell.is_rung, "the relay was called for a rollback"
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("o1")])
            assert not store.bell.is_rung, "the relay was called before the commit"
        assert store.bell.is_rung, "the relay was not called"


CASES: tuple[Case, ...] = (
    *TROUBLE_CASES,
    *ADMISSION_CASES,
    *TIMER_CASES,
    *HISTORY_CASES,
    *NUMBER_CASES,
    *PENDING_CASES,
    a_block_that_raises_leaves_nothing,
    what_is_committed_is_seen_by_another_opening,
    marks_belong_to_their_consumer,
    a_second_mark_is_refused,
    outcome_and_reply_are_kept,
    marks_are_forgotten_by_age_in_batches,
    odd_keys_are_kept_apart,
    odd_ids_are_found_again,
    pending_rows_come_in_commit_order_until_they_are_sent,
    a_row_keeps_its_bytes,
    a_refused_row_holds_its_key_and_no_other,
    only_sent_rows_are_forgotten,
    rows_that_wait_do_not_keep_others_from_being_forgotten,
    a_number_of_the_queue_is_never_given_again,
    a_view_stays_what_it_was,
    a_saga_is_changed_by_one_at_a_time,
    tombstones_are_found_by_step,
    tombstones_of_whole_instances_are_forgotten_by_age,
    leases_are_split_and_never_shared,
    a_beat_keeps_what_is_held_and_brings_nobody_back,
    who_went_without_leaving_is_replaced,
    a_handler_cannot_end_the_transaction,
    a_savepoint_undoes_only_itself,
    statements_run_once_for_each_row,
    the_relay_is_called_when_rows_were_committed,
)
