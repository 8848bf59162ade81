"""The dead letters on SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence

from partita.store.dead_letters import DeadLetter, Failure, LetterFilter, LetterGroup, LetterStatus
from partita.store.sqlite.ledger import SqliteLedger

COLUMNS = (
    'id, consumer, topic, partition, "offset", key, message_id, type, correlation_id, cause_type, cause, stack, '
    "fingerprint, attempts, headers, value, at_us, status, reason, closed_us, superseded_by"
)
# A copy delivered again after a crash is the same letter; one that dies again after its replay opens its letter again.
ADD = f"""
INSERT INTO dead_letter ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (consumer, message_id) DO UPDATE SET status = 'open', reason = '', closed_us = 0,
    cause_type = excluded.cause_type, cause = excluded.cause, stack = excluded.stack,
    fingerprint = excluded.fingerprint, attempts = excluded.attempts, at_us = excluded.at_us
"""
NEWEST = f"SELECT {COLUMNS} FROM dead_letter WHERE ?1 IS NULL OR consumer = ?1 ORDER BY seq DESC LIMIT ?2"
WHERE = """
(?1 IS NULL OR consumer = ?1) AND (?2 = '' OR status = ?2) AND (?3 = '' OR fingerprint = ?3)
  AND (?4 = '' OR type = ?4 OR type LIKE '%.' || ?4) AND (?5 = '' OR key = ?5) AND (?6 = '' OR topic = ?6)
  AND (?7 = '[]' OR id IN (SELECT value FROM json_each(?7))) AND (?8 = 0 OR at_us < ?8)
"""
FIND = f"""
SELECT {COLUMNS} FROM dead_letter WHERE {WHERE}
  AND seq > coalesce((SELECT seq FROM dead_letter WHERE id = ?9), 0) ORDER BY seq LIMIT ?10
"""
COUNT_ALL = "SELECT count(*) FROM dead_letter WHERE ?1 IS NULL OR consumer = ?1"
COUNT = f"SELECT count(*) FROM dead_letter WHERE {WHERE}"
GROUPS = """
SELECT consumer, fingerprint, cause_type, max(cause), type, topic, count(*), min(at_us), max(at_us) FROM dead_letter
WHERE status = 'open' AND (?1 IS NULL OR consumer = ?1)
GROUP BY consumer, fingerprint, type, topic ORDER BY count(*) DESC, fingerprint
"""
CLOSE = "UPDATE dead_letter SET status = ?, reason = ?, closed_us = ? WHERE id = ?"
RELEASE = f"UPDATE dead_letter SET status = 'replaying' WHERE id = ? AND status = 'open' RETURNING {COLUMNS}"
SUPERSEDE = """
UPDATE dead_letter SET status = 'superseded', superseded_by = ?, closed_us = ? WHERE id = ?
"""
SETTLE = """
UPDATE dead_letter SET status = ?, closed_us = ? WHERE consumer = ? AND message_id = ? AND status IN ('open', 'replaying')
"""
FAILED = """
INSERT INTO failure (consumer, message_id, at_us, stage, tries, cause_type, cause, fingerprint)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
FAILURES = """
SELECT consumer, message_id, at_us, stage, tries, cause_type, cause, fingerprint FROM failure
WHERE consumer = ? AND message_id = ? ORDER BY seq
"""
OLD = """
SELECT seq, consumer, message_id FROM dead_letter
WHERE status NOT IN ('open', 'replaying') AND closed_us < ? ORDER BY closed_us LIMIT ?
"""

# Read in pieces, since a million may be kept.
NEXT_FAILURES = "SELECT seq, at_us FROM failure WHERE seq > ? ORDER BY seq LIMIT ?"
FORGET_FAILURES = """
DELETE FROM failure WHERE seq > ? AND seq <= ? AND at_us < ?
  AND NOT EXISTS (SELECT 1 FROM parked AS p WHERE p.message_id = failure.message_id AND p.consumer = failure.consumer)
  AND NOT EXISTS (
    SELECT 1 FROM dead_letter AS d WHERE d.message_id = failure.message_id AND d.consumer = failure.consumer)
"""

