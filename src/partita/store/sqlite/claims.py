"""Claims on SQLite: the fence, and the records that the holder of a partition has in hand."""

from __future__ import annotations

from collections.abc import Sequence

from partita.store.claims import PUT_BY_A_PERSON, Held, InHand, Noted, check_epochs
from partita.store.sqlite.ledger import SqliteLedger

EPOCH = "SELECT epoch FROM claim WHERE consumer = ? AND topic = ? AND partition = ?"
BEFORE = "SELECT first, last FROM claim WHERE consumer = ? AND topic = ? AND partition = ?"
CLAIM = """
INSERT INTO claim (consumer, topic, partition, epoch, owner) VALUES (?, ?, ?, 1, ?)
ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = epoch + 1, owner = excluded.owner RETURNING epoch
"""
# Of `Store.take`. A former holder changes nothing.
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
PUT = """
INSERT INTO claim (consumer, topic, partition, epoch, owner, log) VALUES (?, ?, ?, 0, '', ?)
ON CONFLICT (consumer, topic, partition) DO UPDATE SET log = excluded.log, first = NULL, last = NULL
"""


class SqliteClaims(SqliteLedger):
    """See `partita.store.claims.Claims`."""

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition."""
        before = self._db.execute(BEFORE, (consumer, topic, partition)).fetchone()
        epoch: int = self._db.execute(CLAIM, (consumer, topic, partition, owner)).fetchone()[0]
        return epoch, None if before is None or before[0] is None else InHand(topic, partition, before[0], before[1])

    async def check(self, consumer: str, held: Held) -> None:
        """Check that this process still holds each of these; there is only one writing transaction."""
        found = {(topic, n): self._db.execute(EPOCH, (consumer, topic, n)).fetchone() for topic, n, _ in held}
        check_epochs(consumer, held, {place: row[0] for place, row in found.items() if row is not None})

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a partition."""
        row = self._db.execute(NOTED, (consumer, topic, partition)).fetchone()
        return Noted("", 0, 0) if row is None else Noted(*row)

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record its log."""
        self._db.execute(NOTE, (log, reached, consumer, topic, partition))

    async def put(self, consumer: str, topic: str, partitions: Sequence[int]) -> None:
        """Accept the bus's position."""
        self._db.executemany(PUT, [(consumer, topic, each, PUT_BY_A_PERSON) for each in partitions])
