"""`PostgresStore`: one service's schema in a PostgreSQL database, with its ledgers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from partita.bell import Bell
from partita.clock import US, Renewed
from partita.databases.log_tables import LogTables
from partita.databases.postgres.arrays import columns
from partita.databases.postgres.asking import ERRORS, Link, replaced
from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import LOCK
from partita.databases.postgres.naming import outbox_channel, quoted
from partita.databases.postgres.place import MAY_ASK_PLACE, PLACE
from partita.databases.postgres.pooler import is_heard
from partita.databases.postgres.tables import PostgresOwnTables
from partita.errors import StoreContended, StoreMismatch, StoreReplaced, StoreUnavailable
from partita.machine.port import Machine
from partita.migrations.own_tables import OwnTables, Tables
from partita.settings.address import without_secrets
from partita.store.claims import InHand
from partita.store.known import ledger_by_ledger
from partita.store.port import Asked, Known
from partita.store.postgres.claims import TAKE, PostgresClaims
from partita.store.postgres.dead_letters import PostgresDeadLetters
from partita.store.postgres.groups import PostgresGroups
from partita.store.postgres.identity import META, source_of
from partita.store.postgres.inbox import PostgresInbox
from partita.store.postgres.key_rows import PostgresKeyRows
from partita.store.postgres.known import PostgresKnown
from partita.store.postgres.leases import PostgresLeases
from partita.store.postgres.log_beside import LogBeside
from partita.store.postgres.operations import PostgresOperations
from partita.store.postgres.outbox import SENT, PostgresOutbox
from partita.store.postgres.outbox_columns import NOW_US
from partita.store.postgres.parking import PostgresParking
from partita.store.postgres.pending import PostgresPending
from partita.store.postgres.sagas import PostgresSagas
from partita.store.postgres.schema import MIGRATIONS
from partita.store.postgres.statements import Statements
from partita.store.postgres.tombstones import PostgresTombstones
from partita.store.postgres.trail import PostgresTrail
from partita.store.postgres.tries import PostgresTries
from partita.store.postgres.workers import PostgresWorkers
from partita.store.sequences import Sequences
from partita.texts.foreign_text import logger

log = logger(__name__)

ASK_CLOCK_EVERY_S = 1.0
CLOCK_OLD_S = 3.0
LISTEN_AGAIN_AFTER_S = 5.0
LOCK_AFTER_S = 10.0
"""How long keys are locked before they are numbered, after transactions were in each other's way: a lock waits, where a
transaction without it would be done again."""
DEAF: set[str] = set()
"""The URLs at which this process found that no notification arrives."""

# A deferred constraint takes locks when it is checked: before those of keys and of the log, or two commits could wait for each
# other.
CHECK = "SET CONSTRAINTS ALL IMMEDIATE"
SET_META = (
    "INSERT INTO partita_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
NEWEST = """
SELECT greatest(coalesce((SELECT at_us FROM inbox ORDER BY seq DESC LIMIT 1), 0),
                coalesce((SELECT at_us FROM outbox ORDER BY seq DESC LIMIT 1), 0))
