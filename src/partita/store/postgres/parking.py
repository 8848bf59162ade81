"""The parking of keys on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.store.parking import Loosened, ParkedPlace, ParkedRow, ParkingStatus, State
from partita.store.postgres.ledger import PostgresLedger

STORED = {
    "consumer": "text",
    "topic": "text",
    "partition": "bigint",
    "offset": "bigint",
    "key": "text",
    "message_id": "text",
    "type": "text",
    "state": "text",
    "delay": "bigint",
    "due_us": "bigint",
    "tries": "bigint",
    "step": "text",
    "source": "text",
    "number": "bigint",
    "headers": "bytea",
    "value": "bytea",
    "appended_us": "bigint",
    "at_us": "bigint",
}
NEW = ", ".join(f'"{name}"' for name in STORED)
COLUMNS = "p.idx, " + ", ".join(f'p."{name}"' for name in STORED)
# A transaction that adds behind a head and one that removes the head must see each other: else the added message would
# wait behind none. Keys share 64 locks, since the server has a limited number; all take them in one order.
LOCK_KEYS = f"""
SELECT pg_advisory_xact_lock(hashtext(current_schema() || '/parked/' || $1), lock) FROM (
    SELECT DISTINCT hashtext(topic || '/' || key) & 63 AS lock FROM {unnest(2, topic="text", key="text")} ORDER BY lock
) AS locks
"""
# Taken before the rows are locked, as in a removal: in different orders two transactions would deadlock.
LOCK_KEYS_OF = """
SELECT pg_advisory_xact_lock(hashtext(current_schema() || '/parked/' || $1), lock) FROM (
    SELECT DISTINCT hashtext(topic || '/' || key) & 63 AS lock FROM parked
    WHERE consumer = $1 AND message_id = ANY($2::text[]) AND key IS NOT NULL ORDER BY lock
) AS locks
"""
HELD = "SELECT DISTINCT topic, key FROM parked WHERE consumer = $1 AND state <> 'gap' AND key = ANY($2::text[])"
ADD = f"INSERT INTO parked ({NEW}) SELECT {NEW} FROM {unnest(**STORED)} ORDER BY ord ON CONFLICT DO NOTHING"
GET = f"SELECT {COLUMNS} FROM parked AS p WHERE consumer = $1 AND message_id = ANY($2::text[]) ORDER BY idx"
OF_KEY = f"SELECT {COLUMNS} FROM parked AS p WHERE consumer = $1 AND topic = $2 AND key = $3 ORDER BY idx LIMIT $4"
KEYS = """
SELECT topic, key FROM parked WHERE consumer = $1 AND key IS NOT NULL GROUP BY topic, key ORDER BY min(idx) LIMIT $2
"""
OF_STEPS = f"""
SELECT {COLUMNS} FROM parked AS p WHERE consumer = $1 AND step <> '' AND step = ANY($2::text[]) ORDER BY idx
"""
READY = f"""
SELECT {COLUMNS} FROM parked AS p WHERE consumer = $1 AND state IN ('ready', 'gap')
  AND topic || '/' || partition = ANY($2::text[])
  AND (state = 'ready' OR EXISTS (
    SELECT 1 FROM key_numbers AS k
    WHERE k.key = p.key AND (k.counted ->> (p.topic || ' ' || p.source))::bigint >= p.number - 1))
ORDER BY idx LIMIT $3
"""
BEHIND = f"""
SELECT {COLUMNS} FROM {unnest(2, topic="text", key="text")} CROSS JOIN LATERAL (
    SELECT * FROM parked WHERE consumer = $1 AND topic = r.topic AND key = r.key AND state = 'behind'
    ORDER BY idx LIMIT $4) AS p
ORDER BY r.ord, p.idx LIMIT $4
"""
MOVE = """
UPDATE parked SET state = $3, delay = $4, due_us = $5, tries = tries + $6
WHERE consumer = $1 AND message_id = ANY($2::text[])
"""
REPLACE = """
UPDATE parked SET message_id = $3, type = $4, state = $5, delay = $6, step = $7, source = $8, number = $9,
    headers = $10, value = $11
