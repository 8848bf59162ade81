"""The dead letters on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from partita.store.port import DeadLetter

COLUMNS = (
    'id, consumer, topic, partition, "offset", key, message_id, type, correlation_id, cause_type, cause, stack, '
    "attempts, headers, value, at_us"
)
# One record fails a group once: a copy delivered again after a crash is the same letter. Place and offset alone do
# not tell: a log that was moved away and started anew gives the same offsets to other records.
ADD = f"INSERT INTO dead_letter ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
FIND = f"SELECT {COLUMNS} FROM dead_letter WHERE ?1 IS NULL OR consumer = ?1 ORDER BY seq DESC LIMIT ?2"
COUNT = "SELECT count(*) FROM dead_letter WHERE ?1 IS NULL OR consumer = ?1"


class SqliteDeadLetters:
    """See `partita.store.port.DeadLetters`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def add(self, rows: Sequence[DeadLetter]) -> None:
        """Write dead letters."""
        self._db.executemany(ADD, rows)

    async def find(self, consumer: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """The newest dead letters."""
        return [DeadLetter(*row) for row in self._db.execute(FIND, (consumer, limit))]

    async def count(self, consumer: str | None = None) -> int:
        """How many there are."""
        count: int = self._db.execute(COUNT, (consumer,)).fetchone()[0]
        return count
