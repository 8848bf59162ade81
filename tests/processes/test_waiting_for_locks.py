"""A start, `partita db upgrade` and the hand-over of outboxes behind the lock of another session: live services go
on, an error names the session, the wait ends at a limit with exit 6, and SIGTERM ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.processes.migrating import APPLICATION_ID, migrations
from tests.processes.test_migrations import FIRST, SECOND
from tests.servers import postgres_url
from tests.waiting import until

from partita.clock import SystemClock
from partita.databases.sqlite.file import SqliteFile
from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.operators.handing_over import take_back_without_reader
from partita.store.connect import connect_handover, connect_store
from partita.testing.conformance.rows import outbox_row

asyncpg: Any = pytest.importorskip("asyncpg", reason="no asyncpg here; pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]
COMMAND = [sys.executable, "-c", "from partita.cli.main import main; main()"]
HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_url() as url:
        yield url


@asynccontextmanager
async def connected(url: str, name: str = "careless", schema: str = "svc") -> AsyncIterator[Any]:
    """A session of another program."""
    connection = await asyncpg.connect(url, server_settings={"application_name": name, "search_path": schema})
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def old(server: str) -> AsyncIterator[Any]:
    """A schema of one migration, and a session in a transaction that has written to its table and stays open."""
    async with connected(server) as connection:
        await connection.execute("DROP SCHEMA IF EXISTS svc CASCADE")
        assert await migrations(server, [FIRST]).upgrade() == [1]
        await connection.execute("BEGIN; INSERT INTO t (id, name) VALUES (2, 'two')")
        yield connection


async def slowest(url: str, until: asyncio.Event) -> float:
    """The longest time that a live service's write to the table took."""
    worst = 0.0
    async with connected(url, "live") as live:
        number = 100
        while not until.is_set():
            began = time.monotonic()
            number += 1
            await live.execute("INSERT INTO t (id, name) VALUES ($1, $2)", number, str(number))
            worst = max(worst, time.monotonic() - began)
            await asyncio.sleep(0.01)
    return worst


async def test_a_migration_behind_an_open_transaction_stalls_nobody_and_gives_up(server: str, old: Any) -> None:
    over = asyncio.Event()
    live = asyncio.create_task(slowest(server, over))
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"the next migration waited 4 s for process \d+ \(careless, idle in"):
        await migrations(server, [FIRST, SECOND]).upgrade(4.0)
    assert time.monotonic() - began < 15
    over.set()
    assert await live < 3.5, "writers stood still behind the migration"
    assert (await migrations(server, [FIRST, SECOND]).standing()).applied == 1
    await old.execute("COMMIT")
    assert await migrations(server, [FIRST, SECOND]).upgrade(30.0) == [2]


async def test_it_says_for_whom_it_waits_and_goes_on_when_that_ends(
    server: str, old: Any, caplog: pytest.LogCaptureFixture
) -> None:
    upgrading = asyncio.create_task(migrations(server, [FIRST, SECOND]).upgrade(60.0))
    await until(lambda: any("careless" in said for said in caplog.messages))
    assert not upgrading.done()
    await old.execute("COMMIT")
    assert await upgrading == [2]


@pytest.mark.parametrize(
    "tables", ["CREATE INDEX IF NOT EXISTS t_n ON t (n)", "ALTER TABLE t ADD COLUMN IF NOT EXISTS x INT"]
)
async def test_own_tables_behind_an_open_transaction_too(server: str, old: Any, tables: str) -> None:
    """IF NOT EXISTS asks for the lock first."""
    with pytest.raises(StoreUnavailable, match="own tables waited 1 s for process .*careless"):
        await migrations(server, [FIRST], tables).upgrade(1.0)


async def test_an_up_to_date_schema_is_opened_whatever_is_held(server: str, old: Any) -> None:
    """No change is needed there, so the start waits for no lock."""
    await migrations(server, [FIRST]).upgrade(5.0)


@asynccontextmanager
async def locked(url: str, schema: str) -> AsyncIterator[None]:
    """The lock under which a schema is changed, held by a session that does nothing."""
    async with connected(url, "sleeper") as connection:
        await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", f"partita/{schema}")
        yield


async def test_behind_the_lock_of_the_schema_it_ends_with_who_has_it(server: str, old: Any) -> None:
    await old.execute("ROLLBACK")
    async with locked(server, "svc"):
        with pytest.raises(StoreUnavailable, match=r"waited 1 s for process \d+ \(sleeper"):
            await migrations(server, [FIRST, SECOND]).upgrade(1.0)
    assert await migrations(server, [FIRST, SECOND]).upgrade(30.0) == [2]


