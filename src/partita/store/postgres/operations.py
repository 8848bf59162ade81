"""Operations and the audit on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from partita.store.operations import AuditEntry, OperationRow, OperationStatus
from partita.store.postgres.ledger import PostgresLedger

COLUMNS = "id, verb, target, options, reason, actor, status, planned, done, failed, cursor, created_us, updated_us"
BEGIN = f"INSERT INTO operation ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
PROGRESS = """
UPDATE operation SET done = $2, failed = $3, cursor = $4, updated_us = $5, status = 'running' WHERE id = $1
"""
FINISH = "UPDATE operation SET status = $2, updated_us = $3 WHERE id = $1"
GET = f"SELECT {COLUMNS} FROM operation WHERE id = $1"
FIND = f"SELECT {COLUMNS} FROM operation ORDER BY created_us DESC LIMIT $1"
# Each entry seals those before it: two appends at once would fork the chain.
LOCK = "LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE"
LAST = "SELECT hash FROM audit ORDER BY seq DESC LIMIT 1"
APPEND = "INSERT INTO audit (at_us, actor, verb, target, detail, reason, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)"
ENTRIES = """
SELECT seq, at_us, actor, verb, target, detail, reason, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2
"""


class PostgresOperations(PostgresLedger):
    """See `partita.store.operations.Operations`."""

    async def begin(self, row: OperationRow) -> None:
        """Remember an operation."""
        await self._link.run(BEGIN, *row)

    async def progress(self, operation_id: str, done: int, failed: int, cursor: str, at_us: int) -> None:
        """Store its progress."""
        await self._link.run(PROGRESS, operation_id, done, failed, cursor, at_us)

    async def finish(self, operation_id: str, status: OperationStatus, at_us: int) -> None:
        """Store its end."""
        await self._link.run(FINISH, operation_id, status, at_us)

    async def get(self, operation_id: str) -> OperationRow | None:
        """One operation."""
        row = await self._link.row(GET, operation_id)
        return None if row is None else OperationRow(*row)

    async def find(self, limit: int = 50) -> Sequence[OperationRow]:
        """The latest operations."""
        return [OperationRow(*row) for row in await self._link.rows(FIND, limit)]

    async def last_hash(self) -> str:
        """The seal of the newest entry; in a writing transaction no other appends until it ends."""
        if self._link.writing:
            await self._link.run(LOCK)
        row = await self._link.row(LAST)
        return "" if row is None else str(row[0])

    async def append(self, entry: AuditEntry) -> None:
        """Append an entry."""
        await self._link.run(APPEND, *entry[1:])

    async def entries(self, after_seq: int = 0, limit: int = 1_000) -> Sequence[AuditEntry]:
        """Entries, oldest first."""
        return [AuditEntry(*row) for row in await self._link.rows(ENTRIES, after_seq, limit)]
