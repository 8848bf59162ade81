"""The numbers of keys on PostgreSQL, between transactions that run at once."""

from __future__ import annotations

import asyncio

import pytest
from tests.conformance.schemas import store_at

from partita.errors import StoreContended, StoreReplaced
from partita.store.port import Asked, Store
from partita.testing.conformance.rows import inbox_row, opened, outbox_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
PATIENCE_S = 60.0


def asked_about(*keys: str) -> Asked:
    """The questions of admission about messages of these keys."""
    return Asked("group", (), (), (), (), (), sending=keys)


async def begin(store: Store, *keys: str) -> None:
    """Give each key its first number: a key without a row cannot be locked."""
    async with store.transaction() as session:
        await session.sequences.reserve({("topic", key): 1 for key in keys})


async def test_of_two_that_number_a_key_without_its_lock_the_second_is_refused(server: str) -> None:
    """Both have read the key at admission. After it the store of the second locks keys: it would only be refused again."""
    place, open_store = ("topic", "k"), store_at(server)
    async with opened(open_store) as one, opened(open_store) as two:
        await begin(one, "k")

        async def second() -> None:
            async with two.transaction() as session:
                await session.read_known(asked_about("k"))
                await session.inbox.mark([inbox_row("second")])
                await session.sequences.reserve({place: 1})

        with pytest.raises(StoreContended):
            async with two.transaction() as session:
                await session.read_known(asked_about("k"))
                assert await session.sequences.reserve({place: 1}) == {place: 1}
                await session.inbox.mark([inbox_row("first")])
                await begin(one, "k")
        async with one.transaction() as session:
            assert await session.sequences.reserve({place: 1}) == {place: 2}
            other = asyncio.ensure_future(second())
            done, _ = await asyncio.wait([other], timeout=0.2)
            assert not done, "it did not wait for the lock"
        await asyncio.wait_for(other, PATIENCE_S)
        async with one.reading() as session:
            assert list(await session.inbox.seen("group", ["first", "second"])) == ["second"]


async def test_numbers_that_are_counted_meanwhile_refuse_none(server: str) -> None:
    """Two partitions bring messages of one key: the transactions of both commit, whichever is first."""
    place, came, open_store = ("topic", "k"), ("source", "topic", "k"), store_at(server)
    async with opened(open_store) as one, opened(open_store) as two:
        await begin(one, "k")
        async with one.transaction() as session:
            await session.read_known(asked_about("k"))
            async with two.transaction() as other:
                await other.read_known(asked_about("k"))
                other.sequences.count_in({came: 7})
            session.sequences.count_in({("another", "topic", "k"): 3})
            assert await session.sequences.reserve({place: 1}) == {place: 1}
        async with two.reading() as session:
            both = [came, ("another", "topic", "k")]
            assert await session.sequences.last_in(both) == {both[0]: 7, both[1]: 3}


async def test_numbers_of_other_topics_that_are_given_meanwhile_refuse_none(server: str) -> None:
    """Two handlers of a service send under one key on two topics at once; of one topic, messages would change places."""
    open_store = store_at(server)
    async with opened(open_store) as one, opened(open_store) as two:
        await begin(one, "k")
        async with one.transaction() as session:
            await session.read_known(asked_about("k", "new"))
            async with two.transaction() as other:
                await other.read_known(asked_about("k", "new"))
                await other.sequences.reserve({("other", "k"): 2, ("other", "new"): 1})
                other.sequences.count_in({("source", "topic", "k"): 5})
            session.sequences.count_in({("another", "topic", "k"): 3})
            assert await session.sequences.reserve({("topic", "k"): 1}) == {("topic", "k"): 1}
            await session.sequences.reserve({("topic", "new"): 1})
        async with two.transaction() as session:
            asked = {("topic", "k"): 1, ("other", "k"): 1, ("topic", "new"): 1, ("other", "new"): 1}
            assert list((await session.sequences.reserve(asked)).values()) == [2, 2, 1, 1]
            came = [(source, "topic", "k") for source in ("source", "another")]
            assert await session.sequences.last_in(came) == dict(zip(came, (5, 3), strict=True))


async def test_a_key_that_was_read_before_the_database_was_replaced_gets_no_number(server: str) -> None:
    """A restored database has another source: the number would belong to messages that were sent before."""
    async with opened(store_at(server)) as store:
        await begin(store, "k")
        with pytest.raises(StoreReplaced):
            async with store.transaction() as session:
                await session.read_known(asked_about("k"))
                await session.execute("UPDATE partita_meta SET value = '2' WHERE name = 'incarnation'", {})
                await session.sequences.reserve({("topic", "k"): 1})
        with pytest.raises(StoreReplaced):
            async with store.transaction():
                pass


async def test_of_two_that_begin_a_key_the_second_is_refused(server: str) -> None:
    """A key without a row cannot be locked: its row is an insert that waits for the other transaction's insert."""
    place = ("topic", "new")
    open_store = store_at(server)
    async with opened(open_store) as one, opened(open_store) as two:

        async def second() -> None:
            async with two.transaction() as session:
                assert await session.sequences.reserve({place: 1}) == {place: 0}

        async with one.transaction() as session:
            assert await session.sequences.reserve({place: 1}) == {place: 0}
            await session.sequences.write()
            other = asyncio.ensure_future(second())
            done, _ = await asyncio.wait([other], timeout=0.2)
            assert not done, "it did not wait to know who was first"
        with pytest.raises(StoreContended):
            await asyncio.wait_for(other, PATIENCE_S)
        async with two.transaction() as session:
            assert await session.sequences.reserve({place: 1}) == {place: 1}


async def test_rows_of_a_key_leave_in_the_order_of_their_numbers(server: str) -> None:
    """G4 begins here: writers of one key, whichever commits first, draw number and place in the queue together."""
    open_store = store_at(server)

    async def write(store: Store, name: str) -> None:
        for _ in range(15):
            async with store.transaction(durable=False) as session:
                keys = [("topic", key) for key in ("b", "a")]
                before = await session.sequences.reserve(dict.fromkeys(keys, 1))
                numbers = {place: last + 1 for place, last in before.items()}
                await asyncio.sleep(0)
                await session.outbox.add([outbox_row(f"{key}/{n}", key) for (_, key), n in numbers.items()])

    async with opened(open_store) as one, opened(open_store) as two:
        await begin(one, "a", "b")
        await asyncio.gather(*(write(store, name) for store in (one, two) for name in "xyz"))
        async with one.reading() as session:
            rows = [row for _, row in await session.outbox.unsent([0], 1_000)]
    for key in "ab":
        assert [row.id for row in rows if row.key == key] == [f"{key}/{n}" for n in range(2, 92)]


async def test_a_count_merges_with_that_of_another_transaction(server: str) -> None:
    """To count locks no key before the end, so another transaction may have counted meanwhile."""
    one, other = ("source", "topic", "n"), ("other source", "topic", "n")
    open_store = store_at(server)
    async with opened(open_store) as late, opened(open_store) as early:
        await begin(late, "n")
        async with late.transaction() as session:
            assert await session.sequences.last_in([one, other]) == {}
            async with early.transaction() as before:
                before.sequences.count_in({one: 6})
                await before.sequences.reserve({("topic", "n"): 1})
            session.sequences.count_in({one: 4, other: 1})
        async with late.transaction() as session:
            assert await session.sequences.last_in([one, other]) == {one: 6, other: 1}
            assert await session.sequences.reserve({("topic", "n"): 1}) == {("topic", "n"): 2}