WHERE consumer = $1 AND message_id = $2
"""
DUE_READY = """
UPDATE parked SET state = 'ready'
WHERE consumer = $1 AND message_id = ANY($2::text[]) AND state = 'waiting' AND due_us <= $3
"""
OVERDUE_READY = """
UPDATE parked SET state = 'ready' WHERE state = 'waiting' AND idx = ANY(ARRAY(
    SELECT idx FROM parked WHERE consumer = $1 AND state = 'waiting' AND due_us < $2 ORDER BY due_us LIMIT $3))
"""
KEYS_OF = """
SELECT DISTINCT topic, key FROM parked WHERE consumer = $1 AND message_id = ANY($2::text[]) AND key IS NOT NULL
"""
REMOVE = "DELETE FROM parked WHERE consumer = $1 AND message_id = ANY($2::text[])"
# Only the first of a key may run: one that waits in a retry topic or is dead stays ahead of those behind it.
NEXT = f"""
UPDATE parked SET state = 'ready' WHERE state = 'behind' AND idx IN (
    SELECT (SELECT min(idx) FROM parked AS p
            WHERE p.consumer = $1 AND p.topic = r.topic AND p.key = r.key AND p.state <> 'gap')
    FROM {unnest(2, topic="text", key="text")})
"""
NEXT_DUE = "SELECT min(due_us) FROM parked WHERE consumer = $1 AND state = 'waiting'"
STATUS = """
SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'behind'),
       count(*) FILTER (WHERE state = 'gap'), count(*) FILTER (WHERE state = 'ready'),
       count(*) FILTER (WHERE state = 'dead'), count(DISTINCT topic || '/' || key), coalesce(min(at_us), 0)
FROM parked WHERE consumer = $1
"""

PLACES = """
SELECT topic, partition, count(*), (array_agg(message_id ORDER BY idx DESC))[1], (array_agg(key ORDER BY idx DESC))[1],
       (array_agg(state ORDER BY idx DESC))[1]
