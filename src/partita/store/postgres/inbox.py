"""The inbox ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.postgres_schema.arrays import columns
from partita.postgres_schema.asking import Link
from partita.postgres_schema.inserts import Table
from partita.store.port import InboxEntry, InboxRow

TEXTS = ("consumer", "message_id", "type", "key", "correlation_id", "causation_id", "payload_hash")
INBOX = Table("inbox", {**dict.fromkeys(TEXTS, "text"), "at_us": "bigint", "outcome": "text", "reply": "bytea"})
SEEN = """
SELECT message_id, payload_hash, outcome, at_us, reply FROM inbox WHERE consumer = $1 AND message_id = ANY($2::text[])
"""
RESOLVE = "SELECT partita_resolve($1, $2, $3, $4)"
# Rows are written in time order, so the oldest have the smallest seq and no index on time is needed. Those of parked
# messages are stepped over: they wait, perhaps for weeks, and must not be taken for new when they run.
# An array, since the planner takes a limit it does not know for a tenth of the table, and would read all of it.
PURGE = """
DELETE FROM inbox WHERE seq = ANY(ARRAY(
    SELECT seq FROM (
        SELECT seq, at_us FROM inbox AS i
        WHERE outcome NOT IN ('waiting', 'dead')
           OR NOT EXISTS (SELECT 1 FROM parked AS p WHERE p.message_id = i.message_id AND p.consumer = i.consumer)
        ORDER BY seq LIMIT $1) AS oldest
    WHERE at_us < $2))
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
        await self._link.insert(INBOX, rows)

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set outcome and reply of marked messages."""
        if outcomes:
            await self._link.run(RESOLVE, consumer, *columns([*{each[0]: each for each in outcomes}.values()]))

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old marks."""
        return await self._link.run(PURGE, limit, before_us)
