"""The parking of keys on SQLite."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from partita.store.parking import Loosened, ParkedPlace, ParkedRow, ParkingStatus, State
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

COLUMNS = (
    'idx, consumer, topic, partition, "offset", key, message_id, type, state, delay, due_us, tries, step, source, '
    "number, headers, value, appended_us, at_us"
)
ANY = "SELECT 1 FROM parked LIMIT 1"
HELD = f"SELECT DISTINCT topic, key FROM parked WHERE consumer = ? AND state <> 'gap' AND key {IN_LIST}"
ADD = f"INSERT INTO parked ({COLUMNS}) VALUES (NULL{', ?' * 18}) ON CONFLICT DO NOTHING"
GET = f"SELECT {COLUMNS} FROM parked WHERE consumer = ? AND message_id {IN_LIST}"
OF_KEY = f"SELECT {COLUMNS} FROM parked WHERE consumer = ? AND topic = ? AND key = ? ORDER BY idx LIMIT ?"
KEYS = """
SELECT topic, key FROM parked WHERE consumer = ? AND key IS NOT NULL GROUP BY topic, key ORDER BY min(idx) LIMIT ?
"""
OF_STEPS = f"SELECT {COLUMNS} FROM parked WHERE consumer = ? AND step <> '' AND step {IN_LIST}"
READY = f"""
SELECT {COLUMNS} FROM parked AS p WHERE consumer = ? AND state IN ('ready', 'gap')
  AND topic || '/' || partition IN (SELECT value FROM json_each(?))
  AND (state = 'ready' OR EXISTS (
    SELECT 1 FROM key_numbers AS k, json_each(k.counted) AS last
    WHERE k.key = p.key AND last.key = p.topic || ' ' || p.source AND last.value >= p.number - 1))
ORDER BY idx LIMIT ?
"""
MOVE = "UPDATE parked SET state = ?, delay = ?, due_us = ?, tries = tries + ? WHERE consumer = ? AND message_id = ?"
BEHIND = f"""
SELECT {COLUMNS} FROM parked AS p WHERE consumer = ? AND topic = ? AND key = ? AND state = 'behind' ORDER BY idx LIMIT ?
"""
REPLACE = """
UPDATE parked SET message_id = ?, type = ?, state = ?, delay = ?, step = ?, source = ?, number = ?, headers = ?, value = ?
WHERE consumer = ? AND message_id = ?
"""
DUE_READY = (
    "UPDATE parked SET state = 'ready' WHERE consumer = ? AND message_id = ? AND state = 'waiting' AND due_us <= ?"
)
OVERDUE_READY = """
UPDATE parked SET state = 'ready' WHERE idx IN (
    SELECT idx FROM parked WHERE consumer = ? AND state = 'waiting' AND due_us < ? ORDER BY due_us LIMIT ?)
"""
REMOVE = "DELETE FROM parked WHERE consumer = ? AND message_id = ? RETURNING topic, key, idx"
# Only the first of a key may run: one that waits in a retry topic or is dead stays ahead of those behind it.
NEXT = """
UPDATE parked SET state = 'ready' WHERE state = 'behind' AND idx = (
    SELECT min(idx) FROM parked WHERE consumer = ? AND topic = ? AND key = ? AND state <> 'gap')
"""
NEXT_DUE = "SELECT min(due_us) FROM parked WHERE consumer = ? AND state = 'waiting'"
STATUS = """
SELECT coalesce(sum(state = 'waiting'), 0), coalesce(sum(state = 'behind'), 0), coalesce(sum(state = 'gap'), 0),
       coalesce(sum(state = 'ready'), 0), coalesce(sum(state = 'dead'), 0), count(DISTINCT topic || '/' || key),
       coalesce(min(at_us), 0)
