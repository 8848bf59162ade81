"""`partita db` and its migrations, on files and on a real server: killed midway, two at once, changes made by hand."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.postgres import programs
from tests.processes.migrating import APPLICATION_ID, migrations
from tests.processes.test_processes import ROOT
from tests.servers import postgres_url
from tests.waiting import until_blocking

from partita.clock import SystemClock
from partita.databases.sqlite.file import SqliteFile
from partita.errors import MigrationPending, NotFound, StoreMismatch, StoreUnavailable
from partita.machine.system import this_machine
from partita.migrations.migration import Deviation
from partita.store.connect import connect_migrations, connect_store
from partita.testing.conformance.rows import outbox_row

pytestmark = [pytest.mark.slow]

FIRST = """
CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT NOT NULL, n BIGINT NOT NULL DEFAULT 0); -- a comment; with a semicolon
CREATE UNIQUE INDEX t_name ON t (name);
INSERT INTO t (id, name) VALUES (1, 'one');
CREATE TABLE own_migration (number BIGINT PRIMARY KEY, name TEXT, checksum TEXT, applied_us BIGINT, applied_at TIMESTAMP);
"""
SECOND = "ALTER TABLE t ADD COLUMN seen BIGINT; UPDATE t SET n = n + 1;"
THIRD = "CREATE TABLE u (id BIGINT PRIMARY KEY); CREATE INDEX u_plain ON u (id); UPDATE t SET n = n + 10;"
SCRIPTS = [FIRST, SECOND, THIRD]
SLOW = {
    "sqlite": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;",
    "postgres": "SELECT pg_sleep(600);",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place for the schema of `svc`."""
    if request.param == "sqlite":
        yield str(tmp_path / "svc.db")
        return
    url: str = request.getfixturevalue("server")
    ask(url, "DROP SCHEMA IF EXISTS svc CASCADE")
    yield url


def ask(where: str, sql: str) -> list[tuple[Any, ...]]:
    """Run SQL beside Partita, in the schema of `svc`."""
    if "://" not in where:
        with closing(sqlite3.connect(where)) as db, db:
            return db.execute(sql).fetchall()

    async def fetch() -> list[tuple[Any, ...]]:
        import asyncpg

        connection = await asyncpg.connect(where, server_settings={"search_path": "svc"})
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(fetch())


