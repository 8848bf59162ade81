"""Operations and the audit on SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from partita.store.operations import AuditEntry, OperationRow, OperationStatus
from partita.store.sqlite.ledger import SqliteLedger

COLUMNS = "id, verb, target, options, reason, actor, status, planned, done, failed, cursor, created_us, updated_us"
BEGIN = f"INSERT INTO operation ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
PROGRESS = "UPDATE operation SET done = ?, failed = ?, cursor = ?, updated_us = ?, status = 'running' WHERE id = ?"
FINISH = "UPDATE operation SET status = ?, updated_us = ? WHERE id = ?"
GET = f"SELECT {COLUMNS} FROM operation WHERE id = ?"
FIND = f"SELECT {COLUMNS} FROM operation ORDER BY created_us DESC LIMIT ?"
LAST = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1"
APPEND = "INSERT INTO audit (at_us, actor, verb, target, detail, reason, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
ENTRIES = "SELECT seq, at_us, actor, verb, target, detail, reason, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"


class SqliteOperations(SqliteLedger):
    """See `partita.store.operations.Operations`."""

    async def begin(self, row: OperationRow) -> None:
        """Remember an operation."""
        self._db.execute(BEGIN, row)

    async def progress(self, operation_id: str, done: int, failed: int, cursor: str, at_us: int) -> None:
        """Store its progress."""
        self._db.execute(PROGRESS, (done, failed, cursor, at_us, operation_id))

    async def finish(self, operation_id: str, status: OperationStatus, at_us: int) -> None:
        """Store its end."""
        self._db.execute(FINISH, (status, at_us, operation_id))

    async def get(self, operation_id: str) -> OperationRow | None:
        """One operation."""
        row = self._db.execute(GET, (operation_id,)).fetchone()
        return None if row is None else OperationRow(*row)

    async def find(self, limit: int = 50) -> Sequence[OperationRow]:
        """The latest operations."""
        return [OperationRow(*row) for row in self._db.execute(FIND, (limit,))]

    async def last_hash(self) -> str:
        """The seal of the newest entry."""
        row = self._db.execute(LAST).fetchone()
        return "" if row is None else str(row[0])

    async def append(self, entry: AuditEntry) -> None:
        """Append an entry."""
        self._db.execute(APPEND, entry[1:])

    async def entries(self, after_seq: int = 0, limit: int = 1_000) -> Sequence[AuditEntry]:
        """Entries, oldest first."""
        return [AuditEntry(*row) for row in self._db.execute(ENTRIES, (after_seq, limit))]
