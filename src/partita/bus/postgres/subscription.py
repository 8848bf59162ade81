"""A member's part in a consumer group of the log in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partita.bus.part import Part
from partita.bus.port import Polled, Record, Stand
from partita.bus.postgres.ear import Ear
from partita.bus.postgres.errors import of_the_bus
from partita.bus.postgres.reader import read
from partita.bus.postgres.topics import Topics, Where
from partita.bus.watermark import Watermark
from partita.clock import Clock
from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database
from partita.databases.postgres.leases import Holding, LeaseBook
from partita.errors import BusError

# 0 = at the oldest record that is there.
BEGIN = """
INSERT INTO partita_log.progress (grp, place, position) SELECT $1, place, 0 FROM unnest($2::bigint[]) AS p(place)
ON CONFLICT DO NOTHING
"""
POSITIONS = "SELECT place, position FROM partita_log.progress WHERE grp = $1 AND place = ANY($2::bigint[])"
# Compare and set: the position only moves forward, and only while the lease is still this member's. Locked, so that a
# reset does not come between the look and the write.
ADVANCE = f"""
WITH mine AS MATERIALIZED (
    SELECT resource, epoch FROM partita_log.lease WHERE scope = $1 AND owner = $2 AND resource = ANY($4::text[])
    ORDER BY resource FOR SHARE
)
UPDATE partita_log.progress AS g SET position = greatest(g.position, r.position)
FROM {unnest(4, resource="text", epoch="bigint", place="bigint", position="bigint")}
JOIN mine ON mine.resource = r.resource AND mine.epoch = r.epoch
WHERE g.grp = $3 AND g.place = r.place RETURNING set_config('synchronous_commit', 'off', true)
"""
REWIND = ADVANCE.replace("greatest(g.position, r.position)", "r.position")
HEAD = "SELECT head, floor FROM partita_log.place WHERE place = $1"
IN_FLIGHT_MAX = 10_000
LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the subscriptions of a bus stand on."""

    database: Database
    topics: Topics
    book: LeaseBook
    ear: Ear
    clock: Clock
    log: Callable[[], str]


