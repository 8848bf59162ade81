"""The PostgreSQL store behind a real PgBouncer in transaction mode: it passes the same suite, and reports missing
notifications."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest
from tests.conformance.schemas import SERVICES, store_at
from tests.servers import pooler_url

from partita.clock import SystemClock
from partita.databases.postgres.health import check_server, judged
from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.store.connect import connect_store
from partita.store.port import Store
from partita.store.postgres import store as store_module
from partita.testing.conformance import store as store_suite
from partita.testing.conformance.rows import inbox_row, opened, outbox_row

pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def pooler(server: str) -> Iterator[str]:
    with pooler_url(server) as url:
        yield url


@pytest.mark.long
@pytest.mark.parametrize("case", store_suite.CASES, ids=lambda c: c.__name__)
async def test_the_store_behind_a_pooler(case: store_suite.Case, pooler: str) -> None:
    """Nothing in the URL says that there is one."""
    await case(store_at(pooler))


async def test_statements_kept_prepared_fail_with_the_option_to_set(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who insists on prepared statements gets a warning: the pooler gives two clients at once other
    connections than those they prepared on."""
    with pooler_url(server, size=2) as url:
        store = connect_store(
            f"{url}?statement_cache_size=100&pool_max=4", this_machine(), service=next(SERVICES), tables=""
        )
        with pytest.raises(StoreUnavailable, match="statement_cache_size=0"):
            await store.open()
            for turn in range(50):
                await asyncio.gather(*(_mark(store, f"{turn}/{n}") for n in range(4)))
        await store.close()


async def _mark(store: Store, message_id: str) -> None:
    async with store.transaction() as session:
        await session.inbox.mark([inbox_row(message_id)])
        await session.inbox.seen("group", [message_id])


async def test_it_says_once_that_nothing_is_heard(pooler: str, caplog: pytest.LogCaptureFixture) -> None:
    """Once for each server, not for each service: five services would log it five times, and again every five
    seconds."""
    store_module.DEAF.clear()
    with caplog.at_level(logging.WARNING):
        async with opened(store_at(pooler)) as one, opened(store_at(pooler)) as two:
            await one.now_us()
            await two.now_us()
    assert [record.getMessage().count("LISTEN delivers nothing") for record in caplog.records] == [1]


async def test_without_a_pooler_and_behind_one_in_session_mode_it_hears(server: str) -> None:
    """The test of the listening connection must not report a working one."""
    with pooler_url(server, mode="session", size=40) as session_mode:
        for url in (server, session_mode):
            open_store = store_at(url)
            async with opened(open_store) as one, opened(open_store) as two:
                async with one.transaction() as session:
                    await session.outbox.add([outbox_row("o1")])
                await asyncio.wait_for(two.bell.wait(), 10)
        found = await check_server(session_mode, this_machine())
    assert any(f.what == "pooler" and "session mode" in f.found for f in found)


async def test_the_doctor_names_the_pooler(server: str, pooler: str) -> None:
    direct = {f.what: f for f in await check_server(server, this_machine())}
    pooled = {f.what: f for f in await check_server(pooler, this_machine())}
    assert direct["pooler"].found.startswith("none")
    assert "transaction mode" in pooled["pooler"].found
    assert {f.level for f in direct.values()} == {"ok", "note"}
    assert direct["idle transactions"].level == "note"


async def test_the_doctor_says_what_a_database_would_lose(server: str) -> None:
    """A commit that is acknowledged before it is on the disk can be lost."""
    import asyncpg

    connection = await asyncpg.connect(server)
    try:
        await connection.execute("CREATE DATABASE careless")
        await connection.execute("ALTER DATABASE careless SET synchronous_commit = off")
        await connection.execute("ALTER DATABASE careless SET idle_in_transaction_session_timeout = '60s'")
    finally:
        await connection.close()
    careless = server.removesuffix("/postgres") + "/careless"
    found = {f.what: f for f in await check_server(careless, this_machine())}
    assert found["synchronous_commit"].level == "bad" and "idle transactions" not in found
    told = judged({"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"})
    assert [(f.level, f.what) for f in told] == [("bad", "fsync"), ("bad", "full_page_writes")]


async def test_the_doctor_sees_clocks_that_differ(server: str) -> None:
    """Timers use the server's clock."""

    class Behind(SystemClock):
        def now_us(self) -> int:
            return super().now_us() - 60_000_000

    found = {f.what: f for f in await check_server(server, this_machine(Behind()))}
    assert found["clocks"].level == "note" and "ahead" in found["clocks"].found
