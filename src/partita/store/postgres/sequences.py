"""The key sequences on PostgreSQL.

In a writing transaction asking locks: two that number messages of one key, or handle them, come one after the other,
so that numbers are dense and rows leave in commit order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.store.postgres.asking import Link, columns, unnest

# A key without a row could not be locked: it gets one without a number. WHERE false locks what is there already and
# writes nothing; the order is the same for all, so that nobody waits in a ring.
LOCK_OUT = f"""
INSERT INTO sequence_out AS s (topic, key) SELECT topic, key FROM {unnest(topic="text", key="text")} ORDER BY key, topic
ON CONFLICT (key, topic) DO UPDATE SET last = s.last WHERE false
"""
LAST_OUT = f"""
SELECT s.topic, s.key, s.last FROM {unnest(topic="text", key="text")}
JOIN sequence_out AS s ON s.key = r.key AND s.topic = r.topic WHERE s.last IS NOT NULL
"""
SAVE_OUT = f"""
INSERT INTO sequence_out (topic, key, last)
SELECT topic, key, last FROM {unnest(topic="text", key="text", last="bigint")} ORDER BY key, topic
ON CONFLICT (key, topic) DO UPDATE SET last = excluded.last
"""
PLACES = {"source": "text", "topic": "text", "key": "text"}
LOCK_IN = f"""
INSERT INTO sequence_in AS s (consumer, source, topic, key)
SELECT $1, source, topic, key FROM {unnest(2, **PLACES)} ORDER BY key, source, topic
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET last = s.last WHERE false
"""
LAST_IN = f"""
SELECT s.source, s.topic, s.key, s.last FROM {unnest(2, **PLACES)}
JOIN sequence_in AS s ON s.key = r.key AND s.source = r.source AND s.topic = r.topic AND s.consumer = $1
WHERE s.last IS NOT NULL
"""
SAVE_IN = f"""
INSERT INTO sequence_in (consumer, source, topic, key, last)
SELECT $1, source, topic, key, last FROM {unnest(2, **PLACES, last="bigint")} ORDER BY key, source, topic
ON CONFLICT (key, source, topic, consumer) DO UPDATE SET last = excluded.last
"""


class PostgresSequences:
    """See `partita.store.port.Sequences`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def last_out(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The last number given to each (topic, key)."""
        if not keys:
            return {}
        asked = columns(list(dict.fromkeys(keys)))
        if self._link.writing:
            await self._link.run(LOCK_OUT, *asked)
        return {(row[0], row[1]): row[2] for row in await self._link.rows(LAST_OUT, *asked)}

    async def save_out(self, last: Mapping[tuple[str, str], int]) -> None:
        """Store the last numbers given."""
        if last:
            await self._link.run(SAVE_OUT, *columns([(*place, number) for place, number in last.items()]))

    async def last_in(self, consumer: str, keys: Sequence[tuple[str, str, str]]) -> Mapping[tuple[str, str, str], int]:
        """The last number handled of each (source, topic, key)."""
        if not keys:
            return {}
        asked = columns(list(dict.fromkeys(keys)))
        if self._link.writing:
            await self._link.run(LOCK_IN, consumer, *asked)
        return {(row[0], row[1], row[2]): row[3] for row in await self._link.rows(LAST_IN, consumer, *asked)}

    async def save_in(self, consumer: str, last: Mapping[tuple[str, str, str], int]) -> None:
        """Store the last numbers handled."""
        if last:
            await self._link.run(SAVE_IN, consumer, *columns([(*place, number) for place, number in last.items()]))

    async def forget_in(self, consumer: str, topic: str) -> None:
        """A group begins anew in a topic."""
        await self._link.run("DELETE FROM sequence_in WHERE consumer = $1 AND topic = $2", consumer, topic)
