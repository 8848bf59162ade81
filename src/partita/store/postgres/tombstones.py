"""The tombstones on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.message import SagaAddress
from partita.store.postgres.ledger import PostgresLedger
from partita.store.tombstones import Tombstone

# Commands of a saga share a lock, their undo excludes them. Sagas share 256 locks, since the server has a limited number;
# all take them in one order, before anything else of the batch is locked.
HOLD = f"""
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtext(current_schema() || '/undone'), lock)
            ELSE pg_advisory_xact_lock_shared(hashtext(current_schema() || '/undone'), lock) END
FROM (SELECT hashtext(r.id) & 255 AS lock, bool_or(r.undone) AS alone FROM {unnest(id="text", undone="boolean")}
      GROUP BY 1 ORDER BY 1) AS locks
"""
Row = tuple[str, str, str, int, int, bytes]
FIND = "SELECT saga, saga_id, step, epoch, at_us, reply FROM tombstone WHERE saga_id = ANY($1::text[])"
COLUMNS = "saga, saga_id, step, epoch, at_us, reply"
ROWS = unnest(saga="text", saga_id="text", step="text", epoch="bigint", at_us="bigint", reply="bytea")
ADD = f"INSERT INTO tombstone ({COLUMNS}) SELECT {COLUMNS} FROM {ROWS} ORDER BY ord ON CONFLICT DO NOTHING"
# An array: of an unknown limit the planner assumes a tenth of the table, and would read all of it.
PURGE_EARLY = """
DELETE FROM tombstone WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM tombstone WHERE step = '' AND at_us < $1 ORDER BY at_us LIMIT $2))
"""


def undone(rows: Iterable[Row], asked: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str, str], Tombstone]:
    """Tombstones by (saga, saga_id, step). A saga leaves few, so those of other steps are filtered out here."""
    wanted = set(asked)
    return {
        (saga, saga_id, step): Tombstone(SagaAddress(saga, saga_id, step, epoch, "undo"), at_us, reply)
        for saga, saga_id, step, epoch, at_us, reply in rows
        if (saga, saga_id, step) in wanted
    }


class PostgresTombstones(PostgresLedger):
    """See `partita.store.tombstones.Tombstones`."""

    async def hold(self, undone: Sequence[str], done: Sequence[str]) -> None:
        """Exclude transactions that look at steps of these sagas."""
        if undone:
            await self._link.rows(HOLD, [*undone, *done], [*[True] * len(undone), *[False] * len(done)])

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        """Tombstones by (saga, saga_id, step)."""
        if not keys:
            return {}
        return undone(await self._link.rows(FIND, list({key[1] for key in keys})), keys)

    async def add(self, rows: Sequence[Tombstone]) -> None:
        """Write tombstones."""
        if rows:
            addressed = [
                (t.address.saga, t.address.saga_id, t.address.step, t.address.epoch, t.at_us, t.reply) for t in rows
            ]
            await self._link.run(ADD, *columns(addressed))

    async def purge_early(self, before_us: int, limit: int) -> int:
        """Delete old tombstones of whole instances."""
        return await self._link.run(PURGE_EARLY, before_us, limit)
