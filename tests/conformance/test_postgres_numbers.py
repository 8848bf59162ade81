"""The numbers of keys on PostgreSQL, between transactions that run at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest
from tests.servers import postgres_url

from partita.errors import StoreContended
from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance import numbers
from partita.testing.conformance.rows import OpenStore, opened, outbox_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
PATIENCE_S = 60.0
SERVICES = (f"numbers-{number}" for number in itertools.count(1))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_url() as url:
        yield url


def store_at(url: str) -> OpenStore:
    """Each test has a service, so a schema, of its own."""
    name = next(SERVICES)

    async def open_store() -> Store:
        store = connect_store(url, this_machine(), service=name, tables="")
        await store.open()
        return store

    return open_store


async def begin(store: Store, *keys: str) -> None:
    """Give each key its first number: a key without a row cannot be locked."""
    async with store.transaction() as session:
        await session.sequences.reserve({("topic", key): 1 for key in keys})


async def test_a_store_that_writes_over_a_row_made_meanwhile_does_not_pass(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite that cannot fail proves nothing: two writers begin a key, and give one number twice."""
    from partita.store.postgres import key_rows

    safe = "WHERE t.version = excluded.version - 1 OR excluded.sent = '{}'"
    assert safe in key_rows.WRITE
    monkeypatch.setattr(key_rows, "WRITE", key_rows.WRITE.replace(safe, ""))
    with pytest.raises(AssertionError, match="an update was lost"):
        await numbers.many_writers_lose_nothing(store_at(server))


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
