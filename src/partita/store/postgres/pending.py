"""The pending commands on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.store.pending import PendingAge, PendingCommand, PendingStatus, Waits
from partita.store.postgres.ledger import PostgresLedger

KINDS = {
    **dict.fromkeys(("reply_to", "type", "topic", "key"), "text"),
    **dict.fromkeys(("headers", "value"), "bytea"),
    **dict.fromkeys(("saga", "saga_id", "step"), "text"),
    "business": "bytea",
    "at_us": "bigint",
    "state": "text",
    "answer": "bytea",
    "answered_by": "text",
    "closed_us": "bigint",
}
COLUMNS = ", ".join(KINDS)
REPLACED = ", ".join(f"{name} = excluded.{name}" for name in KINDS if name != "reply_to")
ADD = f"""
INSERT INTO pending ({COLUMNS}) SELECT {COLUMNS} FROM {unnest(**KINDS)} ORDER BY ord
ON CONFLICT (reply_to) DO UPDATE SET {REPLACED}
"""
GET = f"SELECT {COLUMNS} FROM pending WHERE reply_to = $1"
ANSWER = "UPDATE pending SET state = 'answered', answer = $2, answered_by = $3, closed_us = $4 WHERE reply_to = $1"
# All in one order, or two transactions that undo the same sagas would wait for each other.
HOLD = f"""
SELECT {COLUMNS} FROM pending WHERE saga <> '' AND saga_id = ANY($1::text[]) ORDER BY reply_to FOR UPDATE
"""
OF_SAGAS = f"SELECT {COLUMNS} FROM pending WHERE state = 'open' AND saga <> '' AND saga_id = ANY($1::text[])"
UNDO = "UPDATE pending SET state = 'undone', closed_us = $2 WHERE reply_to = ANY($1::text[])"
FIND = f"SELECT {COLUMNS} FROM pending WHERE state = $1 ORDER BY at_us, reply_to LIMIT $2"
FIND_OF_KEY = f"""
SELECT {COLUMNS} FROM pending WHERE state = $1 AND (key = $2 OR saga_id = $2 AND saga <> '') ORDER BY at_us, reply_to LIMIT $3
"""
OF_IDS = f"SELECT {COLUMNS} FROM pending WHERE reply_to = ANY($1::text[]) ORDER BY at_us, reply_to"
AGES = """
SELECT type, saga, step, count(*), min(at_us) FROM pending WHERE state = 'open'
GROUP BY type, saga, step ORDER BY min(at_us), type, saga, step LIMIT $1
"""
STATUS = "SELECT count(*), coalesce(min(at_us), 0) FROM pending WHERE state = 'open'"
# An array: of an unknown limit the planner assumes a tenth of the table, and would read all of it.
PURGE = """
DELETE FROM pending WHERE reply_to = ANY(ARRAY(
    SELECT reply_to FROM pending WHERE state <> 'open' AND closed_us < $1 ORDER BY closed_us LIMIT $2))
"""


class PostgresPending(PostgresLedger):
    """See `partita.store.pending.Pending`."""

    async def add(self, rows: Sequence[PendingCommand]) -> None:
        """Write pending commands."""
        if rows:
            await self._link.run(ADD, *columns(rows))

    async def hold(self, reply_to: str) -> PendingCommand | None:
        """One of them, locked."""
        row = await self._link.row(f"{GET} FOR UPDATE" if self._link.writing else GET, reply_to)
        return None if row is None else PendingCommand(*row)

    async def answer(self, reply_to: str, answer: bytes, by: str, at_us: int) -> None:
        """Close one with its answer."""
        await self._link.run(ANSWER, reply_to, answer, by, at_us)

    async def undo(
        self, steps: Sequence[tuple[str, str, str]], at_us: int, but: Collection[str] = ()
    ) -> Sequence[PendingCommand]:
        """Lock those of these steps, and close the open ones."""
        if not steps:
            return ()
        wanted = set(steps)
        rows = [PendingCommand(*row) for row in await self._link.rows(HOLD, sorted({step[1] for step in steps}))]
        found = [row for row in rows if row.state == "open" and (row.saga, row.saga_id, row.step) in wanted]
        closed = [row.reply_to for row in found if row.type not in but]
        if closed:
            await self._link.run(UNDO, closed, at_us)
        return found

    async def find(
        self, *, state: Waits = "open", key: str | None = None, limit: int = 100
    ) -> Sequence[PendingCommand]:
        """Those in a state, the oldest first."""
        if key is None:
            return [PendingCommand(*row) for row in await self._link.rows(FIND, state, limit)]
        return [PendingCommand(*row) for row in await self._link.rows(FIND_OF_KEY, state, key, limit)]

    async def of_ids(self, ids: Sequence[str]) -> Sequence[PendingCommand]:
        """Those of these that are kept."""
        return [PendingCommand(*row) for row in await self._link.rows(OF_IDS, list(ids))] if ids else []

    async def of_sagas(self, saga_ids: Sequence[str]) -> Sequence[PendingCommand]:
        """The open ones of saga instances."""
        return [PendingCommand(*row) for row in await self._link.rows(OF_SAGAS, list(saga_ids))] if saga_ids else []

    async def ages(self, limit: int = 1_000) -> Sequence[PendingAge]:
        """The open ones by type and step."""
        return [PendingAge(*row) for row in await self._link.rows(AGES, limit)]

    async def status(self) -> PendingStatus:
        """The number of open ones, and the oldest."""
        return PendingStatus(*(await self._link.rows(STATUS))[0])

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete old ones that are closed."""
        return await self._link.run(PURGE, before_us, limit)
