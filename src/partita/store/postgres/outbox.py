"""The outbox ledger on PostgreSQL: immutable rows, and beside them a small queue of the pending ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import UNSYNCED
from partita.databases.postgres.inserts import FEW, Table
from partita.store.handover import Reader
from partita.store.outbox import OutboxRow, OutboxStatus, ParkedOut, PendingRow
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.outbox_columns import KINDS, NOW_US, OUTSIDE
from partita.store.postgres.within import Within
from partita.store.postgres.written import Written

# The seq is drawn here, after the transaction has locked the sequences of its keys: rows of one key get it in commit
# order. Across keys there is no order; a row is found by its queue entry, never by a cursor.
KEPT = Table("outbox", KINDS)
QUEUED = Table(
    "outbox", KINDS, returning="slot, seq", then="INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM {rows}"
)
NUMBERED, QUEUE = (
    Table("outbox", {"seq": "bigint", **KINDS}),
    Table("outbox_queue", {"slot": "bigint", "seq": "bigint"}),
)
DRAW = "SELECT nextval('outbox_seq_seq') FROM generate_series(1, $1)"
# While the last rows of another reader must come before ours (store/handover.py).
HELD = "outbox_held"
WAITING = f"""
SELECT DISTINCT o.id FROM {unnest(correlation_id="text", id="text")}
JOIN outbox AS o ON o.correlation_id = r.correlation_id AND o.id = r.id
JOIN outbox_queue AS q ON q.slot = o.slot AND q.seq = o.seq
"""
UNSENT = "SELECT * FROM partita_unsent($1, $2)"
SENT = f"SELECT partita_sent($1, $2), {UNSYNCED}"
PARK = f"""
INSERT INTO outbox_parked (slot, seq, key, reason, at_us) VALUES ($1, $2, $3, $4, {NOW_US}) ON CONFLICT DO NOTHING
"""
PARKED = """
SELECT o.id, o.type, o.aggregatetype, o.aggregateid, p.reason, p.at_us
FROM outbox_parked AS p JOIN outbox AS o ON o.seq = p.seq ORDER BY p.seq LIMIT $1
"""
STATUS = f"""
SELECT (SELECT count(*) FROM outbox_queue),
       greatest({NOW_US} - (SELECT min(o.at_us) FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq), 0),
       (SELECT count(*) FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq WHERE EXISTS (
            SELECT 1 FROM outbox_parked AS p WHERE p.slot = q.slot AND (p.seq = q.seq OR p.key = o.aggregateid))),
       (SELECT coalesce(max(seq), 0) FROM outbox) - (SELECT coalesce(min(seq), 1) FROM outbox) + 1,
       (SELECT value FROM partita_meta WHERE name = '{OUTSIDE}')
"""
READER = f"""
SELECT s.slot_name IS NOT NULL, coalesce(s.active, false), EXISTS (SELECT 1 FROM partita_meta WHERE name = '{HELD}'),
       coalesce(pg_wal_lsn_diff(s.confirmed_flush_lsn, '0/0'), 0)::bigint,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, (SELECT coalesce(max(seq), 0) FROM outbox)
FROM (SELECT $1::text AS name) AS wanted LEFT JOIN pg_replication_slots AS s ON s.slot_name = wanted.name
"""
REQUEUE = "INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE slot >= 0 ON CONFLICT DO NOTHING"
AGAIN = """
SELECT (SELECT count(*) FROM outbox_queue), coalesce((SELECT at_us FROM outbox ORDER BY seq LIMIT 1), 0)
"""
# Waiting rows (for weeks, of a parked key) are skipped, or they would hold up the rows behind them.
PURGE = """
DELETE FROM outbox WHERE seq = ANY(ARRAY(
    SELECT seq FROM (
        SELECT seq, at_us FROM outbox AS o
        WHERE NOT EXISTS (SELECT 1 FROM outbox_queue AS q WHERE q.slot = o.slot AND q.seq = o.seq)
        ORDER BY seq LIMIT $1) AS oldest
    WHERE at_us < $2))
"""


class PostgresOutbox(PostgresLedger):
    """See `partita.store.outbox.Outbox`. `added` is called when rows were queued in this transaction."""

    def __init__(self, link: Link, added: Callable[[], None], written: Written, within: Within | None) -> None:
        super().__init__(link)
        self._written = written
        self._added = added
        self._within = within

    async def leave(self, rows: Sequence[OutboxRow]) -> None:
        """Write messages into the log with the commit, where it is in this database."""
        await self.add(rows if self._within is None else await self._within.take(rows))

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Write messages."""
        if not rows:
            return
        if queued and self._within is not None:
            for row in rows:
                self._within.queued(row.aggregatetype, row.aggregateid)
        if len(rows) <= FEW:
            await self._link.insert(QUEUED if queued else KEPT, rows)
        else:
            drawn = [row[0] for row in await self._link.rows(DRAW, len(rows))]
            await self._link.insert(NUMBERED, [(seq, *row) for seq, row in zip(drawn, rows, strict=True)])
            if queued:
                await self._link.insert(QUEUE, [(row.slot, seq) for seq, row in zip(drawn, rows, strict=True)])
        if queued:
            self._added()

    async def unsent(self, slots: Sequence[int], limit: int) -> Sequence[tuple[int, PendingRow]]:
        """Unsent rows of several slots, those of a key in commit order, without those of parked keys."""
        rows = await self._link.rows(UNSENT, slots, limit)
        return [(row[0], PendingRow(*row[1:])) for row in rows]

    async def waiting(self, messages: Sequence[tuple[str, str]]) -> frozenset[str]:
        """The messages that have not left yet."""
        rows = await self._link.rows(WAITING, *columns(messages)) if messages else []
        return frozenset(row[0] for row in rows)

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        """Hold a refused row and its key."""
        await self._link.run(PARK, slot, seq, key, reason)

    async def parked(self, limit: int = 100) -> Sequence[ParkedOut]:
        """The rows that the bus refused."""
        return [ParkedOut(*row) for row in await self._link.rows(PARKED, limit)]

    async def unpark(self) -> int:
        """Release all parked keys to be tried again."""
        count = await self._link.run("DELETE FROM outbox_parked")
        if count:
            self._added()
        return count

    async def requeue(self, since_us: int) -> tuple[int, int]:
        """Queue every kept row again, and those since then that are in the log of this database and no more in that of the
        app; where another program reads the outbox, none is queued."""
        await self._link.run(REQUEUE)
        if self._within is None:
            async for rows in self._written.in_log_since(since_us):
                await self.add(rows)
        ((count, oldest_us),) = await self._link.rows(AGAIN)
        if count:
            self._added()
        return count, oldest_us

    async def status(self) -> OutboxStatus:
        """The relays' backlog."""
        pending, oldest_us, parked, total, slot = (await self._link.rows(STATUS))[0]
        reader = None if slot is None else Reader(slot, *(await self._link.rows(READER, slot))[0])
        return OutboxStatus(pending, oldest_us, parked, total, reader)

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete old sent rows."""
        return await self._link.run(PURGE, limit, before_us)
