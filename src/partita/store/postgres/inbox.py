"""The inbox ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from partita.errors import StoreUnavailable
from partita.store.port import InboxEntry, InboxRow
from partita.store.postgres.asking import Link, columns, unnest

COLUMNS = "consumer, message_id, type, key, correlation_id, causation_id, payload_hash, at_us, outcome, reply"
ROWS = unnest(
    consumer="text",
    message_id="text",
    type="text",
    key="text",
    correlation_id="text",
    causation_id="text",
    payload_hash="text",
    at_us="bigint",
    outcome="text",
    reply="bytea",
)
SEEN = """
SELECT message_id, payload_hash, outcome, at_us, reply FROM inbox WHERE consumer = $1 AND message_id = ANY($2::text[])
"""
MARK = f"INSERT INTO inbox ({COLUMNS}) SELECT {COLUMNS} FROM {ROWS} ORDER BY ord"
RESOLVE = f"""
UPDATE inbox AS i SET outcome = r.outcome, reply = r.reply
FROM {unnest(2, message_id="text", outcome="text", reply="bytea")}
WHERE i.consumer = $1 AND i.message_id = r.message_id
"""
# Rows are written in time order, so the oldest have the smallest seq and no index on time is needed. Those of parked
# messages are stepped over: they wait, perhaps for weeks, and must not be taken for new when they run.
PURGE = """
DELETE FROM inbox WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, at_us FROM inbox AS i
        WHERE outcome NOT IN ('waiting', 'dead')
           OR NOT EXISTS (SELECT 1 FROM parked AS p WHERE p.message_id = i.message_id AND p.consumer = i.consumer)
        ORDER BY seq LIMIT $1) AS oldest
    WHERE at_us < $2)
"""


class PostgresInbox:
    """See `partita.store.port.Inbox`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """Those of the ids that are marked already."""
        if not ids:
            return {}
        return {row[0]: InboxEntry(*row[1:]) for row in await self._link.rows(SEEN, consumer, list(ids))}

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages. Another transaction that marks one of them now is waited for: then it is known who was first."""
        if not rows:
            return
        try:
            await self._link.run(MARK, *columns(rows))
        except asyncpg.UniqueViolationError as error:
            raise StoreUnavailable(f"A message was marked meanwhile by another transaction ({error}).") from error

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set outcome and reply of marked messages."""
        if outcomes:
            await self._link.run(RESOLVE, consumer, *columns([*{each[0]: each for each in outcomes}.values()]))

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old marks."""
        return await self._link.run(PURGE, limit, before_us)
