"""The trail of a key on PostgreSQL: its messages, their correlations, and the consumers that handled them."""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.asking import Link
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.written import Written
from partita.store.trail import TrailEdit, TrailMark, TrailRow

MARKS = """
SELECT consumer, message_id, type, key, correlation_id, causation_id, at_us, outcome FROM inbox
WHERE message_id = ANY($1::text[]) ORDER BY seq
"""

EDITS = """
SELECT old.consumer, old.message_id, new.message_id FROM dead_letter AS old JOIN dead_letter AS new ON new.id = old.superseded_by
WHERE old.message_id = ANY($1::text[]) ORDER BY old.seq
"""


class PostgresTrail(PostgresLedger):
    """See `partita.store.trail.Trail`."""

    def __init__(self, link: Link, written: Written) -> None:
        super().__init__(link)
        self._written = written

    async def correlations(self, key: str) -> Sequence[str]:
        """The correlation ids of messages with this key."""
        return await self._written.correlations(key)

    async def messages(self, correlation_ids: Sequence[str]) -> Sequence[TrailRow]:
        """Messages that left with these correlation ids."""
        return await self._written.messages(correlation_ids)

    async def marks(self, ids: Sequence[str]) -> Sequence[TrailMark]:
        """The consumers that handled these messages here."""
        return [TrailMark(*row) for row in await self._link.rows(MARKS, list(ids))]

    async def edits(self, ids: Sequence[str]) -> Sequence[TrailEdit]:
        """The edited copies that took the places of these messages' dead letters here."""
        return [TrailEdit(*row) for row in await self._link.rows(EDITS, list(ids))]
