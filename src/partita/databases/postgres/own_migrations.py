"""The numbered files of a service's own tables in a PostgreSQL schema, checked and applied beside the processes that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from partita.databases.postgres.database import Database
from partita.databases.postgres.migrations import beginning, text_of, unhurried
from partita.databases.postgres.tables import RESET, PostgresOwnTables, table_of
from partita.machine.port import Machine
from partita.migrations.migration import WAIT_S, Deviation, Standing, ended
from partita.migrations.own_tables import OwnTables, standing_of


class PostgresOwnMigrations:
    """See `partita.migrations.migration.Migrations`; `migrations` are those of Partita itself, which come first."""

    def __init__(self, url: str, machine: Machine, own: OwnTables, migrations: Sequence[str]) -> None:
        self._database = Database(url, own.service, machine.clock, create=False, migrate=False)
        self._database.options = unhurried(self._database.options)
        self._tables = PostgresOwnTables(self._database, own)
        self._own = own
        self._migrations = migrations
        self.where = self._database.where

    async def standing(self) -> Standing:
        """The schema's version; nothing is created."""
        async with self._opened():
            return standing_of(self._own, self.where, await self._tables.records())

    def script(self, applied: int) -> str:
        """For `psql -v ON_ERROR_STOP=1`: one transaction for each file with its record, as `upgrade` would run it."""
        schema = self._database.schema
        parts = []
        for file in self._own.files[applied:]:
            values = f"{file.number}, {text_of(file.name)}, {text_of(file.checksum)}"
            record = f"{RESET};\nINSERT INTO {table_of(schema)} (number, name, checksum) VALUES ({values});"
            parts.append(f"-- {file.name}\n{beginning(schema)}{ended(file.sql)}\n{record}\nCOMMIT;\n")
        return "\n".join(parts)

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply the pending files, under the schema's lock."""
        self._database.wait_s = wait_s
        try:
            await self._database.open(self._migrations)  # refuses a schema that lacks a migration of Partita's
            return await self._tables.upgrade()
        finally:
            await self._database.close()

    async def check(self) -> Sequence[Deviation]:
        """Whether all files are applied, as they are now; their tables are the service's to change."""
        async with self._opened():
            self._own.pending(self.where, await self._tables.records())
        return []

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        await self._database.open_pool()
        try:
            yield
        finally:
            await self._database.close()
