"""The tombstones on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from partita.message import SagaAddress
from partita.store.port import Tombstone

FIND = """
SELECT t.saga, t.saga_id, t.step, t.epoch, t.at_us, t.reply FROM json_each(?) AS wanted
JOIN tombstone AS t ON t.saga_id = wanted.value ->> 1 AND t.saga = wanted.value ->> 0 AND t.step = wanted.value ->> 2
"""
ADD = """
INSERT INTO tombstone (saga, saga_id, step, epoch, at_us, reply) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""


class SqliteTombstones:
    """See `partita.store.port.Tombstones`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def find(self, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], Tombstone]:
        """Tombstones by (saga, saga_id, step)."""
        found = {}
        for saga, saga_id, step, epoch, at_us, reply in self._db.execute(FIND, (json.dumps(keys),)):
            found[(saga, saga_id, step)] = Tombstone(SagaAddress(saga, saga_id, step, epoch, "undo"), at_us, reply)
        return found

    async def add(self, rows: Sequence[Tombstone]) -> None:
        """Write tombstones."""
        self._db.executemany(
            ADD, [(t.address.saga, t.address.saga_id, t.address.step, t.address.epoch, t.at_us, t.reply) for t in rows]
        )
