"""The saga ledger on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from partita.errors import StoreContended
from partita.store.sagas import HISTORY_MAX, Due, DueTimer, SagaEvent, SagaRow, entries_of, lines_of
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

COLUMNS = (
    "saga, saga_id, definition_version, status, step, epoch, data, due_us, last_error, correlation_id, "
    "started_us, updated_us, version"
)
LOAD = f"SELECT {COLUMNS} FROM saga WHERE saga = ? AND saga_id {IN_LIST}"
INSERT = f"""
INSERT INTO saga ({COLUMNS}, wake_us, history) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 1, ?8, ?13)
"""
SPILL = f"""
INSERT INTO saga_history (saga, saga_id, entries) SELECT saga, saga_id, history FROM saga
WHERE saga = ? AND saga_id = ? AND length(history) > {HISTORY_MAX}
"""
UPDATE = f"""
UPDATE saga SET definition_version = ?1, status = ?2, step = ?3, epoch = ?4, data = ?5, due_us = ?6, last_error = ?7,
    updated_us = ?8, version = version + 1,
    wake_us = CASE WHEN status = ?2 AND wake_us > ?8 THEN min(wake_us, coalesce(?6, wake_us)) ELSE ?6 END,
    history = CASE WHEN length(history) > {HISTORY_MAX} THEN '' ELSE history END || ?9
WHERE saga = ?10 AND saga_id = ?11 AND version = ?12
"""
OTHERS = """
FROM timer_in_hand AS h WHERE h.saga_id = s.saga_id AND h.saga = s.saga AND h.due_us = s.due_us AND h.member <> ?3
"""
DUE = f"""
SELECT saga, saga_id, due_us, (SELECT count(*) {OTHERS}), (SELECT coalesce(max(at_us), 0) {OTHERS}) FROM saga AS s
WHERE wake_us <= ?1 ORDER BY wake_us LIMIT ?2
"""
REARM = """
UPDATE saga SET wake_us = due_us WHERE (due_us IS NULL OR due_us > ?1) AND rowid IN (
    SELECT rowid FROM saga WHERE wake_us <= ?1 ORDER BY wake_us LIMIT ?2)
"""
TAKE_TIMERS = """
INSERT INTO timer_in_hand (saga, saga_id, member, due_us, at_us) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (saga_id, saga, member) DO UPDATE SET due_us = excluded.due_us, at_us = excluded.at_us
"""
GIVE_BACK = "DELETE FROM timer_in_hand WHERE saga = ? AND saga_id = ? AND member = ?"
SETTLE = "DELETE FROM timer_in_hand WHERE saga = ? AND saga_id = ?"
PURGE = """
DELETE FROM timer_in_hand AS h WHERE NOT EXISTS (
    SELECT 1 FROM saga AS s WHERE s.saga_id = h.saga_id AND s.saga = h.saga AND s.due_us = h.due_us)
"""
NEXT_DUE = "SELECT min(due_us) FROM saga WHERE wake_us IS NOT NULL"
FIND = f"""
SELECT {COLUMNS} FROM saga WHERE (?1 IS NULL OR saga = ?1) ORDER BY updated_us DESC, rowid DESC LIMIT ?2
"""
# The statuses are written out so that the query uses the partial index on open instances.
FIND_OPEN = f"""
SELECT {COLUMNS} FROM saga WHERE status = ?3 AND status IN ('running', 'compensating', 'needs_attention')
  AND (?1 IS NULL OR saga = ?1) ORDER BY updated_us DESC LIMIT ?2
"""
FIND_STATUS = f"""
SELECT {COLUMNS} FROM saga WHERE status = ?3 AND (?1 IS NULL OR saga = ?1)
ORDER BY updated_us DESC, rowid DESC LIMIT ?2
"""
HISTORY = """
SELECT seq, entries FROM saga_history WHERE saga = ?1 AND saga_id = ?2
UNION ALL SELECT NULL, history FROM saga WHERE saga = ?1 AND saga_id = ?2 ORDER BY seq NULLS LAST
"""
IN_FLIGHT = """
SELECT d.saga, d.version, d.digest, (
    SELECT count(*) FROM saga AS s WHERE s.saga = d.saga AND s.definition_version = d.version
      AND s.status IN ('running', 'compensating', 'needs_attention'))
