"""The numbered files of a service's own tables in a SQLite file, checked and applied beside the processes that use it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from partita.databases.sqlite.file import SqliteFile
from partita.databases.sqlite.migrations import looked_at
from partita.databases.sqlite.tables import SqliteOwnTables, records
from partita.errors import NotFound
from partita.machine.port import Machine
from partita.migrations.migration import MIGRATE, WAIT_S, Deviation, Standing, ended
from partita.migrations.own_tables import OwnTables, Record, standing_of

NOW_US = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"


class SqliteOwnMigrations:
    """See `partita.migrations.migration.Migrations`; `migrations` are those of Partita itself, which come first."""

    def __init__(
        self, path: Path, machine: Machine, own: OwnTables, *, application_id: int, migrations: Sequence[str]
    ) -> None:
        self.where = str(path)
        self._path = path
        self._machine = machine
        self._own = own
        self._application_id = application_id
        self._migrations = migrations

    async def standing(self) -> Standing:
        """The file's version; nothing is created."""
        return standing_of(self._own, self.where, self._applied())

    def _applied(self) -> list[Record]:
        if not self._path.exists():
            return []
        with looked_at(self._path) as db:
            return records(db)

    def script(self, applied: int) -> str:
        """For `sqlite3 -bail FILE`: one transaction for each file with its record, as `upgrade` would run it."""
        parts = []
        for file in self._own.files[applied:]:
            record = f"INSERT INTO own_migration (number, name, checksum, applied_us) VALUES ({file.number}, "
            record += f"'{file.name}', '{file.checksum}', {NOW_US});"
            parts.append(f"-- {file.name}\nBEGIN IMMEDIATE;\n{ended(file.sql)}\n{record}\nCOMMIT;\n")
        return "\n".join(parts)

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply the pending files, under the file's lock."""
        file = SqliteFile(
            self._path,
            self._machine,
            application_id=self._application_id,
            migrations=self._migrations,
            migrate=False,
        )
        await file.open(wait_s)
        try:
            return await SqliteOwnTables(file, self._own, self._machine.clock).upgrade()
        finally:
            file.close()

    async def check(self) -> Sequence[Deviation]:
        """Whether all files are applied, as they are now; their tables are the service's to change."""
        if not self._path.exists():
            raise NotFound(f"{self.where}: it does not exist yet.", hint=MIGRATE)
        self._own.pending(self.where, self._applied())
        return []
