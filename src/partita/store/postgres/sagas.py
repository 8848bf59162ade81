"""The saga ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from partita.errors import StoreUnavailable
from partita.store.port import SagaEvent, SagaRow
from partita.store.postgres.asking import Link, columns, unnest

COLUMNS = (
    "saga, saga_id, definition_version, status, step, epoch, data, due_us, last_error, correlation_id, "
    "started_us, updated_us, version"
)
ROWS = unnest(
    saga="text",
    saga_id="text",
    definition_version="bigint",
    status="text",
    step="text",
    epoch="bigint",
    data="bytea",
    due_us="bigint",
    last_error="text",
    correlation_id="text",
    started_us="bigint",
    updated_us="bigint",
    version="bigint",
)
LOAD = f"SELECT {COLUMNS} FROM saga WHERE saga = $1 AND saga_id = ANY($2::text[])"
INSERT = f"INSERT INTO saga ({COLUMNS}) SELECT {COLUMNS} FROM {ROWS} ORDER BY ord"
UPDATE = f"""
UPDATE saga AS s SET definition_version = r.definition_version, status = r.status, step = r.step, epoch = r.epoch,
    data = r.data, due_us = r.due_us, last_error = r.last_error, updated_us = r.updated_us, version = s.version + 1
FROM {ROWS} WHERE s.saga = r.saga AND s.saga_id = r.saga_id AND s.version = r.version
"""
EVENT = "saga, saga_id, version, at_us, kind, step, message_id, note"
EVENTS = unnest(
    saga="text",
    saga_id="text",
    version="bigint",
    at_us="bigint",
    kind="text",
    step="text",
    message_id="text",
    note="text",
)
NOTE = f"INSERT INTO saga_event ({EVENT}) SELECT {EVENT} FROM {EVENTS} ORDER BY ord"
DUE = "SELECT saga, saga_id FROM saga WHERE due_us IS NOT NULL AND due_us <= $1 ORDER BY due_us LIMIT $2"
NEXT_DUE = "SELECT min(due_us) FROM saga WHERE due_us IS NOT NULL"
FIND = f"""
SELECT {COLUMNS} FROM saga WHERE ($1::text IS NULL OR saga = $1) AND ($3::text IS NULL OR status = $3)
ORDER BY updated_us DESC, seq DESC LIMIT $2
"""
# The statuses are written out so that the partial index on open instances serves the question.
FIND_OPEN = f"""
SELECT {COLUMNS} FROM saga WHERE status = $3 AND status IN ('running', 'compensating', 'needs_attention')
  AND ($1::text IS NULL OR saga = $1) ORDER BY updated_us DESC, seq DESC LIMIT $2
"""
HISTORY = f"SELECT {EVENT} FROM saga_event WHERE saga = $1 AND saga_id = $2 ORDER BY seq"
IN_FLIGHT = """
SELECT d.saga, d.version, d.digest, (
    SELECT count(*) FROM saga AS s WHERE s.saga = d.saga AND s.definition_version = d.version
      AND s.status IN ('running', 'compensating', 'needs_attention'))
FROM saga_definition AS d
"""
KEEP = """
INSERT INTO saga_definition (saga, version, digest) VALUES ($1, $2, $3)
ON CONFLICT (saga, version) DO UPDATE SET digest = excluded.digest RETURNING digest
"""
OPEN = ("running", "compensating", "needs_attention")


class PostgresSagas:
    """See `partita.store.port.Sagas`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def load(self, saga: str, ids: Sequence[str]) -> Mapping[str, SagaRow]:
        """The instances that exist."""
        return {row[1]: SagaRow(*row) for row in await self._link.rows(LOAD, saga, list(ids))} if ids else {}

    async def save(self, rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> None:
        """Insert or update instances, and append history."""
        new = [row._replace(version=1) for row in rows if row.version == 0]
        changed = sorted((row for row in rows if row.version), key=lambda row: (row.saga_id, row.saga))
        try:
            if new:
                await self._link.run(INSERT, *columns(new))
        except asyncpg.UniqueViolationError as error:
            raise StoreUnavailable(f"A saga was started meanwhile by another transaction ({error}).") from error
        if changed and await self._link.run(UPDATE, *columns(changed)) != len(changed):
            raise StoreUnavailable("A saga was changed meanwhile by another transaction.", hint="Run again.")
        if history:
            await self._link.run(NOTE, *columns(history))

    async def due(self, now_us: int, limit: int) -> Sequence[tuple[str, str]]:
        """Instances whose timer is due."""
        return [(row[0], row[1]) for row in await self._link.rows(DUE, now_us, limit)]

    async def next_due_us(self) -> int | None:
        """When the next timer is due."""
        due: int | None = (await self._link.rows(NEXT_DUE))[0][0]
        return due

    async def find(self, saga: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[SagaRow]:
        """Instances for people, the latest changed first."""
        found = await self._link.rows(FIND_OPEN if status in OPEN else FIND, saga, limit, status)
        return [SagaRow(*row) for row in found]

    async def history(self, saga: str, saga_id: str) -> Sequence[SagaEvent]:
        """One instance's history."""
        return [SagaEvent(*row) for row in await self._link.rows(HISTORY, saga, saga_id)]

    async def versions_in_flight(self) -> Sequence[tuple[str, int, str, int]]:
        """Every definition seen, with its unfinished instances."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._link.rows(IN_FLIGHT)]

    async def keep_definition(self, saga: str, version: int, digest: str) -> str:
        """Remember a definition's digest."""
        kept: str = (await self._link.rows(KEEP, saga, version, digest))[0][0]
        return kept
