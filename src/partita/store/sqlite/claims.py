"""Claims and attempts on SQLite: which process may write the effects of a partition, and the records it has in hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from partita.databases.sqlite.file import SqliteFile
from partita.store.claims import PUT_BY_A_PERSON, InHand, Noted, check_epochs

EPOCH = "SELECT epoch FROM claim WHERE consumer = ? AND topic = ? AND partition = ?"
BEFORE = "SELECT first, last FROM claim WHERE consumer = ? AND topic = ? AND partition = ?"
CLAIM = """
INSERT INTO claim (consumer, topic, partition, epoch, owner) VALUES (?, ?, ?, 1, ?)
ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch
"""
TAKE = """
UPDATE claim SET first = ?1, last = ?2, reached = max(reached, ?2 + 1)
WHERE consumer = ?3 AND topic = ?4 AND partition = ?5 AND epoch = ?6
"""
NOTED = """
SELECT log, min(coalesce(first, reached), reached), reached FROM claim WHERE consumer = ? AND topic = ? AND partition = ?
"""
NOTE = """
UPDATE claim SET log = ?, reached = ?, first = NULL, last = NULL WHERE consumer = ? AND topic = ? AND partition = ?
"""
PUT = "UPDATE claim SET log = ?, first = NULL, last = NULL WHERE consumer = ? AND topic = ?"
COUNT = """
INSERT INTO attempt (consumer, topic, partition, "offset", tries, failed) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (consumer, topic, partition, "offset")
DO UPDATE SET tries = tries + excluded.tries, failed = failed + excluded.failed RETURNING tries, failed
"""
SURVIVED = """
UPDATE attempt SET failed = failed + 1
WHERE consumer = ? AND topic = ? AND partition = ? AND "offset" = ? AND failed < tries
"""
FORGET = 'DELETE FROM attempt WHERE consumer = ? AND topic = ? AND partition = ? AND "offset" = ?'


class SqliteClaims:
    """See `partita.store.claims.Claims`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        """Check that this process still holds each (topic, partition, epoch)."""
        found = {(topic, n): self._db.execute(EPOCH, (consumer, topic, n)).fetchone() for topic, n, _ in held}
        check_epochs(consumer, held, {place: row[0] for place, row in found.items() if row is not None})

    async def put(self, consumer: str, topic: str) -> None:
        """Accept the bus's position."""
        self._db.execute(PUT, (PUT_BY_A_PERSON, consumer, topic))


class SqliteAttempts:
    """See `partita.store.claims.Attempts`."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition."""
        async with self._file.writing(synced=False) as db:
            before = db.execute(BEFORE, (consumer, topic, partition)).fetchone()
            epoch: int = db.execute(CLAIM, (consumer, topic, partition, owner)).fetchone()[0]
        in_hand = None if before is None or before[0] is None else InHand(topic, partition, before[0], before[1])
        return epoch, in_hand

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record that these records are about to be decoded and handled."""
        async with self._file.writing(synced=False) as db:
            rows = zip(ranges, epochs, strict=True)
            db.executemany(TAKE, [(r.first, r.last, consumer, r.topic, r.partition, epoch) for r, epoch in rows])

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a partition."""
        async with self._file.reading() as db:
            row = db.execute(NOTED, (consumer, topic, partition)).fetchone()
        return Noted("", 0, 0) if row is None else Noted(*row)

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record its log."""
        async with self._file.writing(synced=False) as db:
            db.execute(NOTE, (log, reached, consumer, topic, partition))

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> tuple[int, int]:
        """Count tries, and those that were seen to fail."""
        async with self._file.writing(synced=False) as db:
            row = db.execute(COUNT, (consumer, topic, partition, offset, tried, failed)).fetchone()
        return row[0], row[1]

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try did not kill its process."""
        async with self._file.writing(synced=False) as db:
            db.execute(SURVIVED, (consumer, topic, partition, offset))

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Delete the count of a settled record."""
        async with self._file.writing(synced=False) as db:
            db.execute(FORGET, (consumer, topic, partition, offset))
