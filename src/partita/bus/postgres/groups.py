"""Consumer groups for people: lag, reset, forget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from partita.bus.forgetting import LOOK_AGAIN_S, has_members
from partita.bus.port import GroupLag, Moved
from partita.clock import Clock
from partita.databases.postgres.arrays import told
from partita.databases.postgres.database import Database
from partita.databases.postgres.leases import LeaseBook

# Offsets are dense, so lag is a subtraction. A position of 0 is the oldest existing record. A member without a
# heartbeat for five seconds is gone: it is listed until another member looks.
LAG = """
SELECT g.grp, t.name, p.partition, greatest(g.position, p.floor) + 1, p.head,
       greatest(p.head - greatest(g.position, p.floor), 0), m.member,
       (SELECT r.appended_us FROM partita_log.record AS r
        WHERE r.place = p.place AND r.position > greatest(g.position, p.floor) ORDER BY r.position LIMIT 1)
FROM partita_log.progress AS g
JOIN partita_log.place AS p ON p.place = g.place JOIN partita_log.topic AS t ON t.topic = p.topic
LEFT JOIN partita_log.lease AS l ON l.scope = 'group:' || g.grp AND l.resource = t.name || '/' || p.partition
LEFT JOIN partita_log.lease_member AS m ON m.scope = l.scope AND m.member = l.owner
  AND m.beat_us > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 5000000
WHERE $1::text IS NULL OR g.grp = $1 ORDER BY g.grp, t.name, p.partition
"""
# A new epoch: the holder of the partition starts again from the new position.
RECLAIM = "UPDATE partita_log.lease SET owner = NULL WHERE scope = $1 AND starts_with(resource, $2)"
RESET = """
UPDATE partita_log.progress AS g SET position = CASE WHEN $3 THEN 0 ELSE p.head END
FROM partita_log.place AS p JOIN partita_log.topic AS t ON t.topic = p.topic
WHERE g.grp = $1 AND t.name = $2 AND g.place = p.place
"""

# Locked, so that no member writes its position between the look and the reset.
STANDS = """
SELECT p.partition, greatest(g.position, p.floor) + 1
FROM partita_log.progress AS g
JOIN partita_log.place AS p ON p.place = g.place JOIN partita_log.topic AS t ON t.topic = p.topic
WHERE g.grp = $1 AND t.name = $2 ORDER BY p.partition FOR UPDATE OF g
"""
FORGET = "DELETE FROM partita_log.progress WHERE grp = $1"


async def lag(database: Database, group: str | None) -> Sequence[GroupLag]:
    """The positions of groups."""
    async with database.asking() as link:
        return [GroupLag._make(map(told, row)) for row in await link.rows(LAG, group)]


async def reset(database: Database, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
    """Move a group to the start or the end of a topic."""
    async with database.writing() as link:
        await link.run(RECLAIM, f"group:{group}", f"{topic}/")
        before = dict(await link.rows(STANDS, group, topic))
        await link.run(RESET, group, topic, to_start)
        return [
            Moved(partition, before[partition], after) for partition, after in await link.rows(STANDS, group, topic)
        ]


async def forget(database: Database, book: LeaseBook, clock: Clock, group: str) -> int:
    """Forget the positions of a group without members."""
    before, moved = frozenset[tuple[Any, ...]](), False
    while not moved:
        async with database.writing() as link:
            now = await book.beats(link, f"group:{group}")
            if not now:
                return await link.run(FORGET, group)
        moved, before = bool(before) and not now <= before, now
        await clock.sleep(LOOK_AGAIN_S)
    raise has_members(database.where, group)
