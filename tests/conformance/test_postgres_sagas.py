"""On PostgreSQL a move of a running saga writes its row within the row's page, and no index."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.waiting import until

from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.store.sagas import SagaEvent
from partita.testing.conformance.rows import saga_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]

UPDATES = """
SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables
WHERE relname = 'saga' AND schemaname = current_schema()
"""
SAGAS, MOVES, DATA = 50, 30, 450
"""The data of a checkout's saga have about this size in bytes."""


@asynccontextmanager
async def opened(server: str) -> AsyncIterator[Store]:
    """A store whose end reports its statistics to the server."""
    store = connect_store(server, this_machine(), service="hot", tables="")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def move(store: Store, ids: list[str], count: int) -> None:
    """Move these sagas so often, each time with a due time that is later."""
    for _ in range(count):
        async with store.transaction() as session:
            rows = list((await session.sagas.load("Saga", ids)).values())
            new = [r._replace(due_us=r.version * 1_000_000, data=os.urandom(DATA)) for r in rows]
            events = [SagaEvent("Saga", r.saga_id, r.version, 1, "done", "reserve", "m" * 36, "") for r in rows]
            await session.sagas.save(new, events)


async def hot_of(server: str, updates: int) -> int:
    """The number of updates that touched no index, when the server has counted so many in all."""
    found: dict[str, int] = {}

    async def counted() -> bool:
        async with opened(server) as store, store.reading() as session:
            found.update((await session.fetch(UPDATES, {}))[0])
        return found["updates"] == updates

    await until(counted)
    return found["hot"]


async def test_most_moves_of_a_running_saga_touch_no_index(server: str) -> None:
    """Neither its status, which is indexed, nor a due time that moves later costs an entry in each of three indexes. If the
    due time were indexed, both would."""
    ids, updates = [f"s{n}" for n in range(SAGAS)], SAGAS * MOVES
    async with opened(server) as store:
        async with store.transaction() as session:
            await session.sagas.save([saga_row(each, due_us=10) for each in ids], [])
        await move(store, ids, MOVES)
        async with store.reading() as session:
            (row,) = await session.fetch("SELECT max(pg_column_size(t.*)) AS size FROM saga AS t", {})
        assert row["size"] < 2_000, "a larger row is moved out of its page"
    hot = await hot_of(server, updates)
    assert hot > 0.9 * updates, f"{hot} of {updates}"
    async with opened(server) as store:
        async with store.transaction() as session:
            await session.execute("CREATE INDEX saga_due ON saga (due_us)", {})
        await move(store, ids, 2)
    assert await hot_of(server, updates + 2 * SAGAS) == hot, "the number says nothing about indexes"