FROM parked WHERE consumer = ?
"""

# With bare columns beside max(), SQLite takes them from the row that has it.
PLACES = """
SELECT topic, partition, count(*), message_id, key, state, max(idx) FROM parked WHERE consumer = ? GROUP BY topic, partition
"""
# No record of the other partition has an offset below zero, so their tries are counted apart.
REHOME = """
UPDATE parked SET partition = ?, "offset" = -idx WHERE consumer = ? AND topic = ? AND partition = ?
"""
FREE_DEAD = "DELETE FROM parked WHERE consumer = ? AND state = 'dead'"
FREE_BEHIND = "UPDATE parked SET state = 'ready' WHERE consumer = ? AND state = 'behind'"
GAPS = """
SELECT source, topic, key, max(number) FROM parked WHERE consumer = ? AND state = 'gap' GROUP BY source, topic, key
"""


class SqliteParking(SqliteLedger):
    """See `partita.store.parking.Parking`."""

    async def held(self, consumer: str, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those (topic, key) that have a message parked."""
        if not keys or self._db.execute(ANY).fetchone() is None:
            return frozenset()
        asked = frozenset(keys)
        rows = self._rows_of(HELD, (consumer,), sorted({key for _, key in asked}))
        return frozenset((topic, key) for topic, key in rows if (topic, key) in asked)

    async def add(self, rows: Sequence[ParkedRow]) -> None:
        """Park messages."""
        self._db.executemany(ADD, [row[1:] for row in rows])

    async def get(self, consumer: str, message_ids: Sequence[str]) -> Mapping[str, ParkedRow]:
        """The parked ones of these messages."""
        rows = [ParkedRow(*row) for row in self._rows_of(GET, (consumer,), message_ids)]
        return {row.message_id: row for row in rows}

    async def of_key(self, consumer: str, topic: str, key: str, limit: int) -> Sequence[ParkedRow]:
        """The first parked messages of a key."""
        return [ParkedRow(*row) for row in self._db.execute(OF_KEY, (consumer, topic, key, limit))]

    async def keys(self, consumer: str, limit: int) -> Sequence[tuple[str, str]]:
        """The (topic, key) with parked messages."""
        return [(row[0], row[1]) for row in self._db.execute(KEYS, (consumer, limit))]

    async def of_steps(self, consumer: str, steps: Sequence[str]) -> Sequence[ParkedRow]:
        """The parked commands that do these saga steps."""
        return [ParkedRow(*row) for row in self._rows_of(OF_STEPS, (consumer,), steps)] if steps else []

    async def ready(self, consumer: str, places: Sequence[tuple[str, int]], limit: int) -> Sequence[ParkedRow]:
        """Messages of these partitions that may run."""
        named = json.dumps([f"{topic}/{partition}" for topic, partition in places])
        return [ParkedRow(*row) for row in self._db.execute(READY, (consumer, named, limit))]

    async def behind(self, consumer: str, keys: Sequence[tuple[str, str]], limit: int) -> Sequence[ParkedRow]:
        """The first messages behind the head of each of these keys."""
        found: list[ParkedRow] = []
        for topic, key in keys:
            if len(found) < limit:
                rows = self._db.execute(BEHIND, (consumer, topic, key, limit - len(found)))
                found += [ParkedRow(*row) for row in rows]
        return found

    async def move(
        self, consumer: str, message_ids: Sequence[str], state: State, delay: int, due_us: int, *, tried: int = 0
    ) -> None:
        """Change the state of parked messages."""
        self._db.executemany(MOVE, [(state, delay, due_us, tried, consumer, each) for each in message_ids])

    async def replace(self, consumer: str, message_id: str, by: ParkedRow) -> bool:
        """Put another message in a parked one's place."""
        new = (by.message_id, by.type, by.state, by.delay, by.step, by.source, by.number, by.headers, by.value)
        return self._db.execute(REPLACE, (*new, consumer, message_id)).rowcount > 0

    async def make_ready(self, consumer: str, message_ids: Sequence[str], upto_us: int) -> int:
        """Set messages that wait and are due by then to ready."""
        return self._db.executemany(DUE_READY, [(consumer, each, upto_us) for each in message_ids]).rowcount

    async def make_overdue_ready(self, consumer: str, before_us: int, limit: int) -> int:
        """Set messages that wait since before that to ready."""
        return self._db.execute(OVERDUE_READY, (consumer, before_us, limit)).rowcount

    async def remove(self, consumer: str, message_ids: Sequence[str]) -> int:
        """Remove messages; the next of their key becomes ready."""
        ready = 0
        for message_id in message_ids:
            for topic, key, _ in self._db.execute(REMOVE, (consumer, message_id)).fetchall():
                if key is not None:
                    ready += self._db.execute(NEXT, (consumer, topic, key)).rowcount
        return ready

    async def next_due_us(self, consumer: str) -> int | None:
        """The time of the next retry."""
        due: int | None = self._db.execute(NEXT_DUE, (consumer,)).fetchone()[0]
        return due

    async def status(self, consumer: str) -> ParkingStatus:
        """The number of parked messages."""
        return ParkingStatus(*self._db.execute(STATUS, (consumer,)).fetchone())

    async def places(self, consumer: str) -> Sequence[ParkedPlace]:
        """The partitions from which the parked messages came."""
        return [ParkedPlace(*row[:6]) for row in self._db.execute(PLACES, (consumer,))]

    async def rehome(self, consumer: str, place: tuple[str, int], partition: int) -> int:
        """Assign the messages of a partition that no longer exists to another one."""
        return self._db.execute(REHOME, (partition, consumer, *place)).rowcount

    async def loosen(self, consumer: str) -> Loosened:
        """Drop the order of keys in this group."""
        self._db.execute(FREE_DEAD, (consumer,))
        behind = self._db.execute(FREE_BEHIND, (consumer,)).rowcount
        return Loosened(
            behind, {(source, topic, key): last for source, topic, key, last in self._db.execute(GAPS, (consumer,))}
        )
