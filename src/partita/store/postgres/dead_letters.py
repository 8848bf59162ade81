"""The dead letters on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.store.dead_letters import DeadLetter, Failure, LetterFilter, LetterGroup, LetterStatus
from partita.store.postgres.ledger import PostgresLedger

NUMBERS = ("partition", "offset", "attempts", "at_us", "closed_us", "tries")
LETTER = {
    name: "bigint" if name in NUMBERS else "bytea" if name in ("headers", "value") else "text"
    for name in DeadLetter._fields
}
COLUMNS = ", ".join(f'"{name}"' for name in LETTER)
# A copy delivered again after a crash is the same letter; one that dies again after its replay opens its letter again.
ADD = f"""
INSERT INTO dead_letter ({COLUMNS}) SELECT {COLUMNS} FROM {unnest(**LETTER)} ORDER BY ord
ON CONFLICT (message_id, consumer) DO UPDATE SET status = 'open', reason = '', closed_us = 0,
    cause_type = excluded.cause_type, cause = excluded.cause, stack = excluded.stack,
    fingerprint = excluded.fingerprint, attempts = excluded.attempts, at_us = excluded.at_us
"""
NEWEST = f"SELECT {COLUMNS} FROM dead_letter WHERE $1::text IS NULL OR consumer = $1 ORDER BY seq DESC LIMIT $2"
WHERE = """
($1::text IS NULL OR consumer = $1) AND ($2::text = '' OR status = $2) AND ($3::text = '' OR fingerprint = $3)
  AND ($4::text = '' OR type = $4 OR right(type, length($4) + 1) = '.' || $4) AND ($5::text = '' OR key = $5)
  AND ($6::text = '' OR topic = $6) AND (cardinality($7::text[]) = 0 OR id = ANY($7))
  AND ($8::bigint = 0 OR at_us < $8)
"""
FIND = f"""
SELECT {COLUMNS} FROM dead_letter WHERE {WHERE}
  AND seq > coalesce((SELECT seq FROM dead_letter WHERE id = $9), 0) ORDER BY seq LIMIT $10
