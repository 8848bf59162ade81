"""A member's part in a consumer group of the embedded log: leases on partitions, read-ahead, and the watermark."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence

from partita.bus.part import Part
from partita.bus.port import Polled, Record, Stand
from partita.bus.watermark import Watermark
from partita.databases.sqlite.file import SqliteFile
from partita.databases.sqlite.leases import LeaseBook
from partita.errors import BusError
from partita.machine.port import Wake

POSITION = "SELECT position FROM progress WHERE grp = ? AND place = ?"
BEGIN = "INSERT INTO progress (grp, place, position) VALUES (?, ?, 0) ON CONFLICT DO NOTHING"
# Compare and set: the position only moves forward, and only while the lease is still this member's.
ADVANCE = """
UPDATE progress SET position = max(position, ?) WHERE grp = ? AND place = ?
  AND EXISTS (SELECT 1 FROM lease WHERE scope = ? AND resource = ? AND owner = ? AND epoch = ?)
"""
REWIND = """
UPDATE progress SET position = ? WHERE grp = ? AND place = ?
  AND EXISTS (SELECT 1 FROM lease WHERE scope = ? AND resource = ? AND owner = ? AND epoch = ?)
"""
HEADS = "SELECT place, head, floor FROM place WHERE place IN (SELECT value FROM json_each(?))"
READ = """
SELECT position, key, headers, value, appended_us FROM record WHERE place = ? AND position > ? ORDER BY position LIMIT ?
"""
IN_FLIGHT_MAX = 10_000
Where = tuple[str, int]


class LogSubscription:
    """See `partita.bus.port.Subscription`."""

    def __init__(
        self,
        file: SqliteFile,
        book: LeaseBook,
        wake: Wake,
        *,
        group: str,
        member: str,
        places: Mapping[Where, int],
        log: str = "",
    ) -> None:
        self.on_wake: Callable[[], None] = lambda: None
        self._file = file
        self._book = book
        self._group = group
        self._scope = f"group:{group}"
        self._member = member
        self._places = dict(places)
        self._resources = [f"{topic}/{partition}" for topic, partition in places]
        self._parts: dict[Where, Part] = {}
        self._by_place: dict[int, Part] = {}
        self._news: tuple[list[Where], list[Where]] = ([], [])
        self._joined = False
        self._closed = False
        self._log = log
        self._turn = 0
        self._stop_listening = wake.listen(
            [f"log-{topic}" for topic in dict.fromkeys(t for t, _ in places)], self._woken
        )

    def _woken(self) -> None:
        self.on_wake()

    async def poll(self, count: int) -> Polled:
        """At most `count` waiting records of the partitions held."""
        if not self._joined:
            await self.keep()
        records = await self._read(count) if count > 0 else []
        # Taken last: a read that fails must not lose them.
        (assigned, revoked), self._news = self._news, ([], [])
        return Polled(records, assigned, revoked)

    async def _read(self, count: int) -> list[Record]:
        """One statement finds who is behind; only those are read, in turn, so that none starves."""
        records: list[Record] = []
        async with self._file.reading() as db:
            # Looked up here: while this waited for the file, a partition may have gone.
            held = [p for p in self._parts.values() if not (p.leaving or p.paused) and p.mark.open < IN_FLIGHT_MAX]
            heads = db.execute(HEADS, (json.dumps([p.place for p in held]),)).fetchall()
            behind = []
            for place, head, floor in heads:
                part = self._by_place[place]
                if floor > part.read and part.written:
                    raise BusError(
                        f"{self._group} stands at {part.read} of {part.where}, records up to {floor} were deleted.",
                        hint="They are lost to this group; reset it to the floor when that is accepted.",
                    )
                if head > part.read:
                    behind.append(part)
            self._turn += 1
            shift = self._turn % len(behind) if behind else 0
            for number, part in enumerate(behind[shift:] + behind[:shift]):
                share = max(1, (count - len(records)) // (len(behind) - number))
                if len(records) >= count:
                    break
                topic, partition = part.where
                for position, key, headers, value, at in db.execute(READ, (part.place, part.read, share)):
                    records.append(Record(topic, partition, position, key, headers, value, at))
                    part.mark.hand_out(position)
        # In the order of the whole log causes come before effects, also across partitions.
        records.sort(key=_offset)
        return records

    def done(self, records: Sequence[Record]) -> None:
        """These are handled."""
        for record in records:
            part = self._parts.get(record.at)
            if part is not None:
                part.mark.done(record.offset)

    def pause(self, partitions: Sequence[Where]) -> None:
        """Deliver nothing more of these."""
        for where in partitions:
            if where in self._parts:
                self._parts[where].paused = True

    def resume(self, partitions: Sequence[Where]) -> None:
        """Deliver of these again."""
        for where in partitions:
            if where in self._parts:
                self._parts[where].paused = False

    async def release(self, partitions: Sequence[Where]) -> None:
        """The caller no longer works on these."""
        gone = [self._parts[where] for where in partitions if where in self._parts]
        await self._write(gone, release=True)
        for part in gone:
            self._drop(part)

    async def stand(self, partition: Where) -> Stand | None:
        """Where the group stands; nothing that was done in this holding is written before the first heartbeat."""
        part = self._parts.get(partition)
        if part is None:
            return None
        async with self._file.reading() as db:
            ((_, head, floor),) = db.execute(HEADS, (json.dumps([part.place]),)).fetchall()
        return Stand(self._log, part.written + 1, floor + 1, head + 1, floor > 0)

    async def rewind(self, partition: Where, offset: int) -> None:
        """Hand out again from this offset on."""
        part = self._parts.get(partition)
        if part is None:
            return
        async with self._file.writing(synced=False) as db:
            mine = (self._scope, _resource(part), self._member, part.epoch)
            db.execute(REWIND, (offset - 1, self._group, part.place, *mine))
        part.mark, part.written = Watermark(offset), offset - 1

    async def keep(self) -> None:
        """Heartbeat, take-over, position write."""
        if self._closed:
            return
        async with self._file.writing(synced=False) as db:
            # Looked up here: while this waited for the lock, a poll may have taken the news that there was.
            assigned, revoked = self._news
            holding = self._book.tick(db, self._scope, self._resources, self._member)
            self._joined = True
            for resource, epoch in holding.held.items():
                topic, _, number = resource.rpartition("/")
                where = (topic, int(number))
                part = self._parts.get(where)
                if part is not None and part.epoch == epoch:
                    continue
                if part is not None:
                    revoked.append(where)
                place = self._places[where]
                db.execute(BEGIN, (self._group, place))
                position = db.execute(POSITION, (self._group, place)).fetchone()[0]
                part = self._parts[where] = Part(where, place, epoch, Watermark(position + 1), position)
                self._by_place[place] = part
                assigned.append(where)
            for part in list(self._parts.values()):
                resource = _resource(part)
                if resource not in holding.held:
                    self._drop(part)
                    revoked.append(part.where)
                elif resource in holding.surplus and not part.leaving:
                    part.leaving = True
                    revoked.append(part.where)
            self._advance(db, list(self._parts.values()))
        if assigned or revoked:
            self.on_wake()

    async def close(self) -> None:
        """Write the position and leave the group."""
        if self._closed:
            return
        self._closed = True
        await self._write(list(self._parts.values()), release=False, leave=True)
        self._parts.clear()
        self._by_place.clear()
        self._stop_listening()

    async def _write(self, parts: Sequence[Part], *, release: bool, leave: bool = False) -> None:
        async with self._file.writing(synced=False) as db:
            self._advance(db, parts)
            if release:
                self._book.release(db, self._scope, [_resource(p) for p in parts], self._member)
            if leave:
                self._book.leave(db, self._scope, self._member)

    def _advance(self, db: sqlite3.Connection, parts: Sequence[Part]) -> None:
        rows = []
        for part in parts:
            position = part.done_to
            if position > part.written:
                part.written = position
                rows.append((position, self._group, part.place, self._scope, _resource(part), self._member, part.epoch))
        if rows:
            db.executemany(ADVANCE, rows)

    def _drop(self, part: Part) -> None:
        self._parts.pop(part.where, None)
        self._by_place.pop(part.place, None)


def _offset(record: Record) -> int:
    return record.offset


def _resource(part: Part) -> str:
    return f"{part.where[0]}/{part.where[1]}"