FROM saga_definition AS d
"""
KEEP = """
INSERT INTO saga_definition (saga, version, digest) VALUES (?, ?, ?)
ON CONFLICT (saga, version) DO UPDATE SET digest = excluded.digest RETURNING digest
"""
OPEN = ("running", "compensating", "needs_attention")


class SqliteSagas(SqliteLedger):
    """See `partita.store.sagas.Sagas`."""

    async def load(self, saga: str, ids: Sequence[str]) -> Mapping[str, SagaRow]:
        """The instances that exist."""
        return {row[1]: SagaRow(*row) for row in self._rows_of(LOAD, (saga,), ids)} if ids else {}

    async def save(self, rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> None:
        """Insert or update instances, and append history."""
        written = list(zip(rows, lines_of(rows, history), strict=True))
        new = [(*row[:12], lines) for row, lines in written if row.version == 0]
        changed = [
            (r.definition_version, r.status, r.step, r.epoch, r.data, r.due_us, r.last_error, r.updated_us)
            + (lines, r.saga, r.saga_id, r.version)
            for r, lines in written
            if r.version
        ]
        try:
            self._db.executemany(INSERT, new)
        except sqlite3.IntegrityError as error:
            raise StoreContended(f"A saga was started meanwhile by another transaction ({error}).") from error
        self._db.executemany(SPILL, [row[9:11] for row in changed])
        if changed and self._db.executemany(UPDATE, changed).rowcount != len(changed):
            raise StoreContended("A saga was changed meanwhile by another transaction.", hint="Run again.")

    async def due(self, now_us: int, limit: int, member: str) -> Due:
        """The timers that are due."""
        return Due.of(self._db.execute(DUE, (now_us, limit, member)).fetchall(), now_us)

    async def rearm(self, now_us: int, limit: int) -> int:
        """Let instances that have woken early wake when their timer is due."""
        return self._db.execute(REARM, (now_us, limit)).rowcount

    async def take_timers(self, timers: Sequence[DueTimer], member: str, at_us: int) -> None:
        """Record that a member is about to fire these timers."""
        self._db.executemany(TAKE_TIMERS, [(t.saga, t.saga_id, member, t.due_us, at_us) for t in timers])

    async def give_timers_back(self, timers: Sequence[DueTimer], member: str) -> None:
        """Record that the member did not fire these timers."""
        self._db.executemany(GIVE_BACK, [(t.saga, t.saga_id, member) for t in timers])

    async def settle_timers(self, timers: Sequence[DueTimer]) -> None:
        """Record that no member has these timers in hand."""
        self._db.executemany(SETTLE, [(t.saga, t.saga_id) for t in timers])

    async def purge_timers(self) -> None:
        """Delete the marks of members that had timers in hand which are no longer armed."""
        self._db.execute(PURGE)

    async def next_due_us(self) -> int | None:
        """The time of the next timer."""
        due: int | None = self._db.execute(NEXT_DUE).fetchone()[0]
        return due

    async def find(self, saga: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[SagaRow]:
        """Instances for people, the latest changed first."""
        if status is None:
            rows = self._db.execute(FIND, (saga, limit))
        else:
            rows = self._db.execute(FIND_OPEN if status in OPEN else FIND_STATUS, (saga, limit, status))
        return [SagaRow(*row) for row in rows]

    async def history(self, saga: str, saga_id: str) -> Sequence[SagaEvent]:
        """One instance's history."""
        return entries_of(saga, saga_id, "".join(row[1] for row in self._db.execute(HISTORY, (saga, saga_id))))

    async def versions_in_flight(self) -> Sequence[tuple[str, int, str, int]]:
        """Every definition seen, with its unfinished instances."""
        return [(row[0], row[1], row[2], row[3]) for row in self._db.execute(IN_FLIGHT)]

    async def keep_definition(self, saga: str, version: int, digest: str) -> str:
        """Store a definition's digest when first seen."""
        kept: str = self._db.execute(KEEP, (saga, version, digest)).fetchone()[0]
        return kept
