"""The trail of a key on SQLite: its messages, their correlations, and the consumers that handled them."""

from __future__ import annotations

from collections.abc import Sequence

from partita.store.sqlite.ledger import IN_LIST, SqliteLedger
from partita.store.trail import TrailEdit, TrailMark, TrailRow

BY_KEY = "SELECT correlation_id FROM outbox WHERE aggregateid = ?"
MESSAGES = f"""
SELECT id, type, aggregatetype, aggregateid, correlation_id, causation_id, at_us, payload, headers FROM outbox
WHERE correlation_id {IN_LIST} ORDER BY seq
"""
MARKS = f"""
SELECT consumer, message_id, type, key, correlation_id, causation_id, at_us, outcome FROM inbox
WHERE message_id {IN_LIST} ORDER BY seq
"""

EDITS = f"""
SELECT old.consumer, old.message_id, new.message_id FROM dead_letter AS old JOIN dead_letter AS new ON new.id = old.superseded_by
WHERE old.message_id {IN_LIST} ORDER BY old.seq
"""


class SqliteTrail(SqliteLedger):
    """See `partita.store.trail.Trail`."""

    async def correlations(self, key: str) -> Sequence[str]:
        """The correlation ids of messages with this key."""
        return list(dict.fromkeys(row[0] for row in self._db.execute(BY_KEY, (key,))))

    async def messages(self, correlation_ids: Sequence[str]) -> Sequence[TrailRow]:
        """Messages that left with these correlation ids."""
        return [TrailRow(*row) for row in self._rows_of(MESSAGES, (), correlation_ids)]

    async def marks(self, ids: Sequence[str]) -> Sequence[TrailMark]:
        """The consumers that handled these messages here."""
        return [TrailMark(*row) for row in self._rows_of(MARKS, (), ids)]

    async def edits(self, ids: Sequence[str]) -> Sequence[TrailEdit]:
        """The edited copies that took the places of these messages' dead letters here."""
        return [TrailEdit(*row) for row in self._rows_of(EDITS, (), ids)]