async def test_taking_an_outbox_back_without_its_reader_waits_for_nobody_for_ever(server: str) -> None:
    """Neither for a transaction that holds the queue, nor for a row that is being queued."""
    store = connect_store(server, this_machine(), service="kept", tables="")
    await store.open()
    handover = connect_handover(server, this_machine(), ["kept"], "kept_slot", 1.0)
    await handover.open()
    try:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("kept")])
            ((slot, row),) = await session.outbox.unsent([0], 10)
        await store.sent([(slot, row.seq)])
        async with connected(server, schema="kept") as careless:
            await careless.execute(f"BEGIN; INSERT INTO outbox_queue (slot, seq) VALUES ({slot}, {row.seq})")
            for act in (handover.queue_all, handover.hand_over):
                with pytest.raises(StoreUnavailable, match="waited 1 s for process .*careless"):
                    await act()
            await careless.execute("ROLLBACK")
            await handover.hand_over()
            await careless.execute("BEGIN; SELECT FROM outbox_queue")
            with pytest.raises(StoreUnavailable, match="taking its outbox back waited 1 s for process .*careless"):
                await take_back_without_reader(handover, {"kept": store}, reason="test", by="test")
            await careless.execute("ROLLBACK")
        counted = await take_back_without_reader(handover, {"kept": store}, reason="test", by="test")
        assert counted == 1
    finally:
        await handover.close()
        await store.close()


async def test_a_slot_behind_an_open_transaction_is_not_waited_for_for_ever(server: str, old: Any) -> None:
    """The server waits for every transaction that has written, in whatever schema."""
    if await old.fetchval("SELECT current_setting('wal_level')") != "logical":
        pytest.skip("the server keeps no log that can be followed")
    store = connect_store(server, this_machine(), service="kept", tables="")
    await store.open()
    handover = connect_handover(server, this_machine(), ["kept"], "kept_slot", 1.0)
    await handover.open()
    try:
        with pytest.raises(StoreUnavailable, match="making the slot kept_slot waited 1 s for process .*careless"):
            await handover.prepare()
        assert await handover.position() is None, "half a slot was left"
    finally:
        await handover.close()
        await store.close()


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which ends with the block."""
    child = subprocess.Popen([*COMMAND, *words], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def told(child: subprocess.Popen[str], what: str) -> None:
    """Read its output until this is in it."""
    assert child.stderr is not None
    for line in child.stderr:
        if what in line:
            return
    pytest.fail(f"it never said {what!r}")


async def test_a_start_behind_a_lock_says_so_and_sigterm_ends_it(server: str, tmp_path: Path) -> None:
    words = ["run", "--only", "order-service", "--store", server, "--data", str(tmp_path)]
    async with locked(server, "order-service"):
        with started(*words) as child:
            await asyncio.to_thread(told, child, "sleeper")
            child.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(child.wait, 20) == 0
            assert child.stderr is not None and "stopped before it was ready" in child.stderr.read()


async def test_db_upgrade_behind_a_lock_ends_with_exit_6(server: str, tmp_path: Path) -> None:
    words = [
        "db",
        "upgrade",
        "--only",
        "payment-service",
        "--store",
        server,
        "--data",
        str(tmp_path),
        "--yes",
        "--wait",
        "1",
    ]
    async with locked(server, "payment-service"):
        with started(*words) as child:
            _, said = await asyncio.to_thread(child.communicate, None, 60)
    assert child.returncode == 6 and "waited 1 s for process" in said and "sleeper" in said, said


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the turn to write a file, and is stopped."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{path}.lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None and child.stdout.readline() == "held\n"
        yield child
    finally:
        child.kill()
        child.communicate()


async def test_a_file_that_another_process_has_for_writing_is_told_with_who_has_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "svc.db"
    with holding(path) as child:
        who = rf"process {child.pid} \(.*python" if os.path.exists("/proc/locks") else "another process"
        with pytest.raises(StoreUnavailable, match=rf"{who}.* all of 1.5 s; nothing"):
            await migrations(str(path), [FIRST]).upgrade(1.5)
        assert any("opening it waits for" in said for said in caplog.messages)
        file = SqliteFile(path, this_machine(), application_id=APPLICATION_ID, migrations=[FIRST])
        opening = asyncio.create_task(file.open())
        await asyncio.sleep(0.05)
        opening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await opening
    assert await migrations(str(path), [FIRST]).upgrade(10.0) == [1]


async def test_many_writers_do_not_keep_a_start_out(tmp_path: Path) -> None:
    """A process that opens the file asks in small steps while others queue: it still gets its turn."""
    path = tmp_path / "svc.db"
    file = SqliteFile(path, this_machine(), application_id=APPLICATION_ID, migrations=[FIRST])
    await file.open()
    over = asyncio.Event()

    async def write() -> None:
        while not over.is_set():
            async with file.writing() as db:
                db.execute("UPDATE t SET n = n + 1")

    writers = [asyncio.create_task(write()) for _ in range(4)]
    second = SqliteFile(path, this_machine(), application_id=APPLICATION_ID, migrations=[FIRST])
    began = SystemClock().monotonic()
    await second.open(20.0)
    assert SystemClock().monotonic() - began < 15
    over.set()
    await asyncio.gather(*writers)
    second.close()
    file.close()


async def test_a_start_behind_a_file_that_is_held_ends_by_sigterm(tmp_path: Path) -> None:
    path = tmp_path / "order-service.db"
    with holding(path), started("run", "--only", "order-service", "--data", str(tmp_path)) as child:
        await asyncio.to_thread(told, child, "opening it waits for")
        child.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(child.wait, 20) == 0


def test_another_program_that_writes_to_the_file_is_told_after_seconds(tmp_path: Path) -> None:
    """A program other than Partita takes no turns: SQLite itself reports that the file is locked."""
    path = tmp_path / "svc.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="another program holds its write lock"):
            asyncio.run(migrations(str(path), [FIRST]).upgrade(1.0))
