"""Claims on PostgreSQL: the fence, and the records that the holder of a partition has in hand."""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.arrays import unnest
from partita.databases.postgres.database import UNSYNCED
from partita.store.claims import PUT_BY_A_PERSON, Held, InHand, Noted
from partita.store.port import Asked
from partita.store.postgres.known import ask
from partita.store.postgres.ledger import PostgresLedger

TAKE_OVER = "SELECT 1 FROM claim WHERE consumer = $1 AND topic = $2 AND partition = $3 FOR UPDATE"
# The holder may run a long handler; the process that claims has other work meanwhile.
SHORTLY = "SELECT set_config('lock_timeout', '100ms', true)"
CLAIM = """
INSERT INTO claim AS c (consumer, topic, partition, epoch, owner) VALUES ($1, $2, $3, 1, $4)
ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = c.epoch + 1, owner = excluded.owner
RETURNING epoch, first, last
"""
# Of `Store.take`. A former holder changes nothing.
TAKE = f"""
UPDATE claim AS c SET first = r.first, last = r.last, reached = greatest(c.reached, r.last + 1)
FROM {unnest(2, topic="text", partition="bigint", first="bigint", last="bigint", epoch="bigint")}
WHERE c.consumer = $1 AND c.topic = r.topic AND c.partition = r.partition AND c.epoch = r.epoch
RETURNING {UNSYNCED}
"""
NOTED = """
SELECT log, least(coalesce(first, reached), reached), reached FROM claim
WHERE consumer = $1 AND topic = $2 AND partition = $3
"""
NOTE = """
UPDATE claim SET log = $4, reached = $5, first = NULL, last = NULL WHERE consumer = $1 AND topic = $2 AND partition = $3
"""
PUT = """
INSERT INTO claim (consumer, topic, partition, epoch, owner, log) SELECT $1, $2, p, 0, '', $4 FROM unnest($3::bigint[]) AS p
ON CONFLICT (consumer, topic, partition) DO UPDATE SET log = excluded.log, first = NULL, last = NULL
"""


class PostgresClaims(PostgresLedger):
    """See `partita.store.claims.Claims`."""

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition."""
        await self._link.rows(SHORTLY)
        await self._link.rows(TAKE_OVER, consumer, topic, partition)
        ((epoch, first, last),) = await self._link.rows(CLAIM, consumer, topic, partition, owner)
        return epoch, None if first is None else InHand(topic, partition, first, last)

    async def check(self, consumer: str, held: Held) -> None:
        """Check that this process still holds each of these, and keep it so until this transaction ends."""
        if held:
            await ask(self._link, Asked(consumer, held, (), (), (), ()))

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a partition."""
        row = await self._link.row(NOTED, consumer, topic, partition)
        return Noted("", 0, 0) if row is None else Noted(row[0], row[1], row[2])

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record its log."""
        await self._link.run(NOTE, consumer, topic, partition, log, reached)

    async def put(self, consumer: str, topic: str, partitions: Sequence[int]) -> None:
        """Accept the bus's position."""
        await self._link.run(PUT, consumer, topic, sorted(partitions), PUT_BY_A_PERSON)