ENDING = "SELECT id FROM dead_letter WHERE substr(id, -length(?)) = ? ORDER BY id LIMIT ?"


class SqliteDeadLetters(SqliteLedger):
    """See `partita.store.dead_letters.DeadLetters`."""

    async def add(self, rows: Sequence[DeadLetter]) -> None:
        """Write dead letters."""
        self._db.executemany(ADD, rows)

    async def find(
        self, consumer: str | None = None, limit: int = 100, where: LetterFilter | None = None, after_id: str = ""
    ) -> Sequence[DeadLetter]:
        """The newest first; with `where` the oldest first, behind `after_id`."""
        if where is None:
            rows = self._db.execute(NEWEST, (consumer, limit))
        else:
            rows = self._db.execute(FIND, (*_given(consumer, where), after_id, limit))
        return [DeadLetter(*row) for row in rows]

    async def ending(self, text: str, limit: int) -> Sequence[str]:
        """The ids that end with this text."""
        return [row[0] for row in self._db.execute(ENDING, (text, text, limit))]

    async def count(self, consumer: str | None = None, where: LetterFilter | None = None) -> int:
        """How many there are."""
        if where is None:
            found = self._db.execute(COUNT_ALL, (consumer,)).fetchone()
        else:
            found = self._db.execute(COUNT, _given(consumer, where)).fetchone()
        count: int = found[0]
        return count

    async def groups(self, consumer: str | None = None) -> Sequence[LetterGroup]:
        """Open letters by cause."""
        return [LetterGroup(*row) for row in self._db.execute(GROUPS, (consumer,))]

    async def close(self, ids: Sequence[str], status: LetterStatus, reason: str, at_us: int) -> int:
        """Change the status of letters."""
        return self._db.executemany(CLOSE, [(status, reason, at_us, each) for each in ids]).rowcount

    async def release(self, letter_ids: Sequence[str]) -> Sequence[DeadLetter]:
        """Open letters become `replaying`."""
        rows = [row for each in letter_ids for row in self._db.execute(RELEASE, (each,)).fetchall()]
        return [DeadLetter(*row) for row in rows]

    async def supersede(self, letter_id: str, by: DeadLetter, at_us: int) -> None:
        """Put an edited copy in a letter's place."""
        self._db.execute(SUPERSEDE, (by.id, at_us, letter_id))
        self._db.execute(ADD, by)

    async def settle(self, consumer: str, message_ids: Sequence[str], status: LetterStatus, at_us: int) -> None:
        """Close the letters of messages that were handled or whose undo came first."""
        self._db.executemany(SETTLE, [(status, at_us, consumer, each) for each in message_ids])

    async def failed(self, rows: Sequence[Failure]) -> None:
        """Append failures."""
        self._db.executemany(FAILED, rows)

    async def failures(self, consumer: str, message_id: str) -> Sequence[Failure]:
        """The failures of one message."""
        return [Failure(*row) for row in self._db.execute(FAILURES, (consumer, message_id))]

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget letters closed before that, with their failures."""
        old = self._db.execute(OLD, (before_us, limit)).fetchall()
        self._db.executemany("DELETE FROM dead_letter WHERE seq = ?", [(row[0],) for row in old])
        self._db.executemany("DELETE FROM failure WHERE consumer = ? AND message_id = ?", [row[1:] for row in old])
        return len(old)

    async def purge_failures(self, before_us: int, after_seq: int, limit: int) -> int:
        """Delete old failures without a waiting message."""
        old = [seq for seq, at_us in self._db.execute(NEXT_FAILURES, (after_seq, limit)) if at_us < before_us]
        if old:
            self._db.execute(FORGET_FAILURES, (after_seq, old[-1], before_us))
        return old[-1] if len(old) == limit else 0


def _given(consumer: str | None, where: LetterFilter) -> tuple[object, ...]:
    return (
        consumer,
        where.status,
        where.fingerprint,
        where.type,
        where.key,
        where.topic,
        json.dumps(where.ids),
        where.before_us,
    )
