"""A service's own numbered files by real processes: killed between two files, several at once, behind a lock, from
the command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.processes.deploying import app_at, start
from tests.processes.test_migrations import SLOW, ask, by_hand, go, is_locked, partita
from tests.processes.test_processes import ROOT
from tests.waiting import until_blocking

from partita.errors import StoreUnavailable
from partita.machine.system import this_machine
from partita.migrations.own_tables import MigrationFolder
from partita.store.connect import connect_migrations, connect_own_migrations

pytestmark = [pytest.mark.slow]

FILES = {
    "0001_first.sql": "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT NOT NULL); INSERT INTO t VALUES (1, 1);",
    "0002_second.sql": "UPDATE t SET n = n + 10;",
    "0003_third.sql": "CREATE TABLE u (id BIGINT); UPDATE t SET n = n + 100;",
}
APP = "tests.processes.deploying:app"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for the data of `svc`."""
    if request.param == "sqlite":
        (tmp_path / "data").mkdir()
        return str(tmp_path / "data/svc.db")
    return str(request.getfixturevalue("database"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three migrations."""
    path = tmp_path / "migrations"
    path.mkdir()
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


@contextmanager
def deploying(place: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that will start when it gets a line; it does not outlive the block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.deploying", place, str(folder)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def own(place: str, folder: Path) -> tuple[MigrationFolder, dict[str, object]]:
    app = app_at(place, folder)
    (service,) = app.services
    assert isinstance(service.tables, MigrationFolder)
    return service.tables, {"where": app.settings.store_place("svc"), "machine": this_machine(), "service": "svc"}


def standing(place: str, folder: Path) -> tuple[int, int]:
    files, at = own(place, folder)
    return tuple(asyncio.run(connect_own_migrations(folder=files, **at).standing()))  # type: ignore[arg-type, return-value]  # by name


def test_killed_between_two_it_goes_on_with_the_next(place: str, folder: Path) -> None:
    """Committed files stay and are not repeated; the interrupted one leaves nothing, not even its lock."""
    cut = folder / "0003_third.sql"
    cut.write_text(f"UPDATE t SET n = 4711; {SLOW['postgres' if '://' in place else 'sqlite']}")
    with deploying(place, folder) as child:
        go(child)
        until_blocking(lambda: standing(place, folder) == (2, 3))
        if "://" in place:
            until_blocking(lambda: bool(ask(place, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")))
        else:
            until_blocking(lambda: is_locked(place))
        child.kill()

    cut.write_text(FILES[cut.name])
    with deploying(place, folder) as successor:
        assert successor.communicate("\n", timeout=60)[0] == "[1, 2, 3]\n"
    assert ask(place, "SELECT n FROM t") == [(111,)]


def test_of_several_at_once_each_file_is_applied_by_one(place: str, folder: Path) -> None:
    """All processes of a deployment start together: no process fails, and no file is applied twice. The first file
    takes so long that all of them find it pending."""
    if "://" in place:
        first = folder / "0001_first.sql"
        first.write_text(f"SELECT pg_sleep(1); {first.read_text()}")
    with ExitStack() as stack:
        children = [stack.enter_context(deploying(place, folder)) for _ in range(4)]
        for child in children:
            go(child)
        for child in children:
            child.wait(60)
        said = [child.stdout.read() if child.stdout else "" for child in children]

    assert said == ["[1, 2, 3]\n"] * 4 and [child.returncode for child in children] == [0] * 4
    assert ask(place, "SELECT n FROM t") == [(111,)]


def test_the_printed_sql_does_what_a_start_does(place: str, folder: Path) -> None:
    """For a person who may not run the tool; a second run changes nothing."""
    files, at = own(place, folder)
    partitas = connect_migrations(tables=files, **at)  # type: ignore[arg-type]  # by name
    assert by_hand(place, partitas.script(0)) == 0
    script = connect_own_migrations(folder=files, **at).script(0)  # type: ignore[arg-type]  # by name
    assert by_hand(place, script) == 0
    assert by_hand(place, script) != 0
    assert standing(place, folder) == (3, 3)
    asyncio.run(start(app_at(place, folder)))
    assert ask(place, "SELECT n FROM t") == [(111,)]


def test_a_file_rather_gives_up_than_hold_the_table(database: str, folder: Path) -> None:
    """A statement that waits for a table's lock blocks all behind it; the error names the session in the way, and the
    file is rolled back."""
    import asyncpg

    asyncio.run(start(app_at(database, folder)))
    (folder / "0004_alters.sql").write_text("CREATE TABLE v (id BIGINT); ALTER TABLE t ADD COLUMN note TEXT;")
    files, at = own(database, folder)

    async def upgrade_beside_a_reader() -> None:
        reader = await asyncpg.connect(database, server_settings={"application_name": "a report"})
        async with reader.transaction():
            await reader.fetch("SELECT * FROM svc.t")
            with pytest.raises(StoreUnavailable, match=r"0004_alters.sql waited 1 s for process \d+ \(a report"):
                await connect_own_migrations(folder=files, **at).upgrade(1.0)  # type: ignore[arg-type]  # by name
        await reader.close()

    asyncio.run(upgrade_beside_a_reader())
    assert standing(database, folder) == (3, 4)
    asyncio.run(start(app_at(database, folder)))
    assert ask(database, "SELECT note FROM t") == [(None,)]


@pytest.mark.parametrize("tier", ["sqlite", "postgres"])
def test_the_command_line_of_a_deployment(
    tier: str, tmp_path: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    """Look, be refused, upgrade, start, deploy one more file, change one: with exit codes that a script can use."""
    at = {"DEPLOYED_FROM": str(folder)}
    if tier == "postgres":
        at["PARTITA_STORE"] = request.getfixturevalue("database")
    data = tmp_path / "data"

    code, out, _ = partita(data, "db", "status", APP, "-o", "json", **at)
    told = {item["name"]: (item["applied"], item["known"], item["state"]) for item in json.loads(out)["items"]}
    assert code == 3 and told["svc/tables"] == (0, 3, "absent") and set(told) == {"svc", "svc/tables", "log"}
    code, out, _ = partita(data, "db", "upgrade", APP, "--yes", "-o", "json", **at)
    applied = {item["name"]: item["applied"] for item in json.loads(out)["items"]}
    assert code == 0 and applied == {"svc": [1], "svc/tables": [1, 2, 3], "log": [1]}
    for words in ("status", "check", "upgrade"):
        code, out, said = partita(data, "db", words, APP, **at)
        assert (code, said) == (0, ""), out + said

    (folder / "0004_more.sql").write_text("ALTER TABLE t ADD COLUMN note TEXT;")
    code, _, said = partita(data, "run", APP, PARTITA_MIGRATE="off", **at)
    assert code == 5 and "0004_more.sql" in said and "partita db upgrade" in said
    assert partita(data, "db", "check", APP, **at)[0] == 3
    code, out, _ = partita(data, "doctor", "--app", APP, **at)
    assert code == 3 and "0004_more.sql" in out
    code, out, said = partita(data, "db", "upgrade", APP, "--only", "svc", "--dry-run", **at)
    assert code == 3 and "pending: svc/tables 4" in said
    code, out, _ = partita(data, "db", "sql", APP, "--only", "svc/tables", **at)
    assert code == 0 and "-- 0004_more.sql" in out and "0003" not in out
    assert partita(data, "db", "upgrade", APP, "--yes", **at)[:2] == (0, "svc/tables: applied 4\n")

    (folder / "0001_first.sql").write_text("CREATE TABLE t (id BIGINT);")
    for words in (("run", APP), ("db", "status", APP), ("db", "upgrade", APP)):
        code, _, said = partita(data, *words, **at)
        assert code == 5 and "0001_first.sql is not the file" in said and "0005_what.sql" in said, said
        assert "Traceback" not in said
    (folder / "0003_third.sql").unlink()
    code, _, said = partita(data, "run", APP, **at)
    assert code == 2 and "number 0003 is missing" in said and "Traceback" not in said