"""
TIME = f"SELECT {NOW_US}"
TIME_AND_PLACE = f"SELECT {NOW_US}, ({PLACE})"


def _nothing() -> None:
    """For sessions that only read."""


class PostgresSession:
    """See `partita.store.port.Session`. `added` is called when outbox rows were queued; `locks_keys`: it numbers no key without
    its lock."""

    def __init__(
        self,
        link: Link,
        statements: Statements,
        source: str,
        beside: LogBeside,
        added: Callable[[], None] = _nothing,
        locks_keys: bool = True,
    ) -> None:
        self._link = link
        self._statements = statements
        self._savepoints = 0
        self.inbox = PostgresInbox(link)
        self._within = within = beside.within(link) if link.writing else None
        self._written = written = beside.written(link)
        self.sequences = Sequences(PostgresKeyRows(link, source, within))
        self.outbox = PostgresOutbox(link, added, written, within)
        self.sagas = PostgresSagas(link)
        self._known = PostgresKnown(link, self.sequences, self.sagas, within=within is not None, free=not locks_keys)
        self.tombstones = PostgresTombstones(link)
        self.parking = PostgresParking(link)
        self.claims = PostgresClaims(link)

    async def end(self) -> None:
        """Do the last work, all of it in one message with the COMMIT: the numbers of keys, then the messages."""
        await self.sequences.write(last=True)
        if self._within is not None:
            self._within.write()
        if self._link.last:
            self._link.last.insert(0, CHECK)

    @property
    def left(self) -> int:
        """How many messages go into the log with the commit."""
        return 0 if self._within is None else self._within.count

    @property
    def groups(self) -> PostgresGroups:
        """See the port."""
        return PostgresGroups(self._link)

    @property
    def operations(self) -> PostgresOperations:
        """See the port."""
        return PostgresOperations(self._link)

    @property
    def dead_letters(self) -> PostgresDeadLetters:
        """See the port."""
        return PostgresDeadLetters(self._link)

    @property
    def pending(self) -> PostgresPending:
        """See the port."""
        return PostgresPending(self._link)

    @property
    def trail(self) -> PostgresTrail:
        """See the port."""
        return PostgresTrail(self._link, self._written)

    async def read_known(self, asked: Asked) -> Known:
        """The answers for admission, in one round trip that locks what it reads; a second one where a key is parked."""
        if not self._link.writing:
            return await ledger_by_ledger(self, asked)
        return await self._known.read(asked)

    async def execute(self, sql: str, params: Mapping[str, Any]) -> int:
        """Run a writing statement; returns how many rows it changed."""
        return await self._statements.execute(self._link, sql, params)

    async def fetch(self, sql: str, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Run a statement and return its rows."""
        return await self._statements.fetch(self._link, sql, params)

    async def execute_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """One statement for many argument rows."""
        return await self._statements.execute_many(self._link, sql, rows)

    async def fetch_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Mapping[str, Any]]]:
        """One statement for many argument rows, with the rows of each."""
        return await self._statements.fetch_many(self._link, sql, rows)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the block's statements when it raises, also a statement that failed."""
        self._savepoints += 1
        name = f"partita_{self._savepoints}"
        await self._link.run(f"SAVEPOINT {name}")
        taken = self._within.count if self._within is not None else 0
        numbers = self.sequences.copy()
        finished = False
        try:
            yield
            finished = self._link.failed is None
            if self._link.failed is not None:
                raise self._link.failed
        finally:
            if self._link.is_open():
                if not finished:
                    self._link.forget()
                    self.sequences.restore(numbers)
                    if self._within is not None:
                        self._within.undo(taken)
                    await self._link.run(f"ROLLBACK TO {name}")
                    self._link.failed = None
                await self._link.run(f"RELEASE {name}")


