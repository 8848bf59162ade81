"""A member of a consumer group of the log in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from partita.bell import Bell
from partita.bus.held_partitions import Beat, Part, Positions, Where, resource_of, where_of
from partita.bus.leased_member import LeasedSubscription
from partita.bus.port import Record
from partita.bus.postgres.errors import of_the_bus
from partita.bus.postgres.listener import Ear
from partita.bus.postgres.reader import read
from partita.bus.postgres.topics import Topics
from partita.clock import Clock
from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database
from partita.databases.postgres.leases import LeaseBook
from partita.errors import BusError

# 0 = at the oldest existing record.
BEGIN = """
INSERT INTO partita_log.progress (grp, place, position) SELECT $1, place, 0 FROM unnest($2::bigint[]) AS p(place)
ON CONFLICT DO NOTHING
"""
POSITIONS = "SELECT place, position FROM partita_log.progress WHERE grp = $1 AND place = ANY($2::bigint[])"
# Compare and set: the position only moves forward, and only while this member holds the lease. Locked, so that a reset
# does not come between the look and the write.
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
LOOK_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The parts of a bus that its subscriptions use."""

    database: Database
    topics: Topics
    book: LeaseBook
    ear: Ear
    clock: Clock
    log: Callable[[], str]


class PostgresSubscription(LeasedSubscription):
    """See `partita.bus.port.Subscription`."""

    def __init__(self, ground: Ground, bell: Bell, *, group: str, topics: Sequence[str], member: str) -> None:
        super().__init__(group, member, bell)
        self._ground = ground
        self._topics = list(dict.fromkeys(topics))
        self._rung = True
        self._asked_at = float("-inf")
        self._stop_listening = ground.ear.listen(topics, self._woken)

    def _log(self) -> str:
        return self._ground.log()

    def _may_find(self) -> None:
        self._rung = True

    async def _read(self, count: int) -> list[Record]:
        """Ask the server only after a signal, or when the last look is old."""
        recent = self._ground.clock.monotonic() < self._asked_at + LOOK_S
        if not self._rung and recent and self._ground.ear.hears:
            return []
        asked = {part.place: part for part in self._parts.readable()}
        if not asked:
            return []
        after = [(place, part.read) for place, part in asked.items()]
        where = {place: part.where for place, part in asked.items()}
        self._rung, self._asked_at = False, self._ground.clock.monotonic()
        try:
            with of_the_bus():
                found = await read(self._ground.database, after, where, count)
        except BusError:
            self._rung = True
            raise
        if found.passed is not None:
            self._rung = True
            place, floor = found.passed
            raise self._passed(asked[place], floor)
        mine = self._parts.still(asked.values())
        records = [record for record in found.records if record.at in mine]
        for record in records:
            mine[record.at].mark.hand_out(record.offset)
        if found.records:
            self._rung = True  # there may be more
        return records

    async def keep(self) -> None:
        """Send a heartbeat, take partitions over, write positions: one statement without changes, two while records move."""
        self._ground.ear.keep()
        await super().keep()

    async def _beat(self) -> Beat:
        ground = self._ground
        with of_the_bus():
            if not ground.topics.knows(self._topics):
                await ground.topics.refresh()
            places = ground.topics.places(self._topics)
            resources = [resource_of(where) for where in places]
            async with ground.database.asking() as link:
                holding = await ground.book.read_holding(link, self._scope, resources, self._member)
                if holding is not None and not self._parts.unclaimed(holding):
                    moved = self._parts.moved()
                    await self._write(link, ADVANCE, moved)
                    return Beat(holding, (), moved)
            async with ground.database.writing(durable=False) as link:
                holding = await ground.book.tick(link, self._scope, resources, self._member)
                begun = await self._begin(link, self._parts.unclaimed(holding), places)
                moved = self._parts.moved()
                await self._write(link, ADVANCE, moved)
            return Beat(holding, begun, moved)

    async def _begin(self, link: Link, leases: dict[str, int], places: dict[Where, int]) -> list[Part]:
        """The partitions of these leases, each at the start of its work."""
        mine = {places[where]: (where, epoch) for name, epoch in leases.items() if (where := where_of(name)) in places}
        if not mine:
            return []
        await link.run(BEGIN, self._group, sorted(mine))
        positions = await link.rows(POSITIONS, self._group, sorted(mine))
        return [Part.begun(mine[place][0], place, mine[place][1], position) for place, position in positions]

    async def _give_back(self, parts: Sequence[Part], moved: Positions) -> None:
        with of_the_bus():
            async with self._ground.database.writing(durable=False) as link:
                await self._write(link, ADVANCE, moved)
                await self._ground.book.release(link, self._scope, [part.resource for part in parts], self._member)

    async def _leave(self, moved: Positions) -> None:
        with of_the_bus():
            async with self._ground.database.writing(durable=False) as link:
                await self._write(link, ADVANCE, moved)
                await self._ground.book.leave(link, self._scope, self._member)

    async def _put_back(self, part: Part, position: int) -> None:
        with of_the_bus():
            async with self._ground.database.writing(durable=False) as link:
                await self._write(link, REWIND, [(part, position)])

    async def _bounds(self, part: Part) -> tuple[int, int] | None:
        with of_the_bus():
            async with self._ground.database.asking() as link:
                row = await link.row(HEAD, part.place)
        return None if row is None else (row[0], row[1])

    async def _write(self, link: Link, statement: str, positions: Positions) -> None:
        if positions:
            rows = [(part.resource, part.epoch, part.place, position) for part, position in positions]
            await link.run(statement, self._scope, self._member, self._group, *columns(rows))