"""
COUNT_ALL = "SELECT count(*) FROM dead_letter WHERE $1::text IS NULL OR consumer = $1"
COUNT = f"SELECT count(*) FROM dead_letter WHERE {WHERE}"
GROUPS = """
SELECT consumer, fingerprint, max(cause_type), max(cause), type, topic, count(*), min(at_us), max(at_us)
FROM dead_letter WHERE status = 'open' AND ($1::text IS NULL OR consumer = $1)
GROUP BY consumer, fingerprint, type, topic ORDER BY count(*) DESC, fingerprint
"""
CLOSE = "UPDATE dead_letter SET status = $2, reason = $3, closed_us = $4 WHERE id = ANY($1::text[])"
RELEASE = f"""
UPDATE dead_letter SET status = 'replaying' WHERE id = ANY($1::text[]) AND status = 'open' RETURNING {COLUMNS}
"""
SUPERSEDE = "UPDATE dead_letter SET status = 'superseded', superseded_by = $2, closed_us = $3 WHERE id = $1"
SETTLE = """
UPDATE dead_letter SET status = $3, closed_us = $4
WHERE consumer = $1 AND message_id = ANY($2::text[]) AND status IN ('open', 'replaying')
"""
FAILURE = {name: "bigint" if name in NUMBERS else "text" for name in Failure._fields}
FAILURE_COLUMNS = ", ".join(FAILURE)
FAILED = f"INSERT INTO failure ({FAILURE_COLUMNS}) SELECT {FAILURE_COLUMNS} FROM {unnest(**FAILURE)} ORDER BY ord"
FAILURES = f"SELECT {FAILURE_COLUMNS} FROM failure WHERE consumer = $1 AND message_id = $2 ORDER BY seq"
PURGE = """
WITH old AS (
    DELETE FROM dead_letter WHERE seq = ANY(ARRAY(
        SELECT seq FROM dead_letter WHERE status NOT IN ('open', 'replaying') AND closed_us < $1
        ORDER BY closed_us LIMIT $2))
    RETURNING consumer, message_id
), causes AS (
    DELETE FROM failure AS f USING old WHERE f.consumer = old.consumer AND f.message_id = old.message_id
)
SELECT count(*) FROM old
"""

# Read in pieces, since a million may be kept. A scalar subquery uses the index for each row; for NOT EXISTS the planner
# makes a join that reads the whole other table.
PURGE_FAILURES = """
WITH looked AS MATERIALIZED (
    SELECT * FROM (SELECT seq, consumer, message_id, at_us FROM failure WHERE seq > $2 ORDER BY seq LIMIT $3) AS next
    WHERE at_us < $1
), gone AS (
    DELETE FROM failure WHERE seq = ANY(ARRAY(
        SELECT f.seq FROM looked AS f
        WHERE (SELECT 1 FROM parked AS p WHERE p.message_id = f.message_id AND p.consumer = f.consumer) IS NULL
          AND (SELECT 1 FROM dead_letter AS d WHERE d.message_id = f.message_id AND d.consumer = f.consumer) IS NULL))
)
SELECT CASE WHEN count(*) = $3 THEN max(seq) ELSE 0 END FROM looked
"""

ENDING = "SELECT id FROM dead_letter WHERE right(id, length($1)) = $1 ORDER BY id LIMIT $2"


class PostgresDeadLetters(PostgresLedger):
    """See `partita.store.dead_letters.DeadLetters`."""

    async def add(self, rows: Sequence[DeadLetter]) -> None:
        """Write dead letters."""
        left = list(rows)
        while left:
            # One statement may touch a letter only once: a second copy in the same batch gets its own statement.
            first = {(row.message_id, row.consumer): row for row in reversed(left)}
            await self._link.run(ADD, *columns([*first.values()][::-1]))
            left = [row for row in left if first[(row.message_id, row.consumer)] is not row]

    async def find(
        self, consumer: str | None = None, limit: int = 100, where: LetterFilter | None = None, after_id: str = ""
    ) -> Sequence[DeadLetter]:
        """The newest first; with `where` the oldest first, behind `after_id`."""
        if where is None:
            rows = await self._link.rows(NEWEST, consumer, limit)
        else:
            rows = await self._link.rows(FIND, *_given(consumer, where), after_id, limit)
        return [DeadLetter(*row) for row in rows]

    async def ending(self, text: str, limit: int) -> Sequence[str]:
        """The ids that end with this text."""
        return [row[0] for row in await self._link.rows(ENDING, text, limit)]

    async def count(self, consumer: str | None = None, where: LetterFilter | None = None) -> int:
        """How many there are."""
        if where is None:
            found = await self._link.rows(COUNT_ALL, consumer)
        else:
            found = await self._link.rows(COUNT, *_given(consumer, where))
        count: int = found[0][0]
        return count

    async def groups(self, consumer: str | None = None) -> Sequence[LetterGroup]:
        """Open letters by cause."""
        return [LetterGroup(*row) for row in await self._link.rows(GROUPS, consumer)]

    async def close(self, ids: Sequence[str], status: LetterStatus, reason: str, at_us: int) -> int:
        """Change the status of letters."""
        return await self._link.run(CLOSE, list(ids), status, reason, at_us) if ids else 0

    async def release(self, letter_ids: Sequence[str]) -> Sequence[DeadLetter]:
        """Set open letters to `replaying`; a second operator waits for the first and gets none of them."""
        if not letter_ids:
            return []
        place = {each: number for number, each in enumerate(letter_ids)}
        rows = [DeadLetter(*row) for row in await self._link.rows(RELEASE, list(letter_ids))]
        return sorted(rows, key=lambda row: place[row.id])

    async def supersede(self, letter_id: str, by: DeadLetter, at_us: int) -> None:
        """Put an edited copy in a letter's place."""
        await self._link.run(SUPERSEDE, letter_id, by.id, at_us)
        await self.add([by])

    async def settle(self, consumer: str, message_ids: Sequence[str], status: LetterStatus, at_us: int) -> None:
        """Close the letters of messages that were handled or whose undo came first."""
        if message_ids:
            await self._link.run(SETTLE, consumer, list(message_ids), status, at_us)

    async def failed(self, rows: Sequence[Failure]) -> None:
        """Append failures."""
        if rows:
            await self._link.run(FAILED, *columns(rows))

    async def failures(self, consumer: str, message_id: str) -> Sequence[Failure]:
        """The failures of one message."""
        return [Failure(*row) for row in await self._link.rows(FAILURES, consumer, message_id)]

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget letters closed before that, with their failures."""
        count: int = (await self._link.rows(PURGE, before_us, limit))[0][0]
        return count

    async def purge_failures(self, before_us: int, after_seq: int, limit: int) -> int:
        """Delete old failures without a waiting message."""
        last: int = (await self._link.rows(PURGE_FAILURES, before_us, after_seq, limit))[0][0]
        return last


def _given(consumer: str | None, where: LetterFilter) -> tuple[object, ...]:
    return (
        consumer,
        where.status,
        where.fingerprint,
        where.type,
        where.key,
        where.topic,
        list(where.ids),
        where.before_us,
    )
