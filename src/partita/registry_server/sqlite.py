"""The registry in a SQLite file: `registry.db` of the data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from partita.databases.sqlite.file import SqliteFile
from partita.machine.port import Machine
from partita.registry_server.storage import Row
from partita.registry_server.tables import APPLICATION_ID, MIGRATIONS


class SqliteStorage:
    """See `partita.registry_server.storage.Storage`."""

    def __init__(self, path: Path, machine: Machine) -> None:
        self._file = SqliteFile(path, machine, application_id=APPLICATION_ID, migrations=MIGRATIONS)
        self.where = str(path)

    async def open(self) -> None:
        """Open or create the file."""
        await self._file.open()

    async def close(self) -> None:
        """Close the file."""
        self._file.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[SqliteRows]:
        """A view of the committed state."""
        async with self._file.reading() as db:
            yield SqliteRows(db.execute)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[SqliteRows]:
        """The file's only writer, synced at its commit."""
        async with self._file.writing() as db:
            yield SqliteRows(db.execute)


class SqliteRows:
    """See `partita.registry_server.storage.Rows`. SQLite writes numbered parameters with a question mark."""

    def __init__(self, execute: Callable[..., Any]) -> None:  # a cursor, whose class only the databases import
        self._execute = execute

    async def rows(self, sql: str, *given: Any) -> Sequence[Row]:
        """The rows of a statement."""
        found: Sequence[Row] = self._execute(sql.replace("$", "?"), given).fetchall()
        return found

    async def row(self, sql: str, *given: Any) -> Row | None:
        """The first row."""
        found = await self.rows(sql, *given)
        return found[0] if found else None

    async def run(self, sql: str, *given: Any) -> int:
        """Run a statement."""
        count: int = self._execute(sql.replace("$", "?"), given).rowcount
        return count
