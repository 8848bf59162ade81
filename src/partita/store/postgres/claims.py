"""Claims and attempts on PostgreSQL: which process may write the effects of a partition, and the records it has in hand."""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import UNSYNCED, Database
from partita.store.claims import PUT_BY_A_PERSON, InHand, Noted, check_epochs

# The weakest lock: transactions of one holder share it and may update what they have in hand. A take-over asks for the
# strongest lock, so it waits until all of them have ended.
CHECK = f"""
SELECT c.topic, c.partition, c.epoch FROM {unnest(2, topic="text", partition="bigint")}
JOIN claim AS c ON c.consumer = $1 AND c.topic = r.topic AND c.partition = r.partition ORDER BY c.topic, c.partition
"""
CHECK_LOCKED = f"{CHECK} FOR KEY SHARE OF c"
TAKE_OVER = "SELECT 1 FROM claim WHERE consumer = $1 AND topic = $2 AND partition = $3 FOR UPDATE"
# The holder may run a long handler; the process that claims has other work meanwhile.
SHORTLY = "SELECT set_config('lock_timeout', '100ms', true)"
CLAIM = """
INSERT INTO claim AS c (consumer, topic, partition, epoch, owner) VALUES ($1, $2, $3, 1, $4)
ON CONFLICT (consumer, topic, partition) DO UPDATE SET epoch = c.epoch + 1, owner = excluded.owner
RETURNING epoch, first, last
"""
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
PUT = "UPDATE claim SET log = $3, first = NULL, last = NULL WHERE consumer = $1 AND topic = $2"
COUNT = """
INSERT INTO attempt AS a (consumer, topic, partition, "offset", tries, failed) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (consumer, topic, partition, "offset")
DO UPDATE SET tries = a.tries + excluded.tries, failed = a.failed + excluded.failed RETURNING tries, failed
"""
SURVIVED = """
UPDATE attempt SET failed = failed + 1
WHERE consumer = $1 AND topic = $2 AND partition = $3 AND "offset" = $4 AND failed < tries
"""
FORGET = 'DELETE FROM attempt WHERE consumer = $1 AND topic = $2 AND partition = $3 AND "offset" = $4'


class PostgresClaims:
    """See `partita.store.claims.Claims`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        """Check that this process still holds each (topic, partition, epoch), and keep it so until this transaction ends."""
        if not held:
            return
        asked = columns([(topic, partition) for topic, partition, _ in held])
        rows = await self._link.rows(CHECK_LOCKED if self._link.writing else CHECK, consumer, *asked)
        check_epochs(consumer, held, {(row[0], row[1]): row[2] for row in rows})

    async def put(self, consumer: str, topic: str) -> None:
        """Accept the bus's position."""
        await self._link.run(PUT, consumer, topic, PUT_BY_A_PERSON)


class PostgresAttempts:
    """See `partita.store.claims.Attempts`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition."""
        async with self._database.writing(durable=False) as link:
            await link.rows(SHORTLY)
            await link.rows(TAKE_OVER, consumer, topic, partition)
            ((epoch, first, last),) = await link.rows(CLAIM, consumer, topic, partition, owner)
        return epoch, None if first is None else InHand(topic, partition, first, last)

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record that these records are about to be decoded and handled."""
        rows = sorted((*each, epoch) for each, epoch in zip(ranges, epochs, strict=True))
        if rows:
            async with self._database.stroke() as link:
                await link.run(TAKE, consumer, *columns(rows))

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a partition."""
        async with self._database.glance() as link:
            row = await link.row(NOTED, consumer, topic, partition)
        return Noted("", 0, 0) if row is None else Noted(row[0], row[1], row[2])

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record its log."""
        async with self._database.writing(durable=False) as link:
            await link.run(NOTE, consumer, topic, partition, log, reached)

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> tuple[int, int]:
        """Count tries, and those that were seen to fail."""
        async with self._database.writing(durable=False) as link:
            ((tries, failures),) = await link.rows(COUNT, consumer, topic, partition, offset, tried, failed)
        return tries, failures

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try did not kill its process."""
        async with self._database.writing(durable=False) as link:
            await link.run(SURVIVED, consumer, topic, partition, offset)

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Delete the count of a settled record."""
        async with self._database.writing(durable=False) as link:
            await link.run(FORGET, consumer, topic, partition, offset)
