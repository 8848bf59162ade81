"""Cases of a store about the numbers of keys; part of the store's suite."""

from __future__ import annotations

import asyncio

from partita.errors import StoreContended
from partita.store.port import Store
from partita.testing.conformance.rows import Case, OpenStore, inbox_row, opened


async def numbers_of_a_key_are_dense(open_store: OpenStore) -> None:
    """Each reservation begins where the last one ended, also within one transaction; other keys have their own."""
    async with opened(open_store) as store:
        async with store.transaction() as session:
            assert await session.sequences.reserve({("topic", "k"): 2}) == {("topic", "k"): 0}
            assert await session.sequences.reserve({("topic", "k"): 3}) == {("topic", "k"): 2}
        async with store.transaction() as session:
            given = await session.sequences.reserve({("topic", "k"): 1, ("other", "k"): 1})
            assert dict(given) == {("topic", "k"): 5, ("other", "k"): 0}, "a number is missing, or given twice"


async def a_counted_number_never_goes_back(open_store: OpenStore) -> None:
    """An operator gives up a missing message while a batch counts an earlier one. If the number went back, a copy of a
    handled message would be taken for one that waits for its turn."""
    one, other = ("source", "topic", "k"), ("other source", "topic", "k")
    async with opened(open_store) as store:
        async with store.transaction() as session:
            session.sequences.count_in({one: 3})
        async with store.transaction() as session:
            session.sequences.count_in({one: 1})
        async with store.transaction() as session:
            session.sequences.count_in({one: 2, other: 1})
            assert await session.sequences.last_in([one, other]) == {one: 3, other: 1}
            await session.sequences.reserve({("topic", "k"): 1})
        async with store.reading() as session:
            assert await session.sequences.last_in([one, other]) == {one: 3, other: 1}, "a count went back, or is lost"


async def many_writers_lose_nothing(open_store: OpenStore) -> None:
    """Transactions of two openings at once: all commit, one after the other."""
    place = ("source", "topic", "k")

    async def once(store: Store, name: str) -> bool:
        try:
            async with store.transaction() as session:
                await session.sequences.reserve({("topic", "k"): 1})
                came = (await session.sequences.last_in([place])).get(place, 0)
                session.sequences.count_in({place: came + 1})
                await session.inbox.mark([inbox_row(name)])
        except StoreContended:
            return False  # another began the key meanwhile
        return True

    async def write(store: Store, name: str) -> None:
        for n in range(20):
            while not await once(store, f"{name}{n}"):
                pass

    async with opened(open_store) as one, opened(open_store) as two:
        await asyncio.gather(write(one, "a"), write(two, "b"), write(one, "c"))
        async with one.transaction() as session:
            assert await session.sequences.reserve({("topic", "k"): 1}) == {("topic", "k"): 60}, "an update was lost"
            came = await session.sequences.last_in([place])
            assert came == {place: 60}, "an update was lost"


CASES: tuple[Case, ...] = (
    numbers_of_a_key_are_dense,
    a_counted_number_never_goes_back,
    many_writers_lose_nothing,
)
"""Part of the suite of `partita.testing.conformance.store`."""
