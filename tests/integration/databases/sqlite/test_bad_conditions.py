"""Bad files, folders, disks and clocks: each a clear error or a wait, and nothing lost."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partita import App, Service, Settings, StoreUnavailable
from partita.databases.sqlite.file import SqliteFile
from partita.errors import BusUnavailable, StoreCorrupt, StoreMismatch
from partita.machine.system import this_machine
from partita.store.connect import connect_store


async def opened(path: Path, service: str = "svc") -> None:
    store = connect_store(path, this_machine(), service=service, tables="")
    await store.open()
    await store.close()


async def test_a_corrupt_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "svc.db"
    path.write_bytes(b"this is no database, it is a letter to somebody " * 200)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="Restore a backup"):
        await opened(path)
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "svc.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(StoreMismatch, match="another program's database"):
        await opened(path)
    with sqlite3.connect(path) as db:
        assert [r[0] for r in db.execute("SELECT name FROM sqlite_master")] == ["theirs"]
    db.close()


async def test_another_services_database_is_refused(tmp_path: Path) -> None:
    """A wrong --data folder must not mix two systems."""
    await opened(tmp_path / "svc.db", "order-service")
    with pytest.raises(StoreMismatch, match="belongs to order-service, not to payment-service"):
        await opened(tmp_path / "svc.db", "payment-service")


async def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    await opened(tmp_path / "svc.db")
    with sqlite3.connect(tmp_path / "svc.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreMismatch, match="newer Partita"):
        await opened(tmp_path / "svc.db")


async def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """A file in place of the folder: also root cannot write there."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StoreUnavailable, match="Check that the folder exists"):
        await opened(tmp_path / "data" / "svc.db")
    app = App(Service("lonely", namespace="lonely"), settings=Settings(data=tmp_path / "data"))
    with pytest.raises((BusUnavailable, StoreUnavailable)):
        async with app.running():
            pass


@pytest.fixture
def locked_away(tmp_path: Path) -> Iterator[Path]:
    """A database that cannot be written: against root that needs the immutable flag."""
    path = tmp_path / "svc.db"
    asyncio.run(opened(path))
    as_root = os.getuid() == 0
    lock, unlock = (["chattr", "+i"], ["chattr", "-i"]) if as_root else (["chmod", "a-w"], ["chmod", "u+w"])
    if as_root and (
        shutil.which("chattr") is None or subprocess.run([*lock, str(path)], capture_output=True).returncode
    ):
        pytest.skip("as root this needs chattr on a file system that knows it: run it as another user")
    if not as_root:
        subprocess.run([*lock, str(path)], check=True)
    yield path
    subprocess.run([*unlock, str(path)], check=True)


def test_a_read_only_database_is_said_so(locked_away: Path) -> None:
    with pytest.raises(StoreUnavailable, match="read-only|cannot be opened"):
        asyncio.run(opened(locked_away))


async def test_a_migration_that_fails_midway_leaves_the_old_schema(tmp_path: Path) -> None:
    first = "CREATE TABLE a (x); CREATE TABLE b (x);"
    file = SqliteFile(tmp_path / "m.db", this_machine(), application_id=7, migrations=[first])
    await file.open()
    file.close()
    broken = SqliteFile(
        tmp_path / "m.db",
        this_machine(),
        application_id=7,
        migrations=[first, "CREATE TABLE c (x); CREATE TABLE a (x);"],
    )
    with pytest.raises(sqlite3.OperationalError):
        await broken.open()
    with sqlite3.connect(tmp_path / "m.db") as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 1
        assert [r[0] for r in db.execute("SELECT name FROM sqlite_master ORDER BY 1")] == ["a", "b"]
    db.close()


