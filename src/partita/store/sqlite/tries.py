"""Tries on SQLite: how often a record was begun, and how often that was seen to fail."""

from __future__ import annotations

from partita.databases.sqlite.file import SqliteFile
from partita.store.tries import Tried

COUNT = """
INSERT INTO tries (consumer, topic, partition, "offset", tried, failed, lost) VALUES (?, ?, ?, ?, ?, ?, 0)
ON CONFLICT (consumer, topic, partition, "offset")
DO UPDATE SET tried = tried + excluded.tried, failed = failed + excluded.failed RETURNING tried, failed, lost
"""
SURVIVED = """
UPDATE tries SET failed = failed + 1, lost = lost + 1
WHERE consumer = ? AND topic = ? AND partition = ? AND "offset" = ? AND failed < tried
"""
FORGET = 'DELETE FROM tries WHERE consumer = ? AND topic = ? AND partition = ? AND "offset" = ?'


class SqliteTries:
    """See `partita.store.tries.Tries`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> Tried:
        """Count tries, and those that were seen to fail."""
        async with self._file.writing(synced=False) as db:
            return Tried(*db.execute(COUNT, (consumer, topic, partition, offset, tried, failed)).fetchone())

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try lost the record, and did not kill its process."""
        async with self._file.writing(synced=False) as db:
            db.execute(SURVIVED, (consumer, topic, partition, offset))

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Delete the count of a settled record."""
        async with self._file.writing(synced=False) as db:
            db.execute(FORGET, (consumer, topic, partition, offset))
