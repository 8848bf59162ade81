"""The inbox ledger on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from partita.errors import StoreContended
from partita.message import is_users_key
from partita.store.forgetting import Mark, forgetting
from partita.store.inbox import InboxEntry, InboxRow
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

SEEN = f"""
SELECT message_id, payload_hash, outcome, at_us, reply FROM inbox
WHERE consumer = ? AND message_id {IN_LIST}
"""
MARK = """
INSERT INTO inbox (consumer, message_id, type, key, correlation_id, causation_id, payload_hash, at_us, outcome, reply)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
RESOLVE = "UPDATE inbox SET outcome = ?, reply = COALESCE(?, reply) WHERE consumer = ? AND message_id = ?"
# A mark whose window begins again gets a new place in the order of time.
RENEW = """
UPDATE inbox SET outcome = ?, reply = COALESCE(?, reply), at_us = ?, seq = (SELECT max(seq) + 1 FROM inbox)
WHERE consumer = ? AND message_id = ?
"""
EXPIRED = f"""
SELECT message_id, payload_hash, 'expired', at_us, NULL FROM inbox_key WHERE consumer = ? AND message_id {IN_LIST}
"""
# Rows are written in time order, so the oldest have the smallest seq and no index on time is needed. The marks of parked
# messages, of pending commands and of open letters are kept: those wait, perhaps for weeks, and a copy must not be taken
# for new.
OLDEST = """
SELECT seq, consumer, message_id, payload_hash, at_us FROM (
    SELECT * FROM inbox AS i
    WHERE outcome NOT IN ('fatal step', 'pending') AND (
          outcome NOT IN ('waiting', 'dead', 'fatal')
       OR NOT EXISTS (SELECT 1 FROM parked AS p WHERE p.message_id = i.message_id AND p.consumer = i.consumer)
      AND NOT EXISTS (SELECT 1 FROM dead_letter AS d WHERE d.message_id = i.message_id AND d.consumer = i.consumer
                        AND d.status IN ('open', 'replaying')))
    ORDER BY seq LIMIT ?)
WHERE at_us < ?
"""
DELETE = "DELETE FROM inbox WHERE seq = ?"
KEEP_KEY = """
INSERT INTO inbox_key (consumer, message_id, payload_hash, at_us) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
PURGE_KEYS = """
DELETE FROM inbox_key WHERE seq IN (SELECT seq FROM (SELECT seq, at_us FROM inbox_key ORDER BY seq LIMIT ?) WHERE at_us < ?)
"""
FORGOTTEN = "SELECT CAST(value AS INTEGER) FROM partita_meta WHERE name = 'forgotten_us'"
FORGET = """
INSERT INTO partita_meta (name, value) VALUES ('forgotten_us', ?1)
ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER), ?1)
"""
NEWEST = "SELECT at_us FROM inbox ORDER BY seq DESC LIMIT 1"


class SqliteInbox(SqliteLedger):
    """See `partita.store.inbox.Inbox`."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """The marks of those ids that have one."""
        if not ids:
            return {}
        rows = self._rows_of(SEEN, (consumer,), ids)
        found = {row[0]: InboxEntry(row[1], row[2], row[3], row[4]) for row in rows}
        keys = [each for each in ids if each not in found and is_users_key(each)]
        if keys:
            found.update((row[0], InboxEntry(*row[1:])) for row in self._rows_of(EXPIRED, (consumer,), keys))
        return found

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages."""
        try:
            self._db.executemany(MARK, rows)
        except sqlite3.IntegrityError as error:
            raise StoreContended(f"A message was marked meanwhile by another transaction ({error}).") from error

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set outcome and reply of marked messages; None keeps what is there."""
        self._db.executemany(RESOLVE, [(outcome, reply, consumer, id_) for id_, outcome, reply in outcomes])

    async def renew(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]], at_us: int) -> None:
        """Set outcome and reply, and let the window begin again."""
        self._db.executemany(RENEW, [(outcome, reply, at_us, consumer, id_) for id_, outcome, reply in outcomes])

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old marks."""
        gone = forgetting([Mark(*row) for row in self._db.execute(OLDEST, (limit, before_us))], before_us)
        self._db.executemany(DELETE, [(seq,) for seq in gone.seqs])
        self._db.executemany(KEEP_KEY, [mark[1:] for mark in gone.keys])
        if gone.upto_us:
            self._db.execute(FORGET, (gone.upto_us,))
        return len(gone.seqs)

    async def purge_keys(self, before_us: int, limit: int) -> int:
        """Forget old keys."""
        return self._db.execute(PURGE_KEYS, (limit, before_us)).rowcount

    async def forgotten_us(self) -> int:
        """The time up to which messages were made whose marks are forgotten."""
        return _number(self._db.execute(FORGOTTEN).fetchone())

    async def newest_us(self) -> int:
        """The time of the newest mark."""
        return _number(self._db.execute(NEWEST).fetchone())


def _number(row: tuple[int] | None) -> int:
    return 0 if row is None else row[0]
