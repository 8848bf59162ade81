"""The embedded log: topics, partitions and consumer groups in one SQLite file that several processes share.

A record's offset is its place in the whole log, so offsets of a partition grow but are not contiguous. SQLite's
single writer makes the order of offsets the order of commits: no record can appear below one that was read.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from partita.bell import Bell
from partita.bus.features import Feature
from partita.bus.forgetting import LOOK_AGAIN_S, has_members
from partita.bus.log.reading import read_from
from partita.bus.log.registry import LogRegistry
from partita.bus.log.schema import APPLICATION_ID, MIGRATIONS
from partita.bus.log.subscription import LogSubscription
from partita.bus.port import (
    Fence,
    GroupLag,
    Moved,
    Outgoing,
    Reading,
    Record,
    Subscription,
    TopicSpec,
    screened,
    too_large,
)
from partita.bus.position import Origin, Position, no_partition
from partita.bus.specs import Specs
from partita.clock import US
from partita.databases.sqlite.file import SqliteFile
from partita.databases.sqlite.high_water import HighWater
from partita.databases.sqlite.leases import LeaseBook
from partita.errors import BusUnavailable, Fenced, StoreUnavailable
from partita.machine.port import Alive, Machine, Wake
from partita.texts.foreign_text import logger
from partita.texts.key_hash import partition_of

log = logger(__name__)
ADD_TOPIC = "INSERT INTO topic (name, partitions, retention_us) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING name"
ADD_PLACE = "INSERT INTO place (topic, partition) VALUES (?, ?)"
PLACES = "SELECT topic, partition, place FROM place ORDER BY topic, partition"
FENCE = "SELECT epoch FROM producer WHERE name = ?"
RAISE_FENCE = """
INSERT INTO producer (name, epoch) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch
"""
LAST = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'record'), 0)"
APPEND = "INSERT INTO record (position, place, id, key, headers, value, appended_us) VALUES (?, ?, ?, ?, ?, ?, ?)"
HEAD = "UPDATE place SET head = ? WHERE place = ?"
LAG = """
SELECT g.grp, p.topic, p.partition, g.position + 1, p.head,
       (SELECT count(*) FROM record AS r WHERE r.place = p.place AND r.position > g.position), l.owner,
       (SELECT r.appended_us FROM record AS r WHERE r.place = p.place AND r.position > g.position
        ORDER BY r.position LIMIT 1), m.token
FROM progress AS g JOIN place AS p ON p.place = g.place
LEFT JOIN lease AS l ON l.scope = 'group:' || g.grp AND l.resource = p.topic || '/' || p.partition
LEFT JOIN lease_member AS m ON m.scope = l.scope AND m.member = l.owner
WHERE ?1 IS NULL OR g.grp = ?1 ORDER BY g.grp, p.topic, p.partition
"""
RESET = """
UPDATE progress SET position = CASE WHEN ?1 THEN 0 ELSE (SELECT head FROM place AS p WHERE p.place = progress.place) END
WHERE grp = ?2 AND place IN (SELECT place FROM place WHERE topic = ?3)
"""
STANDS = """
SELECT p.partition, g.position + 1 FROM progress AS g JOIN place AS p ON p.place = g.place
WHERE g.grp = ? AND p.topic = ? ORDER BY p.partition
"""
FORGET = "DELETE FROM progress WHERE grp = ?"
RECLAIM = "UPDATE lease SET owner = NULL WHERE scope = ?1 AND substr(resource, 1, length(?2)) = ?2"
HISTORY = """
SELECT p.topic, p.partition, r.position, r.key, r.headers, r.value, r.appended_us
FROM record AS r JOIN place AS p ON p.place = r.place
WHERE r.position > ? AND p.topic IN (SELECT value FROM json_each(?)) AND r.appended_us >= ? ORDER BY r.position LIMIT 500
"""
META = "SELECT name, value FROM meta"
SET_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
FLOOR = "UPDATE place SET floor = max(floor, ?) WHERE place = ?"
# Only records that every group has passed are trimmed, from the oldest on: a slow group is an alarm, not a loss.
TRIM = """
DELETE FROM record WHERE position IN (
    SELECT r.position FROM (SELECT position, place, appended_us FROM record ORDER BY position LIMIT ?2) AS r
    JOIN place AS p ON p.place = r.place JOIN topic AS t ON t.name = p.topic
    WHERE t.retention_us IS NOT NULL AND r.appended_us < ?1 - t.retention_us
      AND NOT EXISTS (SELECT 1 FROM progress AS g WHERE g.place = r.place AND g.position < r.position))