async def test_a_wall_clock_set_back_between_runs_does_not_hold_timers_back(bank: Any) -> None:
    """The store's newest time is the floor: otherwise timers would wait for as long as the clock was set back."""
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="ann", cents=5))
        await bank.app.settled()
        ahead = system.clock.now_us() + 3_600_000_000
        async with bank.app.store("bank").transaction() as session:
            await session.execute("UPDATE outbox SET at_us = :a", {"a": ahead})
    async with bank.app.running() as system:
        assert system.clock.now_us() >= ahead
        await bank.app.send(bank.Deposit(name="ann", cents=6))
        await bank.app.settled()


def test_doctor_names_a_clock_that_was_set_back(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from partita.cli.main import main; main()"]
    asyncio.run(opened(tmp_path / "analytics.db", "analytics"))
    with sqlite3.connect(tmp_path / "analytics.db") as db:
        far = 4_000_000_000_000_000
        db.execute(
            "INSERT INTO inbox (consumer, message_id, type, correlation_id, payload_hash, at_us, outcome) "
            f"VALUES ('c', 'm', 't', 'c', 'h', {far}, 'handled')"
        )
    db.close()
    done = subprocess.run([*command, "doctor", "--data", str(tmp_path), "-o", "json"], capture_output=True, text=True)
    assert done.returncode == 3
    (clock,) = [x for x in json.loads(done.stdout)["items"] if x["what"] == "clock"]
    assert "behind the newest stored time" in clock["found"]


FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from partita.machine.system import this_machine
from partita.errors import StoreUnavailable
from partita.store.connect import connect_store
from partita.testing.conformance.rows import outbox_row

async def main():
    store = connect_store(Path(sys.argv[1]) / "svc.db", this_machine(), service="svc", tables="")
    await store.open()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, hard))
    kept = refused = 0
    for n in range(400):
        try:
            async with store.transaction() as session:
                await session.outbox.add([outbox_row(f"o{n}")._replace(payload=b"x" * 4000)])
            kept += 1
        except StoreUnavailable as error:
            assert "disk" in str(error), error
            refused += 1
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    async with store.transaction() as session:
        await session.outbox.add([outbox_row("after")])
    async with store.reading() as session:
        rows = [row for _, row in await session.outbox.unsent([0], 1000)]
    assert len(rows) == kept + 1, (len(rows), kept)
    assert refused, "the limit was never met"
    await store.close()
    print("kept", kept, "refused", refused)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_full_disk_refuses_clearly_keeps_nothing_half_and_recovers_without_a_restart(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stdout


@pytest.mark.skipif(
    shutil.which("mount") is None or os.getuid() != 0, reason="needs root and mount: run the tests as root"
)
@pytest.mark.slow
def test_orders_wait_while_the_disk_is_full_and_go_on_when_it_is_not(tmp_path: Path) -> None:
    """The resource limits of this process simulate the disk: the consumer waits, counts the failure against no
    message, and then handles all of them."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    from tests.integration.conftest import Bank

    async def run() -> None:
        bank = Bank(tmp_path / "data")
        async with bank.app.running():
            await bank.app.send(bank.Deposit(name="ann", cents=1))
            await bank.app.settled()
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
            try:
                with pytest.raises(StoreUnavailable):
                    await bank.app.send(bank.Deposit(name="bob", cents=1), idempotency_key="b")
                await asyncio.sleep(0.5)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            await bank.app.send(bank.Deposit(name="bob", cents=1), idempotency_key="b")
            await bank.app.settled()
            assert await bank.rows("audit", "SELECT count(*) AS n FROM entry") == [{"n": 2}]
            async with bank.app.store("audit").reading() as session:
                assert await session.dead_letters.count() == 0

    asyncio.run(run())


@pytest.mark.slow
def test_reading_commands_never_make_a_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from partita.cli.main import main; main()"]
    for words in (["journey", "x"], ["saga", "list"], ["outbox", "status"], ["consumers", "list"]):
        done = subprocess.run(
            [*command, *words, "--data", str(tmp_path / "nothing")], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 4 and "--data" in done.stderr, (words, done.stderr)
    assert not (tmp_path / "nothing").exists()