FROM parked WHERE consumer = $1 GROUP BY topic, partition
"""
# No record of the other partition has an offset below zero, so their tries are counted apart.
REHOME = """
UPDATE parked SET partition = $4, "offset" = -idx WHERE consumer = $1 AND topic = $2 AND partition = $3
"""
ALL_KEYS = "SELECT DISTINCT topic, key FROM parked WHERE consumer = $1 AND key IS NOT NULL"
FREE_DEAD = "DELETE FROM parked WHERE consumer = $1 AND state = 'dead'"
FREE_BEHIND = "UPDATE parked SET state = 'ready' WHERE consumer = $1 AND state = 'behind'"
GAPS = """
SELECT source, topic, key, max(number) FROM parked WHERE consumer = $1 AND state = 'gap' GROUP BY source, topic, key
"""


class PostgresParking(PostgresLedger):
    """See `partita.store.parking.Parking`."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._get = f"{GET} FOR UPDATE" if link.writing else GET

    async def held(self, consumer: str, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """The (topic, key) that have a parked message; they keep it until a writing transaction ends."""
        if not keys:
            return frozenset()
        asked = frozenset(keys)
        held = await self._held(consumer, asked)
        if held and self._link.writing:
            await self._lock(consumer, sorted(held))
            held = await self._held(consumer, asked)
        return held

    async def _held(self, consumer: str, asked: frozenset[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        rows = await self._link.rows(HELD, consumer, list({key for _, key in asked}))
        return frozenset((topic, key) for topic, key in rows if (topic, key) in asked)

    async def _lock(self, consumer: str, keys: Sequence[tuple[str, str]]) -> None:
        await self._link.rows(LOCK_KEYS, consumer, *columns(keys))

    async def add(self, rows: Sequence[ParkedRow]) -> None:
        """Park messages."""
        if rows:
            await self._link.run(ADD, *columns([row[1:] for row in rows]))

    async def get(self, consumer: str, message_ids: Sequence[str]) -> Mapping[str, ParkedRow]:
        """The parked ones of these messages; in a writing transaction no other moves or removes them until it ends."""
        if not message_ids:
            return {}
        ids = list(message_ids)
        if self._link.writing:
            await self._link.rows(LOCK_KEYS_OF, consumer, ids)
        rows = [ParkedRow(*row) for row in await self._link.rows(self._get, consumer, ids)]
        return {row.message_id: row for row in rows}

    async def of_key(self, consumer: str, topic: str, key: str, limit: int) -> Sequence[ParkedRow]:
        """The first parked messages of a key."""
        return [ParkedRow(*row) for row in await self._link.rows(OF_KEY, consumer, topic, key, limit)]

    async def keys(self, consumer: str, limit: int) -> Sequence[tuple[str, str]]:
        """The (topic, key) with parked messages."""
        return [(row[0], row[1]) for row in await self._link.rows(KEYS, consumer, limit)]

    async def of_steps(self, consumer: str, steps: Sequence[str]) -> Sequence[ParkedRow]:
        """The parked commands that do these saga steps."""
        return [ParkedRow(*row) for row in await self._link.rows(OF_STEPS, consumer, list(steps))] if steps else []

    async def ready(self, consumer: str, places: Sequence[tuple[str, int]], limit: int) -> Sequence[ParkedRow]:
        """Messages of these partitions that may run."""
        named = [f"{topic}/{partition}" for topic, partition in places]
        return [ParkedRow(*row) for row in await self._link.rows(READY, consumer, named, limit)]

    async def behind(self, consumer: str, keys: Sequence[tuple[str, str]], limit: int) -> Sequence[ParkedRow]:
        """The first messages behind the head of each of these keys."""
        if not keys:
            return []
        return [ParkedRow(*row) for row in await self._link.rows(BEHIND, consumer, *columns(keys), limit)]

    async def move(
        self, consumer: str, message_ids: Sequence[str], state: State, delay: int, due_us: int, *, tried: int = 0
    ) -> None:
        """Change the state of parked messages."""
        if message_ids:
            await self._link.run(MOVE, consumer, list(message_ids), state, delay, due_us, tried)

    async def replace(self, consumer: str, message_id: str, by: ParkedRow) -> bool:
        """Put another message in a parked one's place."""
        new = (by.message_id, by.type, by.state, by.delay, by.step, by.source, by.number, by.headers, by.value)
        return await self._link.run(REPLACE, consumer, message_id, *new) > 0

    async def make_ready(self, consumer: str, message_ids: Sequence[str], upto_us: int) -> int:
        """Set messages that wait and are due by then to ready."""
        return await self._link.run(DUE_READY, consumer, list(message_ids), upto_us) if message_ids else 0

    async def make_overdue_ready(self, consumer: str, before_us: int, limit: int) -> int:
        """Set messages that wait since before that to ready."""
        return await self._link.run(OVERDUE_READY, consumer, before_us, limit)

    async def remove(self, consumer: str, message_ids: Sequence[str]) -> int:
        """Remove messages; the next of their key becomes ready."""
        if not message_ids:
            return 0
        ids = list(message_ids)
        keys = sorted((row[0], row[1]) for row in await self._link.rows(KEYS_OF, consumer, ids))
        if keys:
            await self._lock(consumer, keys)
        await self._link.run(REMOVE, consumer, ids)
        return await self._link.run(NEXT, consumer, *columns(keys)) if keys else 0

    async def next_due_us(self, consumer: str) -> int | None:
        """The time of the next retry."""
        due: int | None = (await self._link.rows(NEXT_DUE, consumer))[0][0]
        return due

    async def status(self, consumer: str) -> ParkingStatus:
        """The number of parked messages."""
        return ParkingStatus(*(await self._link.rows(STATUS, consumer))[0])

    async def places(self, consumer: str) -> Sequence[ParkedPlace]:
        """The partitions from which the parked messages came."""
        return [ParkedPlace(*row) for row in await self._link.rows(PLACES, consumer)]

    async def rehome(self, consumer: str, place: tuple[str, int], partition: int) -> int:
        """Assign the messages of a partition that no longer exists to another one."""
        return await self._link.run(REHOME, consumer, *place, partition)

    async def loosen(self, consumer: str) -> Loosened:
        """Drop the order of keys in this group."""
        keys = sorted((row[0], row[1]) for row in await self._link.rows(ALL_KEYS, consumer))
        if keys:
            await self._lock(consumer, keys)
        await self._link.run(FREE_DEAD, consumer)
        behind = await self._link.run(FREE_BEHIND, consumer)
        gaps = {(source, topic, key): last for source, topic, key, last in await self._link.rows(GAPS, consumer)}
        return Loosened(behind, gaps)