@contextmanager
def upgrading(where: str, scripts: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that will upgrade when it gets a line; it does not outlive the block."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.processes.migrating", where, json.dumps(scripts)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def go(child: subprocess.Popen[str]) -> None:
    """Let it begin."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def applied(where: str) -> int:
    return asyncio.run(migrations(where, SCRIPTS).standing()).applied


def test_killed_midway_it_goes_on_where_it_was(place: str) -> None:
    """Committed migrations stay and are not repeated; the interrupted one leaves nothing, not even its lock."""
    slow = f"UPDATE t SET n = 1000; {SLOW['postgres' if '://' in place else 'sqlite']}"
    with upgrading(place, [FIRST, SECOND, slow]) as child:
        go(child)
        until_blocking(lambda: applied(place) == 2)
        if "://" in place:
            until_blocking(lambda: bool(ask(place, "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")))
        else:
            until_blocking(lambda: is_locked(place))
        child.kill()

    with upgrading(place, SCRIPTS) as successor:
        assert successor.communicate("\n", timeout=60)[0] == "[3]\n"
    assert ask(place, "SELECT n FROM t") == [(11,)]
    assert asyncio.run(migrations(place, SCRIPTS).check()) == []


def is_locked(path: str) -> bool:
    """Whether a session writes to the file now."""
    with closing(sqlite3.connect(path, timeout=0)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def test_of_several_at_once_each_migration_is_applied_by_one(place: str) -> None:
    """All processes of a deployment, or two people: every number is applied once, and no process fails."""
    with ExitStack() as stack:
        children = [stack.enter_context(upgrading(place, SCRIPTS)) for _ in range(4)]
        for child in children:
            go(child)
        for child in children:
            child.wait(60)
        said = [json.loads(child.stdout.read() if child.stdout else "") for child in children]

    assert sorted(number for numbers in said for number in numbers) == [1, 2, 3]
    assert [child.returncode for child in children] == [0, 0, 0, 0]
    assert ask(place, "SELECT n FROM t") == [(11,)]


def test_the_printed_sql_does_what_upgrade_does(place: str) -> None:
    """For a person who may not run the tool; a second run changes nothing."""
    schema = migrations(place, SCRIPTS, tables="CREATE TABLE IF NOT EXISTS own (id BIGINT)")
    by_hand(place, migrations(place, SCRIPTS[:2]).script(0))
    assert asyncio.run(schema.standing()).pending == 1
    script = schema.script(2)
    assert by_hand(place, script) == 0
    assert by_hand(place, script) != 0, "the second run has to end at the first thing that is there already"

    assert asyncio.run(schema.standing()).state == "current"
    assert asyncio.run(schema.check()) == []
    assert asyncio.run(schema.upgrade()) == []
    assert ask(place, "SELECT n FROM t") == [(11,)]


def by_hand(where: str, script: str) -> int:
    """Run it as a person would; returns the exit code of psql, or 1 if SQLite refuses."""
    if "://" in where:
        folder = programs()
        assert folder is not None
        command = [folder / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", where]
        return subprocess.run(command, input=script, text=True, capture_output=True, check=False).returncode
    with closing(sqlite3.connect(where, isolation_level=None)) as db:
        try:
            db.executescript(script)
        except sqlite3.OperationalError:
            return 1
        return 0


def check(where: str, tables: str = "") -> list[Deviation]:
    return list(asyncio.run(migrations(where, SCRIPTS, tables).check()))


def test_what_was_changed_by_hand_is_found(place: str) -> None:
    """Missing and changed tables, columns and indexes, and additions that would refuse our rows; an additional index
    is tuning."""
    asyncio.run(migrations(place, SCRIPTS).upgrade())
    assert check(place) == []
    ask(place, "CREATE INDEX tuned ON t (seen)")
    ask(place, "CREATE TABLE somebodys (id BIGINT)")
    assert check(place) == []

    ask(place, "DROP INDEX t_name")
    ask(place, "CREATE INDEX t_name ON t (id)")
    ask(place, "ALTER TABLE t DROP COLUMN n")
    ask(place, "ALTER TABLE t ADD COLUMN extra TEXT NOT NULL DEFAULT 'x'")
    ask(place, "CREATE UNIQUE INDEX refuses ON t (seen)")
    ask(place, "DROP TABLE u")
    found = {
        deviation.what: deviation.found for deviation in check(place, "CREATE TABLE IF NOT EXISTS mine (id BIGINT)")
    }
    assert set(found) == {
        "index t_name of table t", "column n of table t", "column extra of table t", "index refuses of table t",
        "table u", "table mine",
    }  # fmt: skip
    assert found["column n of table t"] == found["table u"] == found["table mine"] == "missing"


def test_on_a_server_triggers_constraints_and_functions_are_looked_at(server: str) -> None:
    """A trigger and its function make the audit append-only: without this check their loss would go unnoticed."""
    ask(server, "DROP SCHEMA IF EXISTS svc CASCADE")
    guarded = """
    CREATE TABLE a (id BIGINT PRIMARY KEY CHECK (id > 0));
    CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
    CREATE TRIGGER guard BEFORE DELETE ON a FOR EACH STATEMENT EXECUTE FUNCTION no();
    """
    schema = migrations(server, [guarded])
    asyncio.run(schema.upgrade())
    assert asyncio.run(schema.check()) == []
    ask(server, "ALTER TABLE a DISABLE TRIGGER guard")
    ask(server, "ALTER TABLE a DROP CONSTRAINT a_id_check")
    ask(server, "CREATE OR REPLACE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    told = {deviation.what for deviation in asyncio.run(schema.check())}
    assert told == {"trigger guard of table a", "constraint a_id_check of table a", "function no"}
    assert not ask(server, "SELECT 1 FROM pg_namespace WHERE nspname = 'partita_check'"), (
        "the comparison leaves nothing"
    )


def test_a_migration_rather_gives_up_than_hold_the_table(server: str) -> None:
    """A statement that waits for a table's lock blocks all behind it; the upgrade reports that, and the next upgrade
    continues."""
    import asyncpg

    ask(server, "DROP SCHEMA IF EXISTS svc CASCADE")
    asyncio.run(migrations(server, SCRIPTS[:1]).upgrade())

    async def upgrade_beside_a_reader() -> None:
        reader = await asyncpg.connect(server)
        async with reader.transaction():
            await reader.fetch("SELECT * FROM svc.t")
            with pytest.raises(StoreUnavailable, match="waited 1 s for process"):
                await migrations(server, SCRIPTS).upgrade(1.0)
        await reader.close()

    asyncio.run(upgrade_beside_a_reader())
    assert asyncio.run(migrations(server, SCRIPTS).upgrade()) == [2, 3]


def test_a_newer_schema_and_another_program_s_are_refused_untouched(place: str) -> None:
    """Old code on a new schema would write rows that the new code cannot read."""
    asyncio.run(migrations(place, SCRIPTS).upgrade())
    old = migrations(place, SCRIPTS[:1])
    assert asyncio.run(old.standing()).state == "newer"
    with pytest.raises(StoreMismatch, match="newer Partita"):
        asyncio.run(old.upgrade())
    with pytest.raises(StoreMismatch, match="newer Partita"):
        asyncio.run(opened(place, SCRIPTS[:1]))
    assert applied(place) == 3

    ask(place, "DROP TABLE partita_migration" if "://" in place else "PRAGMA application_id = 99")
    if "://" in place:
        ask(place, "DROP TABLE partita_meta")
    with pytest.raises(StoreMismatch, match="another program"):
        asyncio.run(old.standing())
    with pytest.raises(StoreMismatch, match="another program"):
        asyncio.run(old.upgrade())


def test_nothing_is_looked_at_where_nothing_is(place: str) -> None:
    with pytest.raises(NotFound, match="does not exist yet"):
        check(place)
    assert not Path(place).exists()
    if "://" in place:
        assert not ask(place, "SELECT 1 FROM pg_namespace WHERE nspname = 'svc'")


async def opened(where: str, scripts: list[str], migrate: bool = True) -> None:
    """Open the schema as a process does at its start."""
    if "://" in where:
        from partita.databases.postgres.database import Database

        database = Database(where, "svc", SystemClock(), migrate=migrate)
        try:
            await database.open(scripts)
        finally:
            await database.close()
        return
    file = SqliteFile(Path(where), this_machine(), application_id=APPLICATION_ID, migrations=scripts, migrate=migrate)
    await file.open()
    file.close()


def test_where_a_start_does_not_migrate_it_names_the_command(place: str) -> None:
    """On an empty place and on an older schema; after the upgrade the start succeeds."""
    with pytest.raises(MigrationPending, match="partita db upgrade"):
        asyncio.run(opened(place, SCRIPTS, migrate=False))
    assert applied(place) == 0
    asyncio.run(migrations(place, SCRIPTS[:2]).upgrade())
    with pytest.raises(MigrationPending, match="its schema is 2, this Partita needs 3"):
        asyncio.run(opened(place, SCRIPTS, migrate=False))
    assert applied(place) == 2
    asyncio.run(migrations(place, SCRIPTS).upgrade())
    asyncio.run(opened(place, SCRIPTS, migrate=False))


def partita(data: Path, *words: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the command line."""
    done = subprocess.run(
        [sys.executable, "-c", "from partita.cli.main import main; main()", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), "PARTITA_DATA": str(data), **environment},
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


APP = "tests.processes.counting:app"


@pytest.mark.parametrize("tier", ["sqlite", "postgres"])
def test_the_command_line_of_a_deployment(tier: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Check, be refused, upgrade, start, break a table, check again: with exit codes that a script can use."""
    store = {"PARTITA_STORE": request.getfixturevalue("server")} if tier == "postgres" else {}
    off = {**store, "PARTITA_MIGRATE": "off"}

    code, out, _ = partita(tmp_path, "db", "status", APP, "-o", "json", **store)
    told = json.loads(out)
    assert (code, told["kind"], told["pending"]) == (3, "DbStatus", 3)
    assert [item["name"] for item in told["items"]] == ["source", "sink", "log"]
    code, _, said = partita(tmp_path, "run", APP, **off)
    assert code == 5 and "partita db upgrade" in said and "Traceback" not in said
    assert partita(tmp_path, "db", "upgrade", APP, **store)[0] == 5, "nobody confirmed"
    assert partita(tmp_path, "db", "upgrade", APP, "--dry-run", **store)[0] == 3
    assert partita(tmp_path, "db", "check", APP, **store)[0] == 3
    assert partita(tmp_path, "db", "status", APP, "--only", "nobody", **store)[0] == 4

    code, out, _ = partita(tmp_path, "db", "upgrade", APP, "--yes", "-o", "json", **store)
    assert code == 0 and [item["applied"] for item in json.loads(out)["items"]] == [[1], [1], [1]]
    for words in ("status", "check", "upgrade"):
        code, out, said = partita(tmp_path, "db", words, APP, **store)
        assert (code, said) == (0, ""), out + said
    assert partita(tmp_path, "db", "sql", APP, **store)[:2] == (0, "")
    code, out, _ = partita(tmp_path, "doctor", "--app", APP, **off)
    assert code == 0, out

    where = store.get("PARTITA_STORE") or str(tmp_path / "sink.db")
    ask(where, "DROP INDEX sink.inbox_once" if store else "DROP INDEX inbox_once")
    code, out, _ = partita(tmp_path, "db", "check", APP, **store)
    assert code == 3 and "sink: index inbox_once of table inbox: missing" in out


def test_a_server_that_is_not_there_is_exit_6_without_its_password(tmp_path: Path) -> None:
    code, out, said = partita(tmp_path, "db", "status", APP, PARTITA_STORE="postgresql://u:secret@127.0.0.1:1/none")
    assert (code, out) == (6, "") and "cannot be reached" in said and "secret" not in said


async def test_where_migrations_are_a_person_s_the_services_need_no_right_to_create(server: str) -> None:
    """The user of the services owns no table: it reads and writes rows."""
    import asyncpg

    own = "CREATE TABLE IF NOT EXISTS own (id BIGINT PRIMARY KEY)"
    await connect_migrations(server, this_machine(), service="guarded", tables=own).upgrade()
    connection = await asyncpg.connect(server)
    await connection.execute(
        "CREATE ROLE plain LOGIN; GRANT USAGE ON SCHEMA guarded TO plain;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA guarded TO plain"
    )
    await connection.close()
    store = connect_store(
        server.replace("postgres@", "plain@"), this_machine(), service="guarded", tables=own, migrate=False
    )
    await store.open()
    try:
        async with store.transaction() as session:
            await session.outbox.add([outbox_row("o1")])
            await session.execute("INSERT INTO own VALUES (1)", {})
        with pytest.raises(StoreUnavailable, match="may not do that"):
            await store.create_tables()
    finally:
        await store.close()
