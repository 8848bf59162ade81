"""The key sequences on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

LAST_OUT = """
SELECT s.topic, s.key, s.last FROM json_each(?) AS wanted
JOIN sequence_out AS s ON s.key = wanted.value ->> 1 AND s.topic = wanted.value ->> 0
"""
SAVE_OUT = """
INSERT INTO sequence_out (topic, key, last) VALUES (?, ?, ?)
ON CONFLICT (key, topic) DO UPDATE SET last = excluded.last
"""
LAST_IN = """
SELECT s.source, s.topic, s.key, s.last FROM json_each(?) AS wanted
JOIN sequence_in AS s ON s.key = wanted.value ->> 2 AND s.source = wanted.value ->> 0
    AND s.topic = wanted.value ->> 1 AND s.consumer = ?
"""
SAVE_IN = """
INSERT INTO sequence_in (consumer, source, topic, key, last) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET last = excluded.last
"""


class SqliteSequences:
    """See `partita.store.port.Sequences`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def last_out(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The last number given to each (topic, key)."""
        return {(row[0], row[1]): row[2] for row in self._db.execute(LAST_OUT, (json.dumps(keys),))} if keys else {}

    async def save_out(self, last: Mapping[tuple[str, str], int]) -> None:
        """Store the last numbers given."""
        self._db.executemany(SAVE_OUT, [(*place, number) for place, number in last.items()])

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last number handled of each (source, topic, key)."""
        if not keys:
            return {}
        rows = self._db.execute(LAST_IN, (json.dumps(keys), consumer))
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last numbers handled."""
        self._db.executemany(SAVE_IN, [(consumer, *place, number) for place, number in last.items()])
