"""The SQLite file under a power cut, a cancelled caller, a foreign file or a removed folder."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from partita.databases.sqlite.file import SqliteFile, statements_of
from partita.errors import StoreCorrupt, StoreMismatch, StoreUnavailable
from partita.machine.system import this_machine

TABLE = "CREATE TABLE a (x)"


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteFile]:
    opened = SqliteFile(tmp_path / "f.db", this_machine(), application_id=7, migrations=[TABLE])
    await opened.open()
    yield opened
    opened.close()


async def test_a_write_that_is_not_synced_never_checkpoints(file: SqliteFile) -> None:
    """Its checkpoint would not be synced either, and the log is written over next: a power cut would then take
    durable commits with it."""
    for _ in range(3):
        async with file.writing(synced=False) as db:
            db.execute("INSERT INTO a VALUES (zeroblob(16000000))")
            db.execute("DELETE FROM a")
        assert file.path.stat().st_size < 1_000_000
    async with file.writing() as db:
        db.execute("INSERT INTO a VALUES (1)")
    assert file.path.stat().st_size > 1_000_000, "the synced one does it"


async def test_the_log_stays_small_while_all_that_is_written_is_unsynced(file: SqliteFile) -> None:
    """An idle system writes heartbeats and nothing else, for weeks."""
    async with file.writing() as db:
        db.execute("INSERT INTO a VALUES (zeroblob(200000))")
    for _ in range(500):
        async with file.writing(synced=False) as db:
            db.execute("UPDATE a SET x = randomblob(200000)")
    assert Path(f"{file.path}-wal").stat().st_size < 48_000_000, "100 MB were written"


async def test_who_is_cancelled_while_waiting_for_the_lock_does_not_keep_it(file: SqliteFile) -> None:
    """The thread gets the lock nevertheless; if it kept the lock, it would stop every other process for good."""
    with open(f"{file.path}.lock") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        async def write() -> None:
            async with file.writing():
                pass

        writer = asyncio.create_task(write())
        await asyncio.sleep(0)
        writer.cancel()
        fcntl.flock(other, fcntl.LOCK_UN)
        with pytest.raises(asyncio.CancelledError):
            await writer
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_a_commit_is_seen_through_however_often_its_caller_is_cancelled(
    file: SqliteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop cancels, and cancels again: no other writer may get the lock while the thread still commits."""
    begun, go = threading.Event(), threading.Event()
    commit = file._commit

    def slow(db: sqlite3.Connection) -> None:
        begun.set()
        assert go.wait(10)
        commit(db)

    monkeypatch.setattr(file, "_commit", slow)

    async def write() -> None:
        async with file.writing() as db:
            db.execute("INSERT INTO a VALUES (1)")

    writer = asyncio.create_task(write())
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        writer.cancel()
        await asyncio.sleep(0)
    assert not writer.done()
    with open(f"{file.path}.lock") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writer
    async with file.writing() as db:
        assert db.execute("SELECT count(*) FROM a").fetchone()[0] == 1


async def test_a_removed_file_is_noticed(file: SqliteFile) -> None:
    """SQLite continues to write into a file without a name and reports success: orders would be accepted and lost."""
    shutil.rmtree(file.path.parent)
    with pytest.raises(StoreUnavailable, match="was removed"):
        async with file.writing() as db:
            db.execute("INSERT INTO a VALUES (1)")


async def test_a_transaction_that_ended_within_its_block_is_no_success(file: SqliteFile) -> None:
    with pytest.raises(StoreUnavailable, match="ended within its block"):
        async with file.writing() as db:
            db.execute("ROLLBACK")


async def test_another_programs_database_keeps_every_byte(tmp_path: Path) -> None:
    """Reading it must not switch it to WAL mode: "it was not touched" has to be true."""
    path = tmp_path / "f.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreMismatch):
        await SqliteFile(path, this_machine(), application_id=7, migrations=[TABLE]).open()
    assert path.read_bytes() == before


async def test_an_opening_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    """A caller that tries again every second must not run out of file handles."""
    (tmp_path / "f.db").write_bytes(b"no database " * 1_000)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(StoreCorrupt):
            await SqliteFile(tmp_path / "f.db", this_machine(), application_id=7, migrations=[TABLE]).open()
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("CREATE TABLE a (x); CREATE TABLE b (x);", 2),
        ("CREATE TABLE a (x); -- the ledger; of all", 2),
        ("CREATE TABLE a (x) -- the ledger", 1),
        ("INSERT INTO a VALUES (';'); CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;", 2),
        (" \n ", 0),
    ],
)
def test_a_script_is_taken_apart_without_losing_a_statement(script: str, count: int) -> None:
    assert len(statements_of(script)) == count


def test_an_unfinished_statement_is_left_to_sqlite_to_refuse() -> None:
    """If it were silently dropped, its table would be missing at the first message."""
    db = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError):
        for statement in statements_of("CREATE TABLE a (x DEFAULT 'oops); CREATE TABLE b (x)"):
            db.execute(statement)
    db.close()
