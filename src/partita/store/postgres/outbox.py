"""The outbox ledger on PostgreSQL: immutable rows, and beside them a small queue of those that are pending."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from partita.store.port import OutboxRow, OutboxStatus, ParkedOut, PendingRow
from partita.store.postgres.asking import Link, columns, unnest

NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
COLUMNS = "id, aggregatetype, aggregateid, type, payload, headers, correlation_id, causation_id, slot, at_us"
ROWS = unnest(
    id="text",
    aggregatetype="text",
    aggregateid="text",
    type="text",
    payload="bytea",
    headers="bytea",
    correlation_id="text",
    causation_id="text",
    slot="bigint",
    at_us="bigint",
)
# The seq is drawn here, when the transaction has locked the sequences of its keys already: rows of one key get theirs
# in commit order. Across keys nothing is promised, and a row is found by its place in the queue, never by a cursor.
ADD = f"INSERT INTO outbox ({COLUMNS}) SELECT {COLUMNS} FROM {ROWS} ORDER BY ord"
ADD_QUEUED = f"WITH added AS ({ADD} RETURNING slot, seq) INSERT INTO outbox_queue SELECT slot, seq FROM added"
PENDING = """
SELECT o.seq, o.id, o.aggregatetype, o.aggregateid, o.headers, o.payload, o.at_us
FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq
WHERE q.slot = $1 AND q.seq > $2
  AND NOT EXISTS (SELECT 1 FROM outbox_parked AS p WHERE p.slot = q.slot AND (p.seq = q.seq OR p.key = o.aggregateid))
ORDER BY q.seq LIMIT $3
"""
SENT = "DELETE FROM outbox_queue WHERE slot = $1 AND seq = ANY($2::bigint[])"
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
       (SELECT coalesce(max(seq), 0) FROM outbox) - (SELECT coalesce(min(seq), 1) FROM outbox) + 1
"""
# Rows that wait (a parked key's, for weeks) are stepped over, or they would hold up those behind them.
PURGE = """
DELETE FROM outbox WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, at_us FROM outbox AS o
        WHERE NOT EXISTS (SELECT 1 FROM outbox_queue AS q WHERE q.slot = o.slot AND q.seq = o.seq)
        ORDER BY seq LIMIT $1) AS oldest
    WHERE at_us < $2)
"""


class PostgresOutbox:
    """See `partita.store.port.Outbox`. `added` is called when rows were queued in this transaction."""

    def __init__(self, link: Link, added: Callable[[], None]) -> None:
        self._link = link
        self._added = added

    async def add(self, rows: Sequence[OutboxRow], *, queued: bool = True) -> None:
        """Write messages."""
        if not rows:
            return
        await self._link.run(ADD_QUEUED if queued else ADD, *columns(rows))
        if queued:
            self._added()

    async def pending(self, slot: int, after_seq: int, limit: int) -> Sequence[PendingRow]:
        """Unsent rows of a slot, those of a key in commit order, without those of parked keys."""
        return [PendingRow(*row) for row in await self._link.rows(PENDING, slot, after_seq, limit)]

    async def sent(self, slot: int, seqs: Sequence[int]) -> None:
        """Take acknowledged rows out of the queue."""
        if seqs:
            await self._link.run(SENT, slot, sorted(seqs))

    async def park(self, slot: int, seq: int, key: str | None, reason: str) -> None:
        """Hold a refused row and its key."""
        await self._link.run(PARK, slot, seq, key, reason)

    async def parked(self, limit: int = 100) -> Sequence[ParkedOut]:
        """The rows the bus refused."""
        return [ParkedOut(*row) for row in await self._link.rows(PARKED, limit)]

    async def unpark(self) -> int:
        """Let all of them be tried again."""
        count = await self._link.run("DELETE FROM outbox_parked")
        if count:
            self._added()
        return count

    async def status(self) -> OutboxStatus:
        """How much waits."""
        return OutboxStatus(*(await self._link.rows(STATUS))[0])

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old sent rows."""
        return await self._link.run(PURGE, limit, before_us)
