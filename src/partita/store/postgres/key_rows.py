"""The rows of keys on PostgreSQL: numbers as JSON, by the name of their topic, and of the source of what came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from partita.databases.postgres.arrays import columns, kept, told, unnest
from partita.databases.postgres.asking import Link
from partita.errors import StoreContended
from partita.store.postgres.identity import parts_of, replaced
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.within import Within
from partita.store.sequences import KeyChange, KeyNumbers, Place, SequenceKey

READ = "SELECT * FROM partita_keys($1)"
LOCK = "SELECT * FROM partita_lock_keys($1, $2, $3, $4, $5)"
# A row that was not read last, or that another transaction has written since, is merged number by number. A row with new numbers
# of messages that leave is locked, so it is the one that was read, or it was made meanwhile by another transaction.
WRITE = f"""
INSERT INTO key_numbers AS t (key, version, sent, counted)
SELECT key, version + 1, sent::jsonb, counted::jsonb
FROM {unnest(key="text", version="bigint", sent="text", counted="text")} ORDER BY ord
ON CONFLICT (key) DO UPDATE SET version = t.version + 1, sent = t.sent || excluded.sent,
    counted = CASE WHEN t.version = excluded.version - 1 THEN t.counted || excluded.counted ELSE (
        SELECT coalesce(jsonb_object_agg(name, n), '{{}}') FROM (
            SELECT name, max(value::bigint) AS n
            FROM (SELECT * FROM jsonb_each_text(t.counted) UNION ALL SELECT * FROM jsonb_each_text(excluded.counted))
                 AS both_of(name, value) GROUP BY name) AS merged) END
WHERE t.version = excluded.version - 1 OR excluded.sent = '{{}}'
"""
BASE_IN = f"""
INSERT INTO sequence_base (consumer, source, topic, key, base)
SELECT $1, source, topic, key, base FROM {unnest(2, source="text", topic="text", key="text", base="bigint")}
ORDER BY key, source, topic
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET base = excluded.base
"""
BASES_IN = f"""
SELECT b.source, b.topic, b.key, b.base
FROM {unnest(2, source="text", topic="text", key="text")} CROSS JOIN LATERAL (
    SELECT * FROM sequence_base AS t
    WHERE t.key = r.key AND t.source = r.source AND t.topic = r.topic AND t.consumer = $1 LIMIT 1) AS b
"""
FORGET_BASES = "DELETE FROM sequence_base WHERE consumer = $1 AND topic = $2"
FORGET = """
UPDATE key_numbers AS t SET version = version + 1, counted = (
    SELECT coalesce(jsonb_object_agg(name, n), '{}') FROM jsonb_each(t.counted) AS each(name, n)
    WHERE NOT starts_with(name, $1))
WHERE EXISTS (SELECT 1 FROM jsonb_object_keys(t.counted) AS name WHERE starts_with(name, $1))
"""
_decode = msgspec.json.Decoder(dict[str, int]).decode
_encode = msgspec.json.encode


def numbers_of(version: int, sent: str, counted: str) -> KeyNumbers:
    """A row as it is stored; topics have no space in their names."""
    by_name: dict[Place, int] = {}
    for name, number in _decode(counted).items():
        topic, _, source = name.partition(" ")
        by_name[told(source), topic] = number
    return KeyNumbers(version, _decode(sent), by_name)


def _stored(change: KeyChange) -> tuple[str, int, str, str]:
    counted = {f"{topic} {kept(source)}": number for (source, topic), number in change.counted.items()}
    return change.key, change.before.version, _encode(change.sent).decode(), _encode(counted).decode()


class PostgresKeyRows(PostgresLedger):
    """See `partita.store.sequences.KeyRows`. `source` is the one this process numbers for."""

    def __init__(self, link: Link, source: str, within: Within | None = None) -> None:
        super().__init__(link)
        self._within = within
        self._source = source

    async def read(self, keys: Collection[str]) -> Mapping[str, KeyNumbers]:
        """The rows that exist."""
        return _found(await self._link.rows(READ, list(keys)))

    async def lock(self, places: Collection[Place]) -> Mapping[str, KeyNumbers]:
        """Lock and read, in one order for all, so that no two deadlock. Where the log is in this database, also learn which
        of these keys have a message that still waits in the queue.

        Raises:
            StoreReplaced: the database has another source by now.
        """
        asked = sorted(places, key=lambda place: (place[1], place[0]))
        found = await self._link.rows(LOCK, *columns(asked), *parts_of(self._source), self._within is not None)
        if not found:
            raise replaced(self._link.where)
        if self._within is not None:
            for topic, key, *_, waits in found:
                if waits:
                    self._within.queued(topic, key)
        return _found([row[1:5] for row in found if row[2] is not None])

    async def write(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows."""
        if await self._link.run(WRITE, *columns([_stored(change) for change in changes])) != len(changes):
            raise StoreContended(f"{self._link.where}: another transaction began a key meanwhile.", hint="Run again.")

    async def base_in(self, consumer: str, first: Mapping[SequenceKey, int]) -> None:
        """Store the bases of keys that a group began in the middle."""
        if first:
            await self._link.run(BASE_IN, consumer, *columns([(*place, number) for place, number in first.items()]))

    async def bases_in(self, consumer: str, keys: Sequence[SequenceKey]) -> Mapping[SequenceKey, int]:
        """The bases that were stored."""
        found = await self._link.rows(BASES_IN, consumer, *columns(keys)) if keys else []
        return {(source, topic, key): base for source, topic, key, base in found}

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Let a group begin again in a topic."""
        await self._link.run(FORGET_BASES, consumer, topic)
        await self._link.run(FORGET, f"{topic} ")


def _found(rows: Iterable[Sequence[Any]]) -> dict[str, KeyNumbers]:
    return {key: numbers_of(version, sent, counted) for key, version, sent, counted in rows}