RETURNING position, place
"""


class LogBus:
    """See `partita.bus.port.Bus`."""

    features = Feature.KEY_ORDER | Feature.PARTITIONS | Feature.OFFSETS | Feature.REPLAY | Feature.LAG | Feature.FENCING

    def __init__(self, path: Path, machine: Machine, *, wake: Wake, migrate: bool = True) -> None:
        self.path = path
        self._machine = machine
        self._clock = machine.clock
        self._wake = wake
        self._file = SqliteFile(path, machine, application_id=APPLICATION_ID, migrations=MIGRATIONS, migrate=migrate)
        self.registry = LogRegistry(self._file)
        self._alive: Alive | None = None
        self._specs = Specs()
        self._places: dict[tuple[str, int], int] = {}
        self._partitions: dict[str, int] = {}
        self._high_water = HighWater(Path(f"{path}.appended"))
        self._identity = ""

    @property
    def tables(self) -> None:
        """It is in no database of services."""
        return None

    async def identity(self) -> str:
        """The identity of this log, and how often it was restored."""
        return self._identity

    async def open(self) -> None:
        """Open or create the log."""
        try:
            await self._file.open()
        except StoreUnavailable as error:
            raise BusUnavailable(error.what, hint=error.hint) from error
        self._alive = self._machine.alive(self.path.parent / "alive", f"log-{self._machine.new_name()}")
        self._book = LeaseBook(self._alive, self._clock)
        async with self._file.reading() as db:
            self._read_places(db)
            meta, newest = dict(db.execute(META).fetchall()), db.execute(LAST).fetchone()[0]
        if "id" not in meta or self._high_water.seen() > newest:
            meta = await self._christen()
        self._identity = f"{meta['id']}.{meta['incarnation']}"

    async def _christen(self) -> dict[str, str]:
        """Give a new log its name, and a new one to a log restored from an older copy: it lacks the records acknowledged
        since, and gives their offsets to other records."""
        async with self._file.writing() as db:
            meta: dict[str, str] = dict(db.execute(META).fetchall())
            newest = db.execute(LAST).fetchone()[0]
            if "id" not in meta:
                meta = {"id": self._machine.ids.new()[-12:], "incarnation": "1"}
            elif self._high_water.seen() > newest:
                meta["incarnation"] = str(int(meta["incarnation"]) + 1)
                log.warning("%s was restored from an older copy: what was sent since is sent again", self.path)
            db.executemany(SET_META, list(meta.items()))
            self._high_water.reset(newest)
        return meta

    async def close(self) -> None:
        """Close the log."""
        self._file.close()
        self._high_water.close()
        if self._alive is not None:
            self._alive.close()
            self._alive = None

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that do not exist."""
        self._specs.declare(topics)
        await self._make(topics)

    async def _make(self, topics: Sequence[TopicSpec]) -> None:
        missing = [t for t in topics if t.name not in self._partitions]
        if not missing:
            return
        async with self._file.writing(synced=False) as db:  # the sync of the first record covers it
            for topic in missing:
                self._create(db, topic)
            self._read_places(db)

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """The number of partitions of each of these topics."""
        async with self._file.reading() as db:
            self._read_places(db)
        return {topic: self._partitions[topic] for topic in topics if topic in self._partitions}

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append durably, in order."""
        await self._make(self._specs.of(records))
        refusals = screened(records, too_large)
        topics: dict[str, None] = {}  # in the order of the records
        try:
            async with self._file.writing() as db:
                _check_fences(db, fences)
                now_us = self._clock.now_us()
                position = db.execute(LAST).fetchone()[0]
                rows = []
                heads: dict[int, int] = {}
                for record, refusal in zip(records, refusals, strict=True):
                    if refusal is None:
                        position += 1
                        place = self._place(record)
                        heads[place] = position
                        topics[record.topic] = None
                        rows.append((position, place, record.id, record.key, record.headers, record.value, now_us))
                db.executemany(APPEND, rows)
                db.executemany(HEAD, [(head, place) for place, head in heads.items()])
        except StoreUnavailable as error:
            raise BusUnavailable(error.what, hint=error.hint) from error
        self._high_water.left(position)
        self._wake.signal([f"log-{topic}" for topic in topics])
        return refusals

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Subscription:
        """Join a consumer group."""
        return LogSubscription(
            self._file,
            self._book,
            self._wake,
            bell or Bell(),
            group=group,
            member=member,
            topics=topics,
            log=self._identity,
        )

    async def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """The records of these topics since then."""
        after, more = 0, True
        while more:
            async with self._file.reading() as db:
                rows = db.execute(HISTORY, (after, json.dumps(list(topics)), since_us)).fetchall()
            yield [Record(*row) for row in rows]
            after, more = (rows[-1][2], True) if rows else (after, False)

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """At most `limit` records of a partition from a position on."""
        if (topic, partition) not in self._places:
            await self.partitions([topic])
        place = self._places.get((topic, partition))
        if place is None:
            raise no_partition(str(self.path), topic, partition)
        return await read_from(self._file, Origin(self._identity, topic, partition), place, position, limit)

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Move a group to the start or the end of a topic."""
        async with self._file.writing() as db:
            before = dict(db.execute(STANDS, (group, topic)))
            # A new epoch: the holder of the partition starts again from the new position.
            db.execute(RECLAIM, (f"group:{group}", f"{topic}/"))
            db.execute(RESET, (to_start, group, topic))
            return [
                Moved(partition, before[partition], after) for partition, after in db.execute(STANDS, (group, topic))
            ]

    async def forget(self, group: str) -> int:
        """Forget the positions of a group that no longer exists."""
        assert self._alive is not None
        book, before, moved = LeaseBook(self._alive, self._clock), frozenset[tuple[str, str, int]](), False
        while not moved:
            async with self._file.writing() as db:
                now = book.beats(db, f"group:{group}")
                if not now:
                    return db.execute(FORGET, (group,)).rowcount
            moved, before = bool(before) and not now <= before, now
            await self._clock.sleep(LOOK_AGAIN_S)
        raise has_members(str(self.path), group)

    async def answers(self) -> None:
        """The file can be read."""
        async with self._file.reading() as db:
            db.execute("SELECT 1").fetchone()

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """The positions of groups."""
        async with self._file.reading() as db:
            rows = db.execute(LAG, (group,)).fetchall()
        there = {token: self._is_there(token) for token in dict.fromkeys(row[-1] for row in rows)}
        lags = [GroupLag(*row[:-1]) for row in rows]
        return [
            lag if lag.owner is None or there[row[-1]] else lag._replace(owner=None)
            for lag, row in zip(lags, rows, strict=True)
        ]

    def _is_there(self, token: str | None) -> bool:
        """Whether the member of that token may still live: a killed member is listed until another member looks."""
        alive = self._alive
        return token is not None and alive is not None and (token == alive.token or not alive.is_dead(token))

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Delete at most `limit` records past their topic's retention that every group has handled."""
        async with self._file.writing(synced=False) as db:
            gone = db.execute(TRIM, (now_us, limit)).fetchall()
            db.executemany(FLOOR, gone)
        return len(gone)

    def _create(self, db: sqlite3.Connection, topic: TopicSpec) -> None:
        retention = None if topic.retention_s is None else round(topic.retention_s * US)
        if db.execute(ADD_TOPIC, (topic.name, topic.partitions, retention)).fetchone() is not None:
            db.executemany(ADD_PLACE, [(topic.name, number) for number in range(topic.partitions)])

    def _read_places(self, db: sqlite3.Connection) -> None:
        self._places = {(row[0], row[1]): row[2] for row in db.execute(PLACES)}
        self._partitions = {}
        for topic, _ in self._places:
            self._partitions[topic] = self._partitions.get(topic, 0) + 1

    def _place(self, record: Outgoing) -> int:
        spread = record.key if record.key is not None else record.id
        return self._places[(record.topic, partition_of(spread, self._partitions[record.topic]))]


def _check_fences(db: sqlite3.Connection, fences: Sequence[Fence]) -> None:
    """Refuse a relay that was paused while another took its slots: it must not append rows that were already sent."""
    for fence in fences:
        row = db.execute(FENCE, (fence.name,)).fetchone()
        if row is not None and row[0] > fence.epoch:
            raise Fenced(f"{fence.name} is relayed by another process now (epoch {row[0]} after {fence.epoch}).")
        if row is None or row[0] < fence.epoch:
            db.execute(RAISE_FENCE, (fence.name, fence.epoch))
