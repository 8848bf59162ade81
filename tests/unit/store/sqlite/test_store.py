"""The SQLite store alone: what is its own beside the conformance suite."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.store.sqlite.store import SqliteStore
from partita.testing.conformance.rows import inbox_row, outbox_row


async def opened(path: Path) -> SqliteStore:
    store = SqliteStore(path, this_machine(), service="svc", tables="CREATE TABLE IF NOT EXISTS own (x)")
    await store.open()
    await store.create_tables()
    return store


async def send(store: SqliteStore, name: str) -> None:
    async with store.transaction() as session:
        await session.outbox.add([outbox_row(name)])
        rows = [row for _, row in await session.outbox.unsent([0], 10)]
    await store.sent([(0, row.seq) for row in rows])


async def test_a_full_disk_in_a_handlers_statement_keeps_nothing_and_blames_no_message(tmp_path: Path) -> None:
    """SQLite rolls the whole transaction back by itself; a handler that goes on would commit piece by piece."""
    store = await opened(tmp_path / "svc.db")
    db = store._file._synced
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        async with store.transaction() as session:
            await session.inbox.mark([inbox_row("m1")])
            with pytest.raises(StoreUnavailable, match="the disk is full"):
                await session.execute("INSERT INTO own VALUES (zeroblob(200000))", {})
            await session.execute("INSERT INTO own VALUES ('afterwards')", {})
            await session.outbox.add([outbox_row("o1")])
    db.execute("PRAGMA max_page_count=1000000")
    async with store.transaction() as session:
        assert not await session.fetch("SELECT * FROM own", {})
        assert not await session.outbox.unsent([0], 10)
        assert not await session.inbox.seen("group", ["m1"])
    await store.close()


async def test_a_database_put_back_from_an_older_copy_gets_a_new_source(tmp_path: Path) -> None:
    """It counts its keys again: under the old source the receivers would drop its new messages as old copies."""
    path = tmp_path / "svc.db"
    store = await opened(path)
    await send(store, "o1")
    first = store.source
    await store.close()
    shutil.copy(path, tmp_path / "backup")
    store = await opened(path)
    assert store.source == first, "an ordinary restart changes nothing"
    await send(store, "o2")
    await store.close()
    shutil.copy(tmp_path / "backup", path)
    store, beside = await opened(path), await opened(path)
    assert store.source == beside.source != first
    await store.close()
    await beside.close()
    again = await opened(path)
    assert again.source == beside.source, "once"
    await again.close()


async def test_a_statements_own_error_stays_the_databases(tmp_path: Path) -> None:
    """A wrong statement is the handler's failure, not the disk's."""
    store = await opened(tmp_path / "svc.db")
    with pytest.raises(Exception, match="no such table") as caught:
        async with store.transaction() as session:
            await session.execute("INSERT INTO nowhere VALUES (1)", {})
    assert not isinstance(caught.value, StoreUnavailable)
    await store.close()
