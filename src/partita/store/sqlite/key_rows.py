"""The rows of keys on SQLite: numbers as JSON. There is one writer, so nothing changes between a read and its write."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from partita.store.sequences import KeyChange, KeyNumbers, Place, SequenceKey
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

READ = f"SELECT key, version, sent, counted FROM key_numbers WHERE key {IN_LIST}"
WRITE = """
INSERT INTO key_numbers (key, version, sent, counted) VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET version = excluded.version, sent = excluded.sent, counted = excluded.counted
"""
BASE_IN = """
INSERT INTO sequence_base (consumer, source, topic, key, base) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET base = excluded.base
"""
BASES_IN = "SELECT base FROM sequence_base WHERE consumer = ? AND source = ? AND topic = ? AND key = ?"
FORGET_BASES = "DELETE FROM sequence_base WHERE consumer = ? AND topic = ?"
FORGET = """
UPDATE key_numbers SET version = version + 1, counted = (
    SELECT json_group_object(name.key, name.value) FROM json_each(key_numbers.counted) AS name
    WHERE substr(name.key, 1, length(:topic)) <> :topic)
WHERE EXISTS (SELECT 1 FROM json_each(key_numbers.counted) AS name WHERE substr(name.key, 1, length(:topic)) = :topic)
"""
_decode = msgspec.json.Decoder(dict[str, int]).decode
_encode = msgspec.json.encode


class SqliteKeyRows(SqliteLedger):
    """See `partita.store.sequences.KeyRows`."""

    alone = True

    async def read(self, keys: Collection[str]) -> Mapping[str, KeyNumbers]:
        """The rows that exist."""
        found = self._rows_of(READ, (), list(keys))
        return {key: KeyNumbers(version, _decode(sent), _decode(counted)) for key, version, sent, counted in found}

    async def lock(self, places: Collection[Place]) -> Mapping[str, KeyNumbers]:
        """Read them: they are locked."""
        return await self.read({key for _, key in places})

    async def write(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows."""
        rows = [
            (key, before.version + 1, _text({**before.sent, **sent}), _text({**before.counted, **counted}))
            for key, before, sent, counted in changes
        ]
        self._db.executemany(WRITE, rows)

    async def write_last(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows."""
        await self.write(changes)

    async def base_in(self, consumer: str, first: Mapping[SequenceKey, int]) -> None:
        """Store the bases of keys that a group began in the middle."""
        self._db.executemany(BASE_IN, [(consumer, *place, number) for place, number in first.items()])

    async def bases_in(self, consumer: str, keys: Sequence[SequenceKey]) -> Mapping[SequenceKey, int]:
        """The stored bases."""
        found = {place: self._db.execute(BASES_IN, (consumer, *place)).fetchone() for place in keys}
        return {place: row[0] for place, row in found.items() if row is not None}

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Let a group begin again in a topic."""
        self._db.execute(FORGET_BASES, (consumer, topic))
        self._db.execute(FORGET, {"topic": f"{topic} "})


def _text(numbers: Mapping[str, int]) -> str:
    return _encode(numbers).decode()
