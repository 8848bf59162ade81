"""The tombstones on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.message import SagaAddress
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger
from partita.store.tombstones import Tombstone

FIND = f"SELECT saga, saga_id, step, epoch, at_us, reply FROM tombstone WHERE saga_id {IN_LIST}"
ADD = """
INSERT INTO tombstone (saga, saga_id, step, epoch, at_us, reply) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
PURGE_EARLY = """
DELETE FROM tombstone WHERE step = '' AND (saga_id, saga) IN (
    SELECT saga_id, saga FROM tombstone WHERE step = '' AND at_us < ? ORDER BY at_us LIMIT ?)
"""


class SqliteTombstones(SqliteLedger):
    """See `partita.store.tombstones.Tombstones`."""

    async def hold(self, undone: Sequence[str], done: Sequence[str]) -> None:
        """Do nothing: there is only one writing transaction."""

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        """Tombstones by (saga, saga_id, step)."""
        found, wanted = {}, set(keys)
        # A saga leaves few tombstones, so those of its other steps are filtered out here.
        for saga, saga_id, step, epoch, at_us, reply in self._rows_of(FIND, (), [key[1] for key in keys]):
            if (saga, saga_id, step) in wanted:
                found[(saga, saga_id, step)] = Tombstone(SagaAddress(saga, saga_id, step, epoch, "undo"), at_us, reply)
        return found

    async def add(self, rows: Sequence[Tombstone]) -> None:
        """Write tombstones."""
        self._db.executemany(
            ADD, [(t.address.saga, t.address.saga_id, t.address.step, t.address.epoch, t.at_us, t.reply) for t in rows]
        )

    async def purge_early(self, before_us: int, limit: int) -> int:
        """Delete old tombstones of whole instances."""
        return self._db.execute(PURGE_EARLY, (before_us, limit)).rowcount