class PostgresSubscription:
    """See `partita.bus.port.Subscription`."""

    def __init__(self, ground: Ground, *, group: str, topics: Sequence[str], member: str) -> None:
        self.on_wake: Callable[[], None] = lambda: None
        self._ground = ground
        self._group = group
        self._topics = list(dict.fromkeys(topics))
        self._scope = f"group:{group}"
        self._member = member
        self._parts: dict[Where, Part] = {}
        self._news: tuple[list[Where], list[Where]] = ([], [])
        # Who joins, keeps, gives back or leaves does so alone: a heartbeat that is under way must not join a group again
        # that was left meanwhile.
        self._membership = asyncio.Lock()
        self._joined = False
        self._closed = False
        self._turn = 0
        self._rung = True
        self._asked_at = float("-inf")
        self._stop_listening = ground.ear.listen(topics, self._woken)

    def _woken(self) -> None:
        self._rung = True
        self.on_wake()

    async def poll(self, count: int) -> Polled:
        """At most `count` waiting records of the partitions held.

        Nobody is asked while nothing was heard of and the last look is recent.
        """
        if not self._joined:
            await self.keep()
        records = await self._read(count) if count > 0 and self._may_find() else []
        # Taken last: a read that fails must not lose them.
        (assigned, revoked), self._news = self._news, ([], [])
        return Polled(records, assigned, revoked)

    def _may_find(self) -> bool:
        recent = self._ground.clock.monotonic() < self._asked_at + LOOK_S
        return self._rung or not (recent and self._ground.ear.hears)

    async def _read(self, count: int) -> list[Record]:
        held = [p for p in self._parts.values() if not (p.leaving or p.paused) and p.mark.open < IN_FLIGHT_MAX]
        if not held:
            return []
        self._turn += 1
        shift = self._turn % len(held)
        asked = {part.place: part for part in held[shift:] + held[:shift]}
        after = {place: part.read for place, part in asked.items()}
        self._rung, self._asked_at = False, self._ground.clock.monotonic()
        try:
            with of_the_bus():
                where = {place: part.where for place, part in asked.items()}
                found = await read(self._ground.database, list(after.items()), where, count)
        except BusError:
            self._rung = True
            raise
        if found.passed is not None:
            self._rung = True
            self._tell(asked[found.passed[0]], found.passed[1])
        # While the server answered, a partition may have gone, or gone and come back.
        mine = {p.where: p for p in asked.values() if self._parts.get(p.where) is p and not (p.leaving or p.paused)}
        records = [record for record in found.records if record.at in mine]
        for record in records:
            mine[record.at].mark.hand_out(record.offset)
        if found.records:
            self._rung = True  # there may be more
        return records

    def _tell(self, part: Part, floor: int) -> None:
        raise BusError(
            f"{self._group} stands at {part.read} of {part.where}, records up to {floor} were deleted.",
            hint="They are lost to this group; reset it to the floor when that is accepted.",
        )

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
                self._rung = True

    async def stand(self, partition: Where) -> Stand | None:
        """Where the group stands."""
        part = self._parts.get(partition)
        if part is None:
            return None
        with of_the_bus():
            async with self._ground.database.asking() as link:
                row = await link.row(HEAD, part.place)
        if row is None:
            return None
        head, floor = row
        return Stand(self._ground.log(), part.written + 1, floor + 1, head + 1, floor > 0)

    async def rewind(self, partition: Where, offset: int) -> None:
        """Hand out again from this offset on."""
        async with self._membership:
            part = self._parts.get(partition)
            if part is None:
                return
            rows = [(_resource(part.where), part.epoch, part.place, offset - 1)]
            with of_the_bus():
                async with self._ground.database.writing(durable=False) as link:
                    await link.run(REWIND, self._scope, self._member, self._group, *columns(rows))
            part.mark, part.written = Watermark(offset), offset - 1
            self._rung = True

    async def release(self, partitions: Sequence[Where]) -> None:
        """The caller no longer works on these."""
        async with self._membership:
            await self._release(partitions)

    async def _release(self, partitions: Sequence[Where]) -> None:
        # One that came back meanwhile is held anew, and not given back by this.
        gone = [p for where in partitions if (p := self._parts.get(where)) is not None and p.leaving]
        if not gone:
            return
        with of_the_bus():
            async with self._ground.database.writing(durable=False) as link:
                moved = await self._advance(link, gone)
                await self._ground.book.release(link, self._scope, [_resource(p.where) for p in gone], self._member)
        _written(moved)
        for part in gone:
            del self._parts[part.where]

    async def keep(self) -> None:
        """Heartbeat, take-over, position write: one statement while nothing moves, two while records do."""
        self._ground.ear.keep()
        async with self._membership:
            if not self._closed and await self._keep():
                self._rung = True
                self.on_wake()

    async def _keep(self) -> bool:
        """Whether partitions came or must go."""
        ground = self._ground
        with of_the_bus():
            if not ground.topics.knows(self._topics):
                await ground.topics.look()
            places = ground.topics.places(self._topics)
            resources = [_resource(where) for where in places]
            async with ground.database.asking() as link:
                holding = await ground.book.look(link, self._scope, resources, self._member)
                calm = holding is not None and not self._new(holding)
                if calm:
                    _written(await self._advance(link, list(self._parts.values())))
            begun: dict[str, int] = {}
            if holding is None or not calm:
                async with ground.database.writing(durable=False) as link:
                    holding = await ground.book.tick(link, self._scope, resources, self._member)
                    begun = await self._begin(link, self._new(holding), places)
                    moved = await self._advance(link, list(self._parts.values()))
                _written(moved)
        self._joined = True
        return self._take(holding, begun, places)

    def _new(self, holding: Holding) -> list[str]:
        """What is held and not worked on yet, or was lost and claimed again."""
        known = {_resource(part.where): part.epoch for part in self._parts.values()}
        return [resource for resource, epoch in holding.held.items() if known.get(resource) != epoch]

    async def _begin(self, link: Link, resources: Sequence[str], places: dict[Where, int]) -> dict[str, int]:
        """Where work begins, by resource."""
        mine = {places[where]: resource for resource in resources if (where := _where(resource)) in places}
        if not mine:
            return {}
        await link.run(BEGIN, self._group, sorted(mine))
        return {mine[place]: at for place, at in await link.rows(POSITIONS, self._group, sorted(mine))}

    def _take(self, holding: Holding, begun: dict[str, int], places: dict[Where, int]) -> bool:
        """Take up what came, drop what is lost, announce what another member should have; whether there is news."""
        assigned, revoked = self._news
        before = len(assigned) + len(revoked)
        for resource, position in begun.items():
            where = _where(resource)
            if where in self._parts:
                revoked.append(where)
            mark = Watermark(position + 1)
            self._parts[where] = Part(where, places[where], holding.held[resource], mark, position)
            assigned.append(where)
        for part in list(self._parts.values()):
            resource = _resource(part.where)
            if resource not in holding.held:
                del self._parts[part.where]
                revoked.append(part.where)
            elif resource in holding.surplus and not part.leaving:
                part.leaving = True
                revoked.append(part.where)
        return len(assigned) + len(revoked) > before

    async def close(self) -> None:
        """Write the position and leave the group."""
        self._stop_listening()
        async with self._membership:
            if self._closed:
                return
            self._closed = True
            parts = list(self._parts.values())
            self._parts.clear()
            if self._joined:
                with of_the_bus():
                    async with self._ground.database.writing(durable=False) as link:
                        await self._advance(link, parts)
                        await self._ground.book.leave(link, self._scope, self._member)

    async def _advance(self, link: Link, parts: Sequence[Part]) -> list[tuple[Part, int]]:
        """Write the positions; returns those that are written when this commits."""
        moved = [(part, part.done_to) for part in parts if part.done_to > part.written]
        if not moved:
            return []
        rows = [(_resource(part.where), part.epoch, part.place, position) for part, position in moved]
        await link.run(ADVANCE, self._scope, self._member, self._group, *columns(rows))
        return moved


def _written(moved: Sequence[tuple[Part, int]]) -> None:
    for part, position in moved:
        part.written = position


def _resource(where: Where) -> str:
    return f"{where[0]}/{where[1]}"


def _where(resource: str) -> Where:
    topic, _, number = resource.rpartition("/")
    return (topic, int(number))
