"""Leases in a PostgreSQL schema: which member of a scope works on which resource, fenced by epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from partita.clock import Clock
from partita.databases.leases import Heartbeats, Holding, holding_of, share_of

if TYPE_CHECKING:
    from partita.databases.postgres.asking import Link

LEASE_TABLES = """
CREATE TABLE lease_member (
    scope TEXT NOT NULL, member TEXT NOT NULL, token TEXT NOT NULL, beat BIGINT NOT NULL,
    beat_us BIGINT NOT NULL, PRIMARY KEY (scope, member)
) WITH (fillfactor = 50);
CREATE TABLE lease (
    scope TEXT NOT NULL, resource TEXT NOT NULL, owner TEXT, epoch BIGINT NOT NULL, PRIMARY KEY (scope, resource)
) WITH (fillfactor = 50);
"""

# Members tick one at a time in a scope: nothing changes between what a member reads and its claim.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/leases/' || $1, 0))"
# For people: members compare only the number, and how long it has not moved by their own clock.
NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
BEAT = f"""
INSERT INTO lease_member AS m (scope, member, token, beat, beat_us) VALUES ($1, $2, $3, 1, {NOW_US})
ON CONFLICT (scope, member) DO UPDATE SET beat = m.beat + 1, token = excluded.token, beat_us = excluded.beat_us
"""
BEAT_AGAIN = (
    f"UPDATE lease_member SET beat = beat + 1, beat_us = {NOW_US} WHERE scope = $1 AND member = $2 AND token = $3"
)
MEMBERS = "SELECT member, token, beat FROM lease_member WHERE scope = $1 ORDER BY member"
EJECT = "DELETE FROM lease_member WHERE scope = $1 AND member = ANY($2::text[])"
FREE = "UPDATE lease SET owner = NULL WHERE scope = $1 AND owner = ANY($2::text[])"
RELEASE = "UPDATE lease SET owner = NULL WHERE scope = $1 AND resource = ANY($2::text[]) AND owner = $3"
HELD = "SELECT resource, epoch FROM lease WHERE scope = $1 AND owner = $2"
CLAIM = """
INSERT INTO lease AS l (scope, resource, owner, epoch)
SELECT $1, resource, $3, 1 FROM unnest($2::text[]) AS r(resource) ORDER BY resource
ON CONFLICT (scope, resource) DO UPDATE SET owner = excluded.owner, epoch = l.epoch + 1 WHERE l.owner IS NULL
RETURNING resource, epoch
"""
FREE_ALL = """
UPDATE lease AS l SET owner = NULL FROM lease_member AS m
WHERE m.token = $1 AND l.scope = m.scope AND l.owner = m.member
"""
# Outside a transaction, so it names the schema and sets by itself that its commit need not wait for the disk.
READ_HOLDING = """
WITH beaten AS (
    UPDATE {schema}.lease_member SET beat = beat + 1, beat_us = {now_us} WHERE scope = $1 AND member = $2 AND token = $3
    RETURNING set_config('synchronous_commit', 'off', true)
)
SELECT member, token, beat FROM {schema}.lease_member WHERE scope = $1
UNION ALL SELECT resource, NULL, epoch FROM {schema}.lease WHERE scope = $1 AND owner = $2
"""
EJECT_ALL = "DELETE FROM lease_member WHERE token = $1"


class LeaseBook:
    """One process's view of the leases in a schema; every method runs inside a writing transaction of the caller.
    `token` names this opening of the schema among its members; `schema` is only needed to `read_holding`."""

    def __init__(self, clock: Clock, token: str, *, stale_s: float = 3.0, schema: str = "") -> None:
        self._heartbeats = Heartbeats(clock, stale_s)
        self._token = token
        self._read_holding = READ_HOLDING.format(schema=schema, now_us=NOW_US)
        self.ticked = False

    async def tick(self, link: Link, scope: str, resources: Sequence[str], member: str) -> Holding:
        """Send a heartbeat, eject members that are gone, claim free resources up to this member's share."""
        self.ticked = True
        await link.rows(LOCK, scope)
        await link.run(BEAT, scope, member, self._token)
        members = await self._living(link, scope, member)
        share = share_of(member, members, resources)
        held: dict[str, int] = {row[0]: row[1] for row in await link.rows(HELD, scope, member)}
        if share - held.keys():
            claimed = await link.rows(CLAIM, scope, sorted(share - held.keys()), member)
            held.update({row[0]: row[1] for row in claimed})
        return holding_of(held, share)

    async def read_holding(self, link: Link, scope: str, resources: Sequence[str], member: str) -> Holding | None:
        """Send a heartbeat and read the holding, in one statement outside a transaction; None if something has to change,
        which needs a `tick`. So a member of a calm scope costs one statement."""
        held: dict[str, int] = {}
        seen: list[tuple[str, str, int]] = []
        for name, token, number in await link.rows(self._read_holding, scope, member, self._token):
            if token is None:
                held[name] = number
            else:
                seen.append((name, token, number))
        living, gone = self._sorted(scope, member, sorted(seen))
        share = share_of(member, living, resources)
        if gone or member not in living or share - held.keys():
            return None
        return holding_of(held, share)

    async def beat(self, link: Link, scope: str, member: str) -> None:
        """Send the heartbeat of a member, if it still is one."""
        await link.run(BEAT_AGAIN, scope, member, self._token)

    async def release(self, link: Link, scope: str, resources: Sequence[str], member: str) -> None:
        """Release these resources."""
        await link.run(RELEASE, scope, sorted(resources), member)

    async def leave(self, link: Link, scope: str, member: str) -> None:
        """Release everything and leave the scope."""
        await link.rows(LOCK, scope)
        await self._eject(link, scope, [member])

    async def beats(self, link: Link, scope: str) -> frozenset[tuple[Any, ...]]:
        """The members of a scope with their last heartbeats. Eject members whose heartbeat has not moved for several looks."""
        await link.rows(LOCK, scope)
        await self._living(link, scope, "")
        return frozenset(map(tuple, await link.rows(MEMBERS, scope)))

    async def leave_all(self, link: Link) -> None:
        """Let every member of this opening leave, so that no other member waits until their heartbeats are stale."""
        await link.run(FREE_ALL, self._token)
        await link.run(EJECT_ALL, self._token)

    async def _living(self, link: Link, scope: str, me: str) -> list[str]:
        living, gone = self._sorted(scope, me, await link.rows(MEMBERS, scope))
        if gone:
            await self._eject(link, scope, gone)
        return living

    def _sorted(self, scope: str, me: str, members: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[str]]:
        living: list[str] = []
        gone: list[str] = []
        for member, token, beat in members:
            is_gone = member != me and self._heartbeats.stands_still(scope, member, (token, beat))
            (gone if is_gone else living).append(member)
        return living, gone

    async def _eject(self, link: Link, scope: str, members: list[str]) -> None:
        await link.run(FREE, scope, members)
        await link.run(EJECT, scope, members)
