"""The inbox ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.inserts import Table
from partita.message import is_users_key
from partita.store.forgetting import Mark, forgetting
from partita.store.inbox import InboxEntry, InboxRow
from partita.store.postgres.ledger import PostgresLedger

TEXTS = ("consumer", "message_id", "type", "key", "correlation_id", "causation_id", "payload_hash")
INBOX = Table("inbox", {**dict.fromkeys(TEXTS, "text"), "at_us": "bigint", "outcome": "text", "reply": "bytea"})
SEEN = """
SELECT message_id, payload_hash, outcome, at_us, reply FROM inbox WHERE consumer = $1 AND message_id = ANY($2::text[])
"""
RESOLVE = "SELECT partita_resolve($1, $2, $3, $4)"
# A mark whose window begins again gets a new place in the order of time.
RENEW = f"""
UPDATE inbox AS i SET outcome = r.outcome, reply = COALESCE(r.reply, i.reply), at_us = $2, seq = DEFAULT
FROM {unnest(3, id="text", outcome="text", reply="bytea")} WHERE i.consumer = $1 AND i.message_id = r.id
"""
EXPIRED = """
SELECT message_id, payload_hash, 'expired', at_us, NULL::bytea FROM inbox_key
WHERE consumer = $1 AND message_id = ANY($2::text[])
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
    ORDER BY seq LIMIT $1) AS oldest
WHERE at_us < $2
"""
DELETE = "DELETE FROM inbox WHERE seq = ANY($1::bigint[])"
KEEP_KEYS = f"""
INSERT INTO inbox_key (consumer, message_id, payload_hash, at_us) SELECT consumer, message_id, payload_hash, at_us
FROM {unnest(consumer="text", message_id="text", payload_hash="text", at_us="bigint")} ORDER BY ord ON CONFLICT DO NOTHING
"""
# An array: of an unknown limit the planner assumes a tenth of the table, and would read all of it.
PURGE_KEYS = """
DELETE FROM inbox_key WHERE seq = ANY(ARRAY(
    SELECT seq FROM (SELECT seq, at_us FROM inbox_key ORDER BY seq LIMIT $1) AS oldest WHERE at_us < $2))
"""
FORGOTTEN = "SELECT value::bigint FROM partita_meta WHERE name = 'forgotten_us'"
FORGET = """
INSERT INTO partita_meta AS m (name, value) VALUES ('forgotten_us', $1::bigint::text)
ON CONFLICT (name) DO UPDATE SET value = greatest(m.value::bigint, $1::bigint)::text
"""
NEWEST = "SELECT at_us FROM inbox ORDER BY seq DESC LIMIT 1"


class PostgresInbox(PostgresLedger):
    """See `partita.store.inbox.Inbox`."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """The marks of those ids that have one."""
        if not ids:
            return {}
        found = {row[0]: InboxEntry(*row[1:]) for row in await self._link.rows(SEEN, consumer, list(ids))}
        keys = [each for each in ids if each not in found and is_users_key(each)]
        if keys:
            found.update((row[0], InboxEntry(*row[1:])) for row in await self._link.rows(EXPIRED, consumer, keys))
        return found

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages. If another transaction marks one of them now, this one waits: then it is known which was first."""
        await self._link.insert(INBOX, rows)

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set outcome and reply of marked messages; None keeps what is there."""
        if outcomes:
            await self._link.run(RESOLVE, consumer, *columns([*{each[0]: each for each in outcomes}.values()]))

    async def renew(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]], at_us: int) -> None:
        """Set outcome and reply, and let the window begin again."""
        if outcomes:
            await self._link.run(RENEW, consumer, at_us, *columns(sorted(outcomes)))

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget old marks."""
        marks = [Mark(*row) for row in await self._link.rows(OLDEST, limit, before_us)]
        gone = forgetting(marks, before_us)
        if gone.seqs:
            await self._link.run(DELETE, gone.seqs)
        if gone.keys:
            await self._link.run(KEEP_KEYS, *columns([mark[1:] for mark in gone.keys]))
        if gone.upto_us:
            await self._link.run(FORGET, gone.upto_us)
        return len(gone.seqs)

    async def purge_keys(self, before_us: int, limit: int) -> int:
        """Forget old keys."""
        return await self._link.run(PURGE_KEYS, limit, before_us)

    async def forgotten_us(self) -> int:
        """The time up to which messages were made whose marks are forgotten."""
        row = await self._link.row(FORGOTTEN)
        return 0 if row is None else int(row[0])

    async def newest_us(self) -> int:
        """The time of the newest mark."""
        row = await self._link.row(NEWEST)
        return 0 if row is None else int(row[0])
