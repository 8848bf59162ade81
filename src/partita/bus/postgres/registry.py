"""The registry beside the log in PostgreSQL, in the log's own schema."""

from __future__ import annotations

from partita.bus.postgres.errors import of_the_bus
from partita.databases.postgres.database import Database

# Not synced by itself: the sync of the first record that needs it covers it.
PUBLISH = """
INSERT INTO partita_log.schema (fingerprint, text) VALUES ($1, $2) ON CONFLICT DO NOTHING
RETURNING set_config('synchronous_commit', 'off', true)
"""
FIND = "SELECT text FROM partita_log.schema WHERE fingerprint = $1"


class PostgresRegistry:
    """See `partita.schemas.registry.Registry`. It works while the log is open, by the log's connections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def publish(self, fingerprint: str, text: str) -> None:
        """Keep a schema."""
        if await self.find(fingerprint) is None:
            with of_the_bus():
                async with self._database.asking() as link:
                    await link.run(PUBLISH, fingerprint, text)

    async def find(self, fingerprint: str) -> str | None:
        """The schema of that fingerprint."""
        with of_the_bus():
            async with self._database.asking() as link:
                row = await link.row(FIND, fingerprint)
        return None if row is None else str(row[0])
