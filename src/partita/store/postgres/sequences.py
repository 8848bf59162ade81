"""The key sequences on PostgreSQL.

A transaction that numbers messages of a key, or that writes and asks for its last number, locks the key: two of them run
one after the other, so numbers are dense and rows leave in commit order. A key without a row cannot be locked: of two
transactions that write its first number the second is refused, and runs again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.inserts import Table
from partita.store.postgres.identity import IS_SOURCE, parts_of, replaced
from partita.store.postgres.ledger import PostgresLedger
from partita.store.postgres.within import Within

# One statement locks, reads and writes, in one order for all, so that no two deadlock.
RESERVE = f"""
INSERT INTO sequence_out AS s (topic, key, last)
SELECT topic, key, last FROM {unnest(topic="text", key="text", last="bigint")}
WHERE {IS_SOURCE.format(meta="partita_meta", id=4, incarnation=5)} ORDER BY key, topic
ON CONFLICT (key, topic) DO UPDATE SET last = s.last + excluded.last RETURNING topic, key, last
"""
# The same, and which of these keys have a message that still waits in the queue.
RESERVE_WITHIN = "SELECT * FROM partita_reserve($1, $2, $3, $4, $5)"
LAST_IN = "SELECT * FROM partita_last_in($1, $2, $3, $4, $5)"
SAVE_IN = f"""
INSERT INTO sequence_in (consumer, source, topic, key, last)
SELECT $1, source, topic, key, last FROM {unnest(2, source="text", topic="text", key="text", last="bigint")}
ORDER BY key, source, topic
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET last = greatest(sequence_in.last, excluded.last)
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
SEQUENCE_IN = Table(
    "sequence_in", {"consumer": "text", "source": "text", "topic": "text", "key": "text", "last": "bigint"}
)
SequenceKey = tuple[str, str, str]


def in_order(places: Sequence[SequenceKey]) -> list[SequenceKey]:
    """The one order in which all lock them."""
    return sorted(dict.fromkeys(places), key=lambda place: (place[2], place[0], place[1]))


class PostgresSequences(PostgresLedger):
    """See `partita.store.sequences.Sequences`. `source` is the one this process numbers for."""

    def __init__(self, link: Link, source: str, within: Within | None = None) -> None:
        super().__init__(link)
        self._within = within
        self._source = source

    async def reserve(self, counts: Mapping[tuple[str, str], int]) -> Mapping[tuple[str, str], int]:
        """Give each (topic, key) its next numbers.

        Raises:
            StoreReplaced: the database has another source by now.
        """
        if not counts:
            return {}
        asked = columns([(*place, count) for place, count in counts.items()])
        reserve = RESERVE if self._within is None else RESERVE_WITHIN
        given = await self._link.rows(reserve, *asked, *parts_of(self._source))
        if not given:
            raise replaced(self._link.where)
        if self._within is not None:
            for topic, key, _, waits in given:
                if waits:
                    self._within.queued(topic, key)
        return {(topic, key): last - counts[topic, key] for topic, key, last, *_ in given}

    async def last_in(self, consumer: str, keys: Sequence[SequenceKey]) -> Mapping[SequenceKey, int]:
        """The last number handled of each (source, topic, key)."""
        if not keys:
            return {}
        found = await self._link.rows(LAST_IN, consumer, *columns(in_order(keys)), self._link.writing)
        return {(source, topic, key): last for source, topic, key, last in found}

    async def begin_in(self, consumer: str, first: Mapping[SequenceKey, int]) -> None:
        """Store the first numbers handled."""
        await self._link.insert(SEQUENCE_IN, [(consumer, *place, first[place]) for place in in_order([*first])])

    async def save_in(self, consumer: str, last: Mapping[SequenceKey, int]) -> None:
        """Store the last numbers handled."""
        if last:
            await self._link.run(SAVE_IN, consumer, *columns([(*place, number) for place, number in last.items()]))

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
        await self._link.run("DELETE FROM sequence_base WHERE consumer = $1 AND topic = $2", consumer, topic)
        await self._link.run("DELETE FROM sequence_in WHERE consumer = $1 AND topic = $2", consumer, topic)
