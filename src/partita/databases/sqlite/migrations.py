"""The migrations of a SQLite file, checked and applied beside the processes that use it."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from partita.databases.sqlite.file import SqliteFile, translate
from partita.databases.sqlite.tables import SqliteOwnTables, make_tables
from partita.errors import NotFound, StoreMismatch
from partita.machine.port import Machine
from partita.migrations.migration import MIGRATE, WAIT_S, Deviation, Shape, Standing, deviations, ended
from partita.migrations.own_tables import OwnTables

COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
OBJECTS = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
COLUMNS = "SELECT name, type, \"notnull\", coalesce(dflt_value, ''), pk FROM pragma_table_xinfo(?)"


class SqliteMigrations:
    """See `partita.migrations.migration.Migrations`. `tables` is the script of the service's own tables."""

    def __init__(
        self, path: Path, machine: Machine, *, application_id: int, migrations: Sequence[str], tables: str = ""
    ) -> None:
        self.where = str(path)
        self._machine = machine
        self._path = path
        self._application_id = application_id
        self._migrations = migrations
        self._tables = tables

    async def standing(self) -> Standing:
        """The file's version; nothing is created."""
        if not self._path.exists():
            return Standing(0, len(self._migrations))
        with looked_at(self._path) as db:
            held = db.execute("PRAGMA application_id").fetchone()[0]
            empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if held != self._application_id and not (held == 0 and empty):
            raise StoreMismatch(
                f"{self.where}: this is another program's database.",
                hint="It was not touched. Choose another folder with --data.",
            )
        return Standing(version, len(self._migrations))

    def script(self, applied: int) -> str:
        """For `sqlite3 -bail FILE`: one transaction for each migration, as `upgrade` would run it."""
        parts = []
        for number, script in enumerate(self._migrations[applied:], start=applied + 1):
            head = f"PRAGMA application_id={self._application_id};\nPRAGMA user_version={number};"
            parts.append(f"BEGIN IMMEDIATE;\n{ended(script)}\n{head}\nCOMMIT;\n")
        if parts and self._tables.strip():
            parts.append(f"-- the service's own tables\n{ended(self._tables)}\n")
        return "\n".join(parts)

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply the pending migrations, under the file's lock."""
        file = SqliteFile(self._path, self._machine, application_id=self._application_id, migrations=self._migrations)
        await file.open(wait_s)
        try:
            own = OwnTables(self._path.stem, text=self._tables.strip())
            await SqliteOwnTables(file, own, self._machine.clock).upgrade(take_text=True)
        finally:
            file.close()
        return file.migrated

    async def check(self) -> Sequence[Deviation]:
        """Compare the file with one in memory that the migrations make."""
        if (await self.standing()).applied == 0:
            raise NotFound(f"{self.where}: it does not exist yet.", hint=MIGRATE)
        with contextlib.closing(sqlite3.connect(":memory:")) as db:
            for script in self._migrations:
                db.executescript(script)
            expected = dict(_shape(db))
            # A service may change its own tables: only their existence is checked.
            make_tables(db, self._path, self._path.stem, self._tables)
            own: Shape = {name: {} for name in sorted(_shape(db).keys() - expected.keys())}
        with looked_at(self._path) as db:
            found = _shape(db)
        missing = [d for d in deviations(own, found) if d.found == "missing"]
        return [*deviations(expected, found), *missing]


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that exists, opened for reading alone."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise translate(error, path) or error from error


def _shape(db: sqlite3.Connection) -> dict[str, dict[str, str]]:
    shape: dict[str, dict[str, str]] = {}
    rows = db.execute(OBJECTS).fetchall()
    for kind, name, table, sql in sorted(rows, key=lambda row: row[0] != "table"):
        if kind != "table":
            shape.setdefault(f"table {table}", {})[f"{kind} {name}"] = _plain(sql)
            continue
        parts = shape.setdefault(f"table {name}", {})
        for column, declared, not_null, default, key in db.execute(COLUMNS, (name,)):
            words = [declared, "NOT NULL" if not_null else "", f"DEFAULT {default}" if default else ""]
            parts[f"column {column}"] = " ".join(w for w in [*words, f"key {key}" if key else ""] if w)
        parts["rowid"] = "WITHOUT ROWID" if _plain(sql).upper().endswith("WITHOUT ROWID") else "with"
    return shape


def _plain(sql: str) -> str:
    """SQL without its comments and line ends."""
    return " ".join(COMMENT.sub(" ", sql).split())
