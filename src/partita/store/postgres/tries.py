"""Tries on PostgreSQL: how often a record was begun, and how often that was seen to fail."""

from __future__ import annotations

from partita.databases.postgres.database import Database
from partita.store.tries import Tried

COUNT = """
INSERT INTO tries AS t (consumer, topic, partition, "offset", tried, failed, lost) VALUES ($1, $2, $3, $4, $5, $6, 0)
ON CONFLICT (consumer, topic, partition, "offset")
DO UPDATE SET tried = t.tried + excluded.tried, failed = t.failed + excluded.failed RETURNING tried, failed, lost
"""
SURVIVED = """
UPDATE tries SET failed = failed + 1, lost = lost + 1
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 AND failed < tried
"""
FORGET = 'DELETE FROM tries WHERE consumer = $1 AND topic = $2 AND partition = $3 AND "offset" = $4'


class PostgresTries:
    """See `partita.store.tries.Tries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> Tried:
        """Count tries, and those that were seen to fail."""
        async with self._database.writing(durable=False) as link:
            (row,) = await link.rows(COUNT, consumer, topic, partition, offset, tried, failed)
        return Tried(*row)

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try lost the record, and did not kill its process."""
        async with self._database.writing(durable=False) as link:
            await link.run(SURVIVED, consumer, topic, partition, offset)

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Delete the count of a settled record."""
        async with self._database.writing(durable=False) as link:
            await link.run(FORGET, consumer, topic, partition, offset)
