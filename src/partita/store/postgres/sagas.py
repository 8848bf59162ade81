"""The saga ledger on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from partita.databases.postgres.arrays import columns, told, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.inserts import Table
from partita.errors import StoreContended
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.questions import REST
from partita.store.sagas import Due, DueTimer, SagaEvent, SagaRow, entries_of, lines_of

COLUMNS = ", ".join(SagaRow._fields)
BEFORE_DATA = REST.index("due_us")
NUMBERS = ("definition_version", "epoch", "due_us", "started_us", "updated_us", "version", "wake_us")
KINDS = dict.fromkeys(NUMBERS, "bigint") | {"data": "bytea"}
SAGA = Table("saga", {name: KINDS.get(name, "text") for name in (*SagaRow._fields, "wake_us", "history")})
LOAD = f"SELECT {COLUMNS} FROM partita_sagas($1, $2)"
MOVE = "SELECT partita_move_sagas($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
DUE = """
SELECT s.saga, s.saga_id, s.due_us, h.others, h.taken_us FROM saga AS s CROSS JOIN LATERAL (
    SELECT count(*) AS others, coalesce(max(t.at_us), 0) AS taken_us FROM timer_in_hand AS t
    WHERE t.saga_id = s.saga_id AND t.saga = s.saga AND t.due_us = s.due_us AND t.member <> $3) AS h
WHERE s.wake_us <= $1 ORDER BY s.wake_us LIMIT $2
"""
# It waits for no row: a transaction that moves instances locks them in an order of its own.
REARM = """
UPDATE saga SET wake_us = due_us WHERE (due_us IS NULL OR due_us > $1) AND ctid = ANY(ARRAY(
    SELECT ctid FROM saga WHERE wake_us <= $1 ORDER BY wake_us LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))
"""
TAKE_TIMERS = f"""
INSERT INTO timer_in_hand (saga, saga_id, member, due_us, at_us)
SELECT r.saga, r.saga_id, $1, r.due_us, $2 FROM {unnest(3, saga="text", saga_id="text", due_us="bigint")}
ON CONFLICT (saga_id, saga, member) DO UPDATE SET due_us = excluded.due_us, at_us = excluded.at_us
"""
# In one order for all: a transaction that settles deletes the marks of other members too.
FORGET = f"""
WITH gone AS MATERIALIZED (
    SELECT t.saga, t.saga_id, t.member FROM timer_in_hand AS t
    JOIN {unnest(2, saga="text", saga_id="text")} ON t.saga_id = r.saga_id AND t.saga = r.saga
    WHERE $1::text IS NULL OR t.member = $1 ORDER BY t.saga_id, t.saga, t.member FOR UPDATE OF t
)
DELETE FROM timer_in_hand AS t USING gone AS g
WHERE t.saga_id = g.saga_id AND t.saga = g.saga AND t.member = g.member
"""
PURGE = """
DELETE FROM timer_in_hand AS t WHERE NOT EXISTS (
    SELECT 1 FROM saga AS s WHERE s.saga_id = t.saga_id AND s.saga = t.saga AND s.due_us = t.due_us)
"""
NEXT_DUE = "SELECT min(due_us) FROM saga WHERE wake_us IS NOT NULL"
FIND = f"""
SELECT {COLUMNS} FROM saga WHERE ($1::text IS NULL OR saga = $1) AND ($3::text IS NULL OR status = $3)
ORDER BY updated_us DESC, seq DESC LIMIT $2
"""
# The statuses are written out so that the query uses the partial index on open instances.
FIND_OPEN = f"""
SELECT {COLUMNS} FROM saga WHERE status = $3 AND status IN ('running', 'compensating', 'needs_attention')
  AND ($1::text IS NULL OR saga = $1) ORDER BY updated_us DESC, seq DESC LIMIT $2
