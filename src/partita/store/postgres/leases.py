"""The leases of a store on PostgreSQL: each tick is a transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence

from partita.clock import Clock
from partita.databases.postgres.database import Database
from partita.databases.postgres.leases import LeaseBook
from partita.store.leases import Lease


class PostgresLeases:
    """See `partita.store.leases.Leases`. `token` names this opening of the store among its members."""

    def __init__(self, database: Database, clock: Clock, token: str, *, stale_s: float = 3.0) -> None:
        self._database = database
        self._book = LeaseBook(clock, token, stale_s=stale_s)

    async def tick(self, scope: str, resources: Sequence[str], member: str) -> Sequence[Lease]:
        """Send a heartbeat, eject members that are gone, claim free resources up to this member's share, release the others."""
        async with self._database.writing(durable=False) as link:
            held, surplus = await self._book.tick(link, scope, resources, member)
            if surplus:
                await self._book.release(link, scope, surplus, member)
        return [Lease(resource, epoch) for resource, epoch in sorted(held.items()) if resource not in surplus]

    async def beat(self, scope: str, member: str) -> None:
        """Send a heartbeat, and nothing else."""
        async with self._database.writing(durable=False) as link:
            await self._book.beat(link, scope, member)

    async def leave(self, scope: str, member: str) -> None:
        """Release everything."""
        async with self._database.writing(durable=False) as link:
            await self._book.leave(link, scope, member)

    async def leave_all(self) -> None:
        """Release everything at closing, so that no other member waits until these heartbeats are stale."""
        if self._book.ticked:
            async with self._database.writing(durable=False) as link:
                await self._book.leave_all(link)
