"""Leases in PostgreSQL: which member of a scope works on which resource, fenced by epochs."""

from __future__ import annotations

from collections.abc import Sequence

from partita.clock import Clock
from partita.store.port import Lease
from partita.store.postgres.asking import Link
from partita.store.postgres.database import Database

# Members look at a scope one at a time: what a member sees is still so when it takes.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/leases/' || $1, 0))"
BEAT = """
INSERT INTO lease_member AS m (scope, member, token, beat) VALUES ($1, $2, $3, 1)
ON CONFLICT (scope, member) DO UPDATE SET beat = m.beat + 1, token = excluded.token
"""
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
EJECT_ALL = "DELETE FROM lease_member WHERE token = $1"


class PostgresLeases:
    """See `partita.store.port.Leases`. `token` names this opening of the store among its members."""

    def __init__(self, database: Database, clock: Clock, token: str, *, stale_s: float = 3.0) -> None:
        self._database = database
        self._clock = clock
        self._token = token
        self._stale_s = stale_s
        self._observed: dict[tuple[str, str], tuple[str, int, float]] = {}
        self._ticked = False

    async def tick(self, scope: str, resources: Sequence[str], member: str) -> Sequence[Lease]:
        """Heartbeat, eject who is gone, claim what is this member's share and free, give back what is not."""
        self._ticked = True
        async with self._database.writing(durable=False) as link:
            await link.rows(LOCK, scope)
            await link.run(BEAT, scope, member, self._token)
            members = await self._living(link, scope, member)
            share = {r for i, r in enumerate(sorted(resources)) if members[i % len(members)] == member}
            held: dict[str, int] = {row[0]: row[1] for row in await link.rows(HELD, scope, member)}
            if share - held.keys():
                claimed = await link.rows(CLAIM, scope, sorted(share - held.keys()), member)
                held.update({row[0]: row[1] for row in claimed})
            if held.keys() - share:
                await link.run(RELEASE, scope, sorted(held.keys() - share), member)
        return [Lease(resource, epoch) for resource, epoch in sorted(held.items()) if resource in share]

    async def leave(self, scope: str, member: str) -> None:
        """Give everything back."""
        async with self._database.writing(durable=False) as link:
            await link.rows(LOCK, scope)
            await self._eject(link, scope, [member])

    async def leave_all(self) -> None:
        """The store is closed: nobody need wait until the heartbeats of its members are stale."""
        if self._ticked:
            async with self._database.writing(durable=False) as link:
                await link.run(FREE_ALL, self._token)
                await link.run(EJECT_ALL, self._token)

    async def _living(self, link: Link, scope: str, me: str) -> list[str]:
        now = self._clock.monotonic()
        living: list[str] = []
        gone: list[str] = []
        for member, token, beat in await link.rows(MEMBERS, scope):
            is_gone = member != me and self._is_gone((scope, member), token, beat, now)
            (gone if is_gone else living).append(member)
        if gone:
            await self._eject(link, scope, gone)
        return living

    async def _eject(self, link: Link, scope: str, members: list[str]) -> None:
        await link.run(FREE, scope, members)
        await link.run(EJECT, scope, members)

    def _is_gone(self, who: tuple[str, str], token: str, beat: int, now: float) -> bool:
        last_token, last_beat, since = self._observed.get(who, ("", -1, now))
        if (token, beat) != (last_token, last_beat):
            self._observed[who] = (token, beat, now)
            return False
        return now - since > self._stale_s