class PostgresStore:
    """See `partita.store.port.Store`. Any number of processes, on any machines, may open the same schema."""

    def __init__(
        self,
        url: str,
        machine: Machine,
        *,
        service: str,
        tables: Tables = "",
        create: bool = True,
        migrate: bool = True,
    ) -> None:
        self.name = service
        self.source = ""
        self.left = 0
        self.bell = Bell()
        self._own = OwnTables.of(service, tables, "postgres")
        self._clock = machine.clock
        self._ids = machine.ids
        self._database = Database(url, service, self._clock, create=create, migrate=migrate)
        self._outbox = f"{quoted(self._database.schema)}.outbox"
        self._place = ""
        self._beside = LogBeside(service)
        self._statements = Statements()
        self._channel = outbox_channel(self._database.schema)
        self._ear: Any = None
        self._listen_at = 0.0
        self._listening: asyncio.Task[None] | None = None
        self._leases = PostgresLeases(self._database, self._clock, self._ids.new())
        self.tries = PostgresTries(self._database)
        self.workers = PostgresWorkers(self._database)
        self._told = Renewed(self._clock, self._ask_clock, every_s=ASK_CLOCK_EVERY_S, old_s=CLOCK_OLD_S)
        self._base_at = 0.0
        self._base_us = self._told_us = 0
        self._lock_until = 0.0

    @property
    def _locks_keys(self) -> bool:
        return self._clock.monotonic() < self._lock_until

    @property
    def leases(self) -> PostgresLeases:
        """Work shared by several processes."""
        return self._leases

    async def open(self) -> None:
        """Connect, check and migrate."""
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self._database.close)
            await self._database.open(MIGRATIONS)
            meta = await self._identity()
            if meta["service"] != self.name:
                raise StoreMismatch(
                    f"{self._database.where}: this schema belongs to {meta['service']}, not to {self.name}.",
                    hint="It was not touched. Choose another database.",
                )
            self.source = source_of(meta)
            if self._place:
                self._database.greet = self._greet
            async with self._database.reading() as link:
                self._told_us = (await link.rows(NEWEST))[0][0]
                await self._beside.look(link)
            await self._listen()
            undo.pop_all()

    async def join(self, log: LogTables | None) -> bool:
        """Write into the log if it is in this database."""
        return await self._beside.join(self._database, log, uuid.UUID(self._ids.new()).int & (2**62 - 1))

    async def create_tables(self, *, migrate: bool = True) -> None:
        """Bring the service's own tables up to its declaration, or check that they are."""
        own = PostgresOwnTables(self._database, self._own)
        if migrate:
            await own.upgrade()
        else:
            await own.check()

    async def close(self) -> None:
        """Disconnect, and release the leases of this opening."""
        with contextlib.suppress(StoreUnavailable, StoreReplaced):
            await self._leases.leave_all()
        await self._told.stop()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.wait([listening])
        ear, self._ear = self._ear, None
        if ear is not None and not ear.is_closed():
            ear.terminate()
        await self._database.close()

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[PostgresSession]:
        """A writing transaction; wakes the relays, here and elsewhere, when it committed outbox rows."""
        channels: list[str] = []
        added = lambda: channels.append(self._channel)  # noqa: E731
        try:
            async with self._database.writing(durable=durable, notify=channels) as link:
                session = PostgresSession(link, self._statements, self.source, self._beside, added, self._locks_keys)
                yield session
                await session.end()
        except StoreReplaced:
            self._refuse()
            raise
        except StoreContended:
            self._lock_until = self._clock.monotonic() + LOCK_AFTER_S
            raise
        self.left += session.left
        if channels:
            self.bell.ring("rows")

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[PostgresSession]:
        """A view that writes nothing."""
        async with self._database.reading() if consistent else self._database.glance() as link:
            yield PostgresSession(link, self._statements, self.source, self._beside)

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record in the claims which records are in hand, in one round trip."""
        rows = sorted((*each, epoch) for each, epoch in zip(ranges, epochs, strict=True))
        if rows:
            async with self._database.stroke() as link:
                await link.run(TAKE, consumer, *columns(rows))

    async def sent(self, rows: Sequence[tuple[int, int]]) -> None:
        """Remove acknowledged rows from the outbox's queue, in one round trip."""
        async with self._database.stroke() as link:
            await link.rows(SENT, [slot for slot, _ in rows], [seq for _, seq in rows])

    async def now_us(self) -> int:
        """The database's clock, carried on by the monotonic one; it never goes back. The server is asked once a second, beside
        the caller; a caller waits only if there was no answer for three seconds.

        A server clock that was set back is not followed: it would hold every timer for as long.
        """
        await self._told.have()
        self._told_us = max(self._told_us, self._carried_us())
        return self._told_us

    async def look(self) -> None:
        """Ask the server for its time, and whether it is still the same database."""
        await self._told.renew()

    def _carried_us(self) -> int:
        # At first from the newest row, which may be from before the server's clock was set back.
        if not self._base_us:
            return self._told_us
        return self._base_us + round((self._clock.monotonic() - self._base_at) * US)

    async def _ask_clock(self) -> None:
        """The server's time, and in the same query whether it is still the same database. Behind a pooler, and on a
        connection that outlives its tables or a promotion, no new connection would show it."""
        async with self._database.glance() as link:
            if not self._place:
                said: int = (await link.rows(TIME))[0][0]
            else:
                said, place = (await link.rows(TIME_AND_PLACE, self._outbox))[0]
                self._compare(place)
        # The answer is as old as its way was long, so no timer fires before it is due.
        carried = self._carried_us()
        self._base_us = said if said > carried - US else carried
        self._base_at = self._clock.monotonic()
        self._listen_beside()

    async def _greet(self, connection: Any) -> None:
        self._compare(await connection.fetchval(PLACE, self._outbox))

    def _compare(self, place: str | None) -> None:
        """Raises:
        StoreUnavailable: a standby answers, or the tables are not there. StoreReplaced: another database does.
        """
        if place is None:
            raise StoreUnavailable(
                f"{self._database.where}: the server is a standby, or the tables are not there.",
                hint="Work continues when it is promoted, or when they are restored.",
            )
        if place != self._place:
            self._refuse()
            raise replaced(self._database.where)

    def _refuse(self) -> None:
        """Keep this process from the other database: a relay would mark rows by the former one's numbers, a consumer would
        skip messages that only the former one has handled."""
        self._database.refused = functools.partial(replaced, self._database.where)

    async def _identity(self) -> dict[str, str]:
        """The identity of this database. One restored from a backup counts its keys again: under its old name receivers
        would drop its new messages as copies. So it gets a new incarnation."""
        return await self._database.changing("finding out which database this is", self._identified)

    async def _identified(self, link: Link) -> dict[str, str]:
        await link.rows(LOCK, f"partita/{self._database.schema}")
        meta: dict[str, str] = {row[0]: row[1] for row in await link.rows(META)}
        if meta.get("service", self.name) != self.name:
            return meta
        may_ask = (await link.rows(MAY_ASK_PLACE))[0][0]
        place = self._place = ((await link.rows(PLACE, self._outbox))[0][0] or "") if may_ask else ""
        new = {"place": place} if place else {}
        if "service" not in meta:
            name = uuid.UUID(self._ids.new()).hex[-8:]
            new |= {"service": self.name, "id": name, "incarnation": "1"}
        elif place and meta.get("place", place) != place:
            new["incarnation"] = str(int(meta["incarnation"]) + 1)
            log.warning("%s was restored from a copy: its messages get a new source", self._database.where)
        for key in sorted(new.keys() - {key for key in meta if meta[key] == new.get(key)}):
            await link.run(SET_META, key, new[key])
        return meta | new

    def _listen_beside(self) -> None:
        """Reconnect the listening connection after a cut, beside the caller: a transaction must not wait for it."""
        cut = self._ear is None or self._ear.is_closed()
        if cut and (self._listening is None or self._listening.done()):
            self._listening = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        """Listen for outbox rows that other processes commit. Where that fails the relay's poll finds them a little later."""
        if self._clock.monotonic() < self._listen_at or self._database.url in DEAF:
            return
        self._listen_at = self._clock.monotonic() + LISTEN_AGAIN_AFTER_S
        try:
            ear = await self._database.connect()
        except StoreUnavailable as error:
            log.warning("%s: no wake-ups from other processes (%s)", self.name, error)
            return
        try:
            test = f"partita_test_{self._ids.new()}"
            if not self._database.pooled or await is_heard(ear, self._clock, test, self._speak):
                await ear.add_listener(self._channel, self._heard)
                self._ear = ear
            else:
                self._be_deaf()
        except (*ERRORS, StoreUnavailable, StoreReplaced) as error:
            log.warning("%s: no wake-ups from other processes (%s)", self.name, error)
        finally:
            if self._ear is not ear:
                ear.terminate()

    async def _speak(self, channel: str) -> None:
        async with self._database.writing(durable=False, notify=[channel]):
            pass

    def _be_deaf(self) -> None:
        """Rely on the relays' poll alone; the server's other services need not find out or log it again."""
        DEAF.add(self._database.url)
        log.warning(
            "%s: a pooler in transaction mode is in between, LISTEN delivers nothing: the relays poll twice a second",
            without_secrets(self._database.url),
        )

    def _heard(self, *_: object) -> None:
        self.bell.ring("rows")
