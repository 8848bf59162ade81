"""The inbox ledger on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from partita.errors import StoreContended
from partita.store.port import InboxEntry, InboxRow
from partita.store.sqlite.asking import IN_LIST, rows_of

SEEN = f"""
SELECT message_id, payload_hash, outcome, at_us, reply FROM inbox
WHERE consumer = ? AND message_id {IN_LIST}
"""
MARK = """
INSERT INTO inbox (consumer, message_id, type, key, correlation_id, causation_id, payload_hash, at_us, outcome, reply)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
RESOLVE = "UPDATE inbox SET outcome = ?, reply = ? WHERE consumer = ? AND message_id = ?"
# Rows are written in time order, so the oldest have the smallest seq and no index on time is needed. Those of parked
# messages are stepped over: they wait, perhaps for weeks, and must not be taken for new when they run.
PURGE = """
DELETE FROM inbox WHERE seq IN (
    SELECT seq FROM (
        SELECT seq, at_us FROM inbox AS i
        WHERE outcome NOT IN ('waiting', 'dead')
           OR NOT EXISTS (SELECT 1 FROM parked AS p WHERE p.message_id = i.message_id AND p.consumer = i.consumer)
        ORDER BY seq LIMIT ?)
    WHERE at_us < ?)
"""


class SqliteInbox:
    """See `partita.store.port.Inbox`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """Those of the ids that are marked already."""
        if not ids:
            return {}
        rows = rows_of(self._db, SEEN, (consumer,), ids)
        return {row[0]: InboxEntry(row[1], row[2], row[3], row[4]) for row in rows}

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages."""
        try:
            self._db.executemany(MARK, rows)
        except sqlite3.IntegrityError as error:
            raise StoreContended(f"A message was marked meanwhile by another transaction ({error}).") from error

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set outcome and reply of marked messages."""
        self._db.executemany(RESOLVE, [(outcome, reply, consumer, id_) for id_, outcome, reply in outcomes])

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old marks."""
        return self._db.execute(PURGE, (limit, before_us)).rowcount
