"""A process whose PostgreSQL is restored from a copy, or fails over, while it runs: no message leaves under the
former source."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from servers.process import ServerProcess
from tests.servers import postgres_server

from partita.clock import SystemClock
from partita.errors import StoreMismatch, StoreReplaced, StoreUnavailable
from partita.machine.system import this_machine
from partita.runtime.background.same_database import SameDatabase
from partita.runtime.background.supervisor import Supervisor
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.testing.conformance.rows import OpenStore, opened

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
KEY = ("topic", "k")


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[ServerProcess, str]]:
    with postgres_server() as server:
        yield server


def store_at(url: str, service: str) -> OpenStore:
    async def open_store() -> Store:
        store = connect_store(url, this_machine(), service=service, tables="")
        await store.open()
        return store

    return open_store


async def number(store: Store) -> int:
    """The number of the next message of the key."""
    async with store.transaction() as session:
        return (await session.sequences.reserve({KEY: 1}))[KEY] + 1


async def run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_who_numbers_for_a_former_incarnation_is_refused(running: tuple[ServerProcess, str]) -> None:
    """Its receivers are beyond those numbers, and would drop new messages as copies."""
    async with opened(store_at(running[1], "numbers")) as store:
        assert await number(store) == 1
        await run(running[1], "UPDATE numbers.partita_meta SET value = '2' WHERE name = 'incarnation'")
        with pytest.raises(StoreMismatch, match="Start this process again"):
            await number(store)
        with pytest.raises(StoreMismatch):
            await store.sent([(0, 1)])
    async with opened(store_at(running[1], "numbers")) as store:
        assert store.source.endswith(".2")
        assert await number(store) == 2


async def test_tables_put_back_under_a_process_are_noticed_within_its_next_look_at_the_clock(
    running: tuple[ServerProcess, str],
) -> None:
    """Its connections stay, so no error shows the change."""
    async with opened(store_at(running[1], "tables")) as store:
        await run(
            running[1],
            "CREATE TABLE tables.copy (LIKE tables.outbox INCLUDING ALL); DROP TABLE tables.outbox;"
            "ALTER TABLE tables.copy RENAME TO outbox",
        )
        with pytest.raises(StoreReplaced):
            await store.now_us()
        with pytest.raises(StoreReplaced):
            async with store.reading():
                pass


async def test_a_promoted_standby_is_not_taken_for_the_server_that_was_there(
    running: tuple[ServerProcess, str],
) -> None:
    """Its last commits may be missing, so it counts keys again. The running process ends; the next one has another
    source."""
    server, url = running
    async with opened(store_at(url, "failover")) as store:
        assert await number(store) == 1
        server.stop()
        (server.folder / "data" / "standby.signal").touch()
        server.start()
        with pytest.raises(StoreUnavailable):  # the pool notices that its connection is gone
            await number(store)
        with pytest.raises(StoreUnavailable, match="standby"):
            await number(store)
        await run(url, "SELECT pg_promote()")
        with pytest.raises(StoreReplaced):
            await number(store)
    async with opened(store_at(url, "failover")) as store:
        assert store.source.endswith(".2")


async def test_a_process_that_has_nothing_to_do_asks_to_be_ended(running: tuple[ServerProcess, str]) -> None:
    """Its supervisor starts it again, before the first command comes."""
    ended = asyncio.Event()
    async with opened(store_at(running[1], "idle")) as store:
        await run(running[1], "UPDATE idle.partita_meta SET value = '2' WHERE name = 'incarnation'")
        supervisor = Supervisor(SystemClock())
        supervisor.add(SameDatabase(store))
        supervisor.on_lost = ended.set
        with pytest.raises(StoreReplaced):
            await number(store)
        supervisor.start()
        await asyncio.wait_for(ended.wait(), 10)
        await supervisor.stop()
    assert isinstance(supervisor.lost, StoreReplaced)