"""
HISTORY = """
SELECT seq, entries FROM saga_history WHERE saga = $1 AND saga_id = $2
UNION ALL SELECT NULL, history FROM saga WHERE saga = $1 AND saga_id = $2 ORDER BY seq NULLS LAST
"""
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
_decode = msgspec.json.Decoder(list[Any]).decode


def saga_row(saga: str, saga_id: str, rest: str, data: bytes) -> SagaRow:
    """An instance whose other fields come as JSON, in which a control character is written as its number."""
    fields = _decode(rest)
    if "\\u0001" in rest:
        fields = [told(each) for each in fields]
    return SagaRow._make((saga, saga_id, *fields[:BEFORE_DATA], data, *fields[BEFORE_DATA:]))


class PostgresSagas(PostgresLedger):
    """See `partita.store.sagas.Sagas`."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._learned: dict[tuple[str, str], SagaRow | None] = {}

    def learn(self, asked: Iterable[tuple[str, str]], found: Mapping[tuple[str, str], SagaRow]) -> None:
        """Take instances that were read with other questions, for their next load."""
        self._learned.update((each, found.get(each)) for each in asked)

    async def load(self, saga: str, ids: Sequence[str]) -> Mapping[str, SagaRow]:
        """The instances that exist."""
        rows = {each: self._learned.pop((saga, each)) for each in ids if (saga, each) in self._learned}
        others = [each for each in ids if each not in rows]
        if others:
            rows |= {row[1]: SagaRow(*row) for row in await self._link.rows(LOAD, saga, others)}
        return {each: row for each, row in rows.items() if row is not None}

    async def save(self, rows: Sequence[SagaRow], history: Sequence[SagaEvent]) -> None:
        """Insert or update instances, and append history."""
        written = list(zip(rows, lines_of(rows, history), strict=True))
        new = [(*row[:12], 1, row.due_us, lines) for row, lines in written if row.version == 0]
        changed = sorted(
            (each for each in written if each[0].version), key=lambda each: (each[0].saga_id, each[0].saga)
        )
        if changed and await self._move(changed) != len(changed):
            raise StoreContended("A saga was changed meanwhile by another transaction.", hint="Run again.")
        await self._link.insert(SAGA, new)

    async def _move(self, written: Sequence[tuple[SagaRow, str]]) -> int:
        moving = [(*row[:9], row.updated_us, row.version, lines) for row, lines in written]
        moved: int = (await self._link.look(MOVE, *columns(moving)))[0][0]
        return moved

    async def due(self, now_us: int, limit: int, member: str) -> Due:
        """The timers that are due."""
        return Due.of(await self._link.rows(DUE, now_us, limit, member), now_us)

    async def rearm(self, now_us: int, limit: int) -> int:
        """Let instances that have woken early wake when their timer is due."""
        return await self._link.run(REARM, now_us, limit)

    async def take_timers(self, timers: Sequence[DueTimer], member: str, at_us: int) -> None:
        """Record that a member is about to fire these timers."""
        if timers:
            rows = [(t.saga, t.saga_id, t.due_us) for t in timers]
            await self._link.run(TAKE_TIMERS, member, at_us, *columns(rows))

    async def give_timers_back(self, timers: Sequence[DueTimer], member: str) -> None:
        """Record that the member did not fire these timers."""
        await self._forget(timers, member)

    async def settle_timers(self, timers: Sequence[DueTimer]) -> None:
        """Record that no member has these timers in hand."""
        await self._forget(timers, None)

    async def _forget(self, timers: Sequence[DueTimer], member: str | None) -> None:
        if timers:
            await self._link.run(FORGET, member, *columns([(t.saga, t.saga_id) for t in timers]))

    async def purge_timers(self) -> None:
        """Delete the marks of members that had timers in hand which are no longer armed."""
        await self._link.run(PURGE)

    async def next_due_us(self) -> int | None:
        """The time of the next timer."""
        due: int | None = (await self._link.rows(NEXT_DUE))[0][0]
        return due

    async def find(self, saga: str | None = None, status: str | None = None, limit: int = 100) -> Sequence[SagaRow]:
        """Instances for people, the latest changed first."""
        found = await self._link.rows(FIND_OPEN if status in OPEN else FIND, saga, limit, status)
        return [SagaRow(*row) for row in found]

    async def history(self, saga: str, saga_id: str) -> Sequence[SagaEvent]:
        """One instance's history."""
        lines = "".join([row[1] for row in await self._link.rows(HISTORY, saga, saga_id)])
        return entries_of(saga, saga_id, lines)

    async def versions_in_flight(self) -> Sequence[tuple[str, int, str, int]]:
        """Every definition seen, with its unfinished instances."""
        return [(row[0], row[1], row[2], row[3]) for row in await self._link.rows(IN_FLIGHT)]

    async def keep_definition(self, saga: str, version: int, digest: str) -> str:
        """Store a definition's digest when first seen."""
        kept: str = (await self._link.rows(KEEP, saga, version, digest))[0][0]
        return kept
