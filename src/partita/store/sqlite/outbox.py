"""The outbox ledger on SQLite: immutable rows, and beside them a small queue of the pending ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from partita.clock import Clock
from partita.store.outbox import OutboxRow, OutboxStatus, ParkedOut, PendingRow
from partita.store.sqlite.ledger import SqliteLedger

ADD = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, correlation_id, causation_id, slot, at_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
# One writer at a time: the rows just added are those behind this seq.
MARK = "SELECT coalesce(max(seq), 0) FROM outbox"
QUEUE = "INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE seq > ?"
UNSENT = """
SELECT o.seq, o.id, o.aggregatetype, o.aggregateid, o.headers, o.payload, o.at_us
FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq
WHERE q.slot = ? ORDER BY q.seq LIMIT ?
"""
UNSENT_BESIDE_PARKED = """
SELECT o.seq, o.id, o.aggregatetype, o.aggregateid, o.headers, o.payload, o.at_us
FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq
WHERE q.slot = ?
  AND NOT EXISTS (SELECT 1 FROM outbox_parked AS p WHERE p.slot = q.slot AND (p.seq = q.seq OR p.key = o.aggregateid))
ORDER BY q.seq LIMIT ?
"""
IS_PARKED = "SELECT 1 FROM outbox_parked WHERE slot = ? LIMIT 1"
WAITING = """
SELECT DISTINCT o.id FROM outbox AS o JOIN outbox_queue AS q ON q.slot = o.slot AND q.seq = o.seq
WHERE o.correlation_id = ? AND o.id = ?
"""
SENT = "DELETE FROM outbox_queue WHERE slot = ? AND seq = ?"
PARK = "INSERT INTO outbox_parked (slot, seq, key, reason, at_us) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
PARKED = """
SELECT o.id, o.type, o.aggregatetype, o.aggregateid, p.reason, p.at_us
FROM outbox_parked AS p JOIN outbox AS o ON o.seq = p.seq ORDER BY p.seq LIMIT ?
"""
# max and min in two queries: in one query SQLite reads the whole history.
STATUS = """
SELECT (SELECT count(*) FROM outbox_queue),
       (SELECT min(o.at_us) FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq),
       (SELECT count(*) FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq WHERE EXISTS (
            SELECT 1 FROM outbox_parked AS p WHERE p.slot = q.slot AND (p.seq = q.seq OR p.key = o.aggregateid))),
       (SELECT coalesce(max(seq), 0) FROM outbox) - (SELECT coalesce(min(seq), 1) FROM outbox) + 1
"""
REQUEUE = "INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE slot >= 0 ON CONFLICT DO NOTHING"
QUEUED = """
SELECT (SELECT count(*) FROM outbox_queue), coalesce((SELECT at_us FROM outbox ORDER BY seq LIMIT 1), 0)
"""
# Waiting rows (for weeks, of a parked key) are skipped, or they would hold up the rows behind them. The newest row
# stays: else its number would be given again, and a relay that was paused would mark the new row as sent.
PURGE = """
DELETE FROM outbox WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, at_us FROM outbox AS o
        WHERE NOT EXISTS (SELECT 1 FROM outbox_queue AS q WHERE q.slot = o.slot AND q.seq = o.seq)
          AND seq < (SELECT max(seq) FROM outbox)
        ORDER BY seq LIMIT ?)
    WHERE at_us < ?)
"""


class SqliteOutbox(SqliteLedger):
    """See `partita.store.outbox.Outbox`. `added` is called when rows were queued in this transaction."""

    def __init__(self, db: sqlite3.Connection, clock: Clock, added: Callable[[], None]) -> None:
        super().__init__(db)
        self._clock = clock
        self._added = added

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Write messages."""
        mark = self._db.execute(MARK).fetchone()[0]
        self._db.executemany(ADD, rows)
        if queued and rows:
            self._db.execute(QUEUE, (mark,))
            self._added()

    async def leave(self, rows: Sequence[OutboxRow]) -> None:
        """Write messages; no log is in this database."""
        await self.add(rows)

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        """Unsent rows of several slots in commit order, without those of parked keys."""
        found: list[tuple[int, PendingRow]] = []
        for slot in slots:
            parked = self._db.execute(IS_PARKED, (slot,)).fetchone() is not None
            rows = self._db.execute(UNSENT_BESIDE_PARKED if parked else UNSENT, (slot, limit))
            found += [(slot, PendingRow(*row)) for row in rows]
        return found

    async def waiting(self, messages: Sequence[tuple[str, str]]) -> frozenset[str]:
        """The messages that have not left yet."""
        return frozenset(row[0] for message in messages for row in self._db.execute(WAITING, message))

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        """Hold a refused row and its key."""
        self._db.execute(PARK, (slot, seq, key, reason, self._clock.now_us()))

    async def parked(self, limit: int = 100) -> Sequence[ParkedOut]:
        """The rows that the bus refused."""
        return [ParkedOut(*row) for row in self._db.execute(PARKED, (limit,))]

    async def unpark(self) -> int:
        """Release all parked keys to be tried again."""
        count = self._db.execute("DELETE FROM outbox_parked").rowcount
        if count:
            self._added()
        return count

    async def requeue(self, since_us: int) -> tuple[int, int]:
        """Queue every kept row again."""
        self._db.execute(REQUEUE)
        count, oldest_us = self._db.execute(QUEUED).fetchone()
        if count:
            self._added()
        return count, oldest_us

    async def status(self) -> OutboxStatus:
        """The relays' backlog."""
        pending, oldest, parked, total = self._db.execute(STATUS).fetchone()
        return OutboxStatus(pending, max(self._clock.now_us() - oldest, 0) if oldest else 0, parked, total)

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete old sent rows."""
        return self._db.execute(PURGE, (limit, before_us)).rowcount
