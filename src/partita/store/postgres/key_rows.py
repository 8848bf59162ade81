"""The rows of keys on PostgreSQL: numbers as JSON, by the name of their topic, and of the source of what came."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from partita.databases.postgres.arrays import columns, kept, told, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.literals import text_literal
from partita.store.postgres.identity import parts_of
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.within import Within
from partita.store.sequences import KeyChange, KeyNumbers, Place, SequenceKey

READ = "SELECT * FROM partita_keys($1)"
LOCK = "SELECT * FROM partita_lock_keys($1, $2, $3, $4, $5)"
WRITE = "SELECT partita_write_keys({}, {}, {})"
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
UPDATE key_numbers AS t SET counted_version = counted_version + 1, counted = (
    SELECT coalesce(jsonb_object_agg(name, n), '{}') FROM jsonb_each(t.counted) AS each(name, n)
    WHERE NOT starts_with(name, $1))
WHERE EXISTS (SELECT 1 FROM jsonb_object_keys(t.counted) AS name WHERE starts_with(name, $1))
"""
_decode = msgspec.json.Decoder(dict[str, int]).decode
_encode = msgspec.json.encode
ESCAPED = "\\u0001"
"""In JSON: the character that `kept` puts before others; no JSON of PostgreSQL holds a NUL."""


def numbers_of(version: int, sent: str, counted_version: int, counted: str) -> KeyNumbers:
    """A row as it is stored."""
    numbers = _decode(counted)
    if ESCAPED in counted:
        numbers = {told(name): number for name, number in numbers.items()}
    return KeyNumbers(version, _decode(sent), numbers, counted_version)


def _stored(change: KeyChange) -> tuple[Any, ...]:
    before = change.before
    was = {topic: before.sent.get(topic, 0) for topic in change.sent}
    return change.key, before.version, change.sent, before.counted_version, change.counted, was


def _without_nul(row: tuple[Any, ...]) -> tuple[Any, ...]:
    key, version, sent, counted_version, counted, was = row
    return kept(key), version, sent, counted_version, {kept(name): number for name, number in counted.items()}, was


class PostgresKeyRows(PostgresLedger):
    """See `partita.store.sequences.KeyRows`. `source` is the one this process numbers for."""

    alone = False

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
        if self._within is not None:
            for topic, key, *_, waits in found:
                if waits:
                    self._within.queued(topic, key)
        return _found([row[1:6] for row in found if row[2] is not None])

    async def write(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows."""
        await self._link.rows(WRITE.format("$1", "$2", "$3"), _text(changes), *parts_of(self._source))

    async def write_last(self, changes: Sequence[KeyChange]) -> None:
        """Write them in one message with the COMMIT: no round trip, and none under the locks of the rows."""
        given = (text_literal(each) for each in (_text(changes), *parts_of(self._source)))
        self._link.last.append(WRITE.format(*given))

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
    return {key: numbers_of(*rest) for key, *rest in rows}


def _text(changes: Sequence[KeyChange]) -> str:
    rows = [_stored(change) for change in changes]
    text = _encode(rows).decode()
    if "\\u0000" in text or ESCAPED in text:
        return _encode(list(map(_without_nul, rows))).decode()
    return text
