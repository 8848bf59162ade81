"""The registry in a PostgreSQL database: the schema `partita_registry`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import LOCK
from partita.machine.port import Machine
from partita.registry_server.tables import SCHEMA, SERVER_MIGRATIONS
from partita.settings.address import without_secrets


class PostgresStorage:
    """See `partita.registry_server.storage.Storage`. An advisory lock makes one of all writers, also of several processes."""

    def __init__(self, url: str, machine: Machine) -> None:
        self._database = Database(url, SCHEMA, machine.clock)
        self.where = without_secrets(url)

    async def open(self) -> None:
        """Connect and migrate."""
        await self._database.open(SERVER_MIGRATIONS)

    async def close(self) -> None:
        """Disconnect."""
        await self._database.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Link]:
        """A view of the committed state."""
        async with self._database.reading() as link:
            yield link

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Link]:
        """A transaction under the lock of all writers. The first statement takes the lock, and later ones see the rows that its
        last holder committed: the level is READ COMMITTED."""
        async with self._database.writing() as link:
            await link.rows(LOCK, f"partita/{SCHEMA}/writer")
            yield link
