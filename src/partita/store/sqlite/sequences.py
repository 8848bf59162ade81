"""The key sequences on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

# Asked per topic: a list of plain keys is read several times faster than a list of pairs.
LAST_OUT = f"SELECT key, last FROM sequence_out WHERE topic = ? AND key {IN_LIST}"
SAVE_OUT = """
INSERT INTO sequence_out (topic, key, last) VALUES (?, ?, ?)
ON CONFLICT (key, topic) DO UPDATE SET last = excluded.last
"""
LAST_IN = f"""
SELECT key, last FROM sequence_in
WHERE source = ? AND topic = ? AND consumer = ? AND key {IN_LIST}
"""
BEGIN_IN = "INSERT INTO sequence_in (consumer, source, topic, key, last) VALUES (?, ?, ?, ?, ?)"
SAVE_IN = """
INSERT INTO sequence_in (consumer, source, topic, key, last) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET last = max(last, excluded.last)
"""
BASE_IN = """
INSERT INTO sequence_base (consumer, source, topic, key, base) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET base = excluded.base
"""
BASES_IN = "SELECT base FROM sequence_base WHERE consumer = ? AND source = ? AND topic = ? AND key = ?"


class SqliteSequences(SqliteLedger):
    """See `partita.store.sequences.Sequences`."""

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """Reserve the next numbers of each (topic, key)."""
        by_topic: dict[str, list[str]] = {}
        for topic, key in counts:
            by_topic.setdefault(topic, []).append(key)
        before = dict.fromkeys(counts, 0)
        for topic, asked in by_topic.items():
            for key, last in self._rows_of(LAST_OUT, (topic,), asked):
                before[topic, key] = last
        self._db.executemany(SAVE_OUT, [(*place, before[place] + count) for place, count in counts.items()])
        return before

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last handled number of each (source, topic, key)."""
        by_origin: dict[tuple[str, str], list[str]] = {}
        for source, topic, key in keys:
            by_origin.setdefault((source, topic), []).append(key)
        found: dict[tuple[str, str, str], int] = {}
        for (source, topic), asked in by_origin.items():
            for key, last in self._rows_of(LAST_IN, (source, topic, consumer), asked):
                found[(source, topic, key)] = last
        return found

    async def begin_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store the first handled numbers: there is one writer, so no other transaction began these keys meanwhile."""
        self._db.executemany(BEGIN_IN, [(consumer, *place, number) for place, number in first.items()])

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last handled numbers."""
        self._db.executemany(SAVE_IN, [(consumer, *place, number) for place, number in last.items()])

    async def base_in(self, consumer: str, first: Mapping[tuple[str, str, str], int]) -> None:
        """Store the bases of keys that a group began in the middle."""
        self._db.executemany(BASE_IN, [(consumer, *place, number) for place, number in first.items()])

    async def bases_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The stored bases."""
        found = {place: self._db.execute(BASES_IN, (consumer, *place)).fetchone() for place in keys}
        return {place: row[0] for place, row in found.items() if row is not None}

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Let a group begin again in a topic."""
        self._db.execute("DELETE FROM sequence_in WHERE consumer = ? AND topic = ?", (consumer, topic))
        self._db.execute("DELETE FROM sequence_base WHERE consumer = ? AND topic = ?", (consumer, topic))
