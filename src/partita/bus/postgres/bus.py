"""The log in PostgreSQL: topics, partitions and consumer groups in a schema that any number of machines share."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from partita.bell import Bell
from partita.bus.features import Feature
from partita.bus.port import Fence, GroupLag, Moved, Outgoing, Reading, Record, Subscription, TopicSpec
from partita.bus.position import Origin, Position, no_partition
from partita.bus.postgres.errors import of_the_bus
from partita.bus.postgres.groups import forget, lag, reset
from partita.bus.postgres.identity import identity_of
from partita.bus.postgres.listener import Ear
from partita.bus.postgres.reader import history, read_from
from partita.bus.postgres.registry import PostgresRegistry
from partita.bus.postgres.schema import MIGRATIONS
from partita.bus.postgres.subscription import Ground, PostgresSubscription
from partita.bus.postgres.topics import Topics
from partita.bus.postgres.trimming import trim
from partita.bus.postgres.writer import Writer
from partita.databases.postgres.database import Database
from partita.databases.postgres.leases import LeaseBook
from partita.databases.postgres.log_tables import SCHEMA, PostgresLogTables
from partita.errors import NotFound, StoreMismatch, StoreUnavailable
from partita.machine.port import Machine

WHOSE = "SELECT value FROM partita_log.partita_meta WHERE name = 'service'"


class PostgresBus:
    """See `partita.bus.port.Bus`. Any number of processes, on any machines, may open the same log."""

    features = (
        Feature.KEY_ORDER
        | Feature.PARTITIONS
        | Feature.OFFSETS
        | Feature.DENSE_OFFSETS
        | Feature.REPLAY
        | Feature.LAG
        | Feature.FENCING
    )

    def __init__(self, url: str, machine: Machine, *, create: bool = True, migrate: bool = True) -> None:
        clock = self._clock = machine.clock
        self._database = Database(url, SCHEMA, clock, create=create, migrate=migrate)
        self.registry = PostgresRegistry(self._database)
        self._topics = Topics(self._database)
        self._writer = Writer(self._database, self._topics)
        self._ear = Ear(self._database, self._topics, clock)
        self._book = LeaseBook(clock, machine.ids.new(), schema=SCHEMA)
        self._ground = Ground(
            database=self._database,
            topics=self._topics,
            book=self._book,
            ear=self._ear,
            clock=clock,
            log=lambda: self._identity,
        )
        self._ids = machine.ids
        self._identity = ""

    async def identity(self) -> str:
        """The identity of this log, and how often it was restored."""
        return self._identity

    @property
    def tables(self) -> PostgresLogTables:
        """The tables of this log."""
        return PostgresLogTables(self._database)

    async def open(self) -> None:
        """Connect, check and migrate."""
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._database.close)
            with of_the_bus():
                await self._open_database()
                async with self._database.asking() as link:
                    whose = await link.row(WHOSE)
                if whose is None or whose[0] != "(the log)":
                    raise StoreMismatch(
                        f"{self._database.where}: the schema {SCHEMA} is a service's, not the log's.",
                        hint="It was not touched. Choose another database, or another name for the service.",
                    )
                self._identity = await identity_of(self._database, self._ids.new()[-12:])
                await self._topics.refresh()
            await self._ear.open()
            undo.pop_all()

    async def _open_database(self) -> None:
        try:
            await self._database.open(MIGRATIONS)
        except NotFound:
            raise NotFound(
                f"{self._database.where}: there is no log.",
                hint="Name its database in PARTITA_BUS, or start the system.",
            ) from None

    async def close(self) -> None:
        """Disconnect, and release the leases of this opening."""
        await self._ear.close()
        if self._book.ticked:
            with contextlib.suppress(StoreUnavailable):
                async with self._database.writing(durable=False) as link:
                    await self._book.leave_all(link)
        await self._database.close()

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that do not exist."""
        self._topics.specs.declare(topics)
        with of_the_bus():
            await self._topics.ensure(topics)

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """The number of partitions of each of these topics."""
        with of_the_bus():
            await self._topics.refresh()
        return self._topics.counts(topics)

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append durably, in order."""
        with of_the_bus():
            return await self._writer.append(records, fences)

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Subscription:
        """Join a consumer group; missing topics are joined once they exist."""
        return PostgresSubscription(self._ground, bell or Bell(), group=group, topics=topics, member=member)

    async def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """The records of these topics since then."""
        with of_the_bus():
            await self._topics.refresh()
            for (topic, partition), place in self._topics.places(topics).items():
                async for records in history(self._database, (topic, partition), place, since_us):
                    yield records

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """At most `limit` records of a partition from a position on."""
        where = (topic, partition)
        with of_the_bus():
            if where not in self._topics.places([topic]):
                await self._topics.refresh()
            place = self._topics.places([topic]).get(where)
            origin = Origin(self._identity, topic, partition)
            found = None if place is None else await read_from(self._database, origin, place, position, limit)
        if found is None:
            raise no_partition(self._database.where, topic, partition)
        return found

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Move a group to the start or the end of a topic."""
        with of_the_bus():
            return await reset(self._database, group, topic, to_start)

    async def forget(self, group: str) -> int:
        """Forget the positions of a group that no longer exists."""
        with of_the_bus():
            return await forget(self._database, self._book, self._clock, group)

    async def answers(self) -> None:
        """Return when the server answers."""
        with of_the_bus():
            async with self._database.asking() as link:
                await link.row("SELECT 1")

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """The positions of groups."""
        with of_the_bus():
            return await lag(self._database, group)

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Delete at most `limit` records past their topic's retention that every group has handled.

        The server's clock decides their age: of `now_us` only its lead over this process's own clock counts.
        """
        with of_the_bus():
            return await trim(self._database, now_us - self._clock.now_us(), limit)
