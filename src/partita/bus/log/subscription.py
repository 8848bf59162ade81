"""A member of a consumer group of the embedded log."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from partita.bell import Bell
from partita.bus.held_partitions import Beat, Part, Positions, resource_of, where_of
from partita.bus.leased_member import LeasedSubscription
from partita.bus.port import Record
from partita.databases.sqlite.file import SqliteFile
from partita.databases.sqlite.leases import LeaseBook
from partita.machine.port import Wake

POSITION = "SELECT position FROM progress WHERE grp = ? AND place = ?"
BEGIN = "INSERT INTO progress (grp, place, position) VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
# Compare and set: the position only moves forward, and only while this member holds the lease.
ADVANCE = """
UPDATE progress SET position = max(position, ?) WHERE grp = ? AND place = ?
  AND EXISTS (SELECT 1 FROM lease WHERE scope = ? AND resource = ? AND owner = ? AND epoch = ?)
"""
REWIND = """
UPDATE progress SET position = ? WHERE grp = ? AND place = ?
  AND EXISTS (SELECT 1 FROM lease WHERE scope = ? AND resource = ? AND owner = ? AND epoch = ?)
"""
PLACES = """
SELECT topic, partition, place FROM place WHERE topic IN (SELECT value FROM json_each(?)) ORDER BY topic, partition
"""
HEADS = "SELECT place, head, floor FROM place WHERE place IN (SELECT value FROM json_each(?))"
READ = """
SELECT position, key, headers, value, appended_us FROM record WHERE place = ? AND position > ? ORDER BY position LIMIT ?
"""


class LogSubscription(LeasedSubscription):
    """See `partita.bus.port.Subscription`."""

    def __init__(
        self,
        file: SqliteFile,
        book: LeaseBook,
        wake: Wake,
        bell: Bell,
        *,
        group: str,
        member: str,
        topics: Sequence[str],
        log: str = "",
    ) -> None:
        super().__init__(group, member, bell)
        self._file = file
        self._book = book
        self._topics = json.dumps(list(topics))
        self._name = log
        self._stop_listening = wake.listen([f"log-{topic}" for topic in dict.fromkeys(topics)], self._woken)

    def _log(self) -> str:
        return self._name

    async def _read(self, count: int) -> list[Record]:
        """Find the partitions with new records in one statement; only those are read."""
        found: list[tuple[Part, list[Record]]] = []
        left = count
        async with self._file.reading() as db:
            # Looked up here: while this waited for the file, a partition may have gone.
            ready = self._parts.readable()
            places = json.dumps([part.place for part in ready])
            bounds = {place: (head, floor) for place, head, floor in db.execute(HEADS, (places,))}
            behind = []
            for part in ready:
                head, floor = bounds[part.place]
                if floor and part.is_passed(floor):
                    raise self._passed(part, floor)
                if head > part.read:
                    behind.append(part)
            for number, part in enumerate(behind):
                if left <= 0:
                    break
                share = max(1, left // (len(behind) - number))
                topic, partition = part.where
                rows = db.execute(READ, (part.place, part.read, share))
                found.append((part, [Record(topic, partition, *row) for row in rows]))
                left -= len(found[-1][1])
        records: list[Record] = []
        for part, read in found:
            records += read
            for record in read:
                part.mark.hand_out(record.offset)
        # In the order of the whole log causes come before effects, also across partitions.
        records.sort(key=_offset)
        return records

    async def _beat(self) -> Beat:
        async with self._file.writing(synced=False) as db:
            # Asked each time: another program may have made a topic since.
            places = {(topic, partition): place for topic, partition, place in db.execute(PLACES, (self._topics,))}
            holding = self._book.tick(db, self._scope, [resource_of(where) for where in places], self._member)
            begun = []
            for resource, epoch in self._parts.unclaimed(holding).items():
                where = where_of(resource)
                place = places[where]
                db.execute(BEGIN, (self._group, place))
                begun.append(Part.begun(where, place, epoch, db.execute(POSITION, (self._group, place)).fetchone()[0]))
            moved = self._parts.moved()
            self._write(db, ADVANCE, moved)
        return Beat(holding, begun, moved)

    async def _give_back(self, parts: Sequence[Part], moved: Positions) -> None:
        async with self._file.writing(synced=False) as db:
            self._write(db, ADVANCE, moved)
            self._book.release(db, self._scope, [part.resource for part in parts], self._member)

    async def _leave(self, moved: Positions) -> None:
        async with self._file.writing(synced=False) as db:
            self._write(db, ADVANCE, moved)
            self._book.leave(db, self._scope, self._member)

    async def _put_back(self, part: Part, position: int) -> None:
        async with self._file.writing(synced=False) as db:
            self._write(db, REWIND, [(part, position)])

    async def _bounds(self, part: Part) -> tuple[int, int]:
        async with self._file.reading() as db:
            ((_, head, floor),) = db.execute(HEADS, (json.dumps([part.place]),)).fetchall()
        return head, floor

    def _write(self, db: sqlite3.Connection, statement: str, positions: Positions) -> None:
        if positions:
            rows = [
                (position, self._group, part.place, self._scope, part.resource, self._member, part.epoch)
                for part, position in positions
            ]
            db.executemany(statement, rows)


def _offset(record: Record) -> int:
    return record.offset
