"""`SqliteStore`: one service's SQLite file with its ledgers."""

from __future__ import annotations

import functools
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from partita.bell import Bell
from partita.clock import Clock, SystemClock
from partita.databases.log_tables import LogTables
from partita.databases.sqlite.file import SqliteFile, translate
from partita.databases.sqlite.high_water import HighWater
from partita.databases.sqlite.leases import LeaseBook
from partita.databases.sqlite.tables import SqliteOwnTables
from partita.errors import PartitaError, StoreMismatch, StoreUnavailable
from partita.machine.port import Alive, Machine, Wake
from partita.migrations.own_tables import OwnTables, Tables
from partita.store.claims import InHand
from partita.store.known import ledger_by_ledger
from partita.store.leases import Lease
from partita.store.port import Asked, Known
from partita.store.sequences import Sequences
from partita.store.sqlite.claims import TAKE, SqliteClaims
from partita.store.sqlite.dead_letters import SqliteDeadLetters
from partita.store.sqlite.groups import SqliteGroups
from partita.store.sqlite.inbox import SqliteInbox
from partita.store.sqlite.key_rows import SqliteKeyRows
from partita.store.sqlite.operations import SqliteOperations
from partita.store.sqlite.outbox import SENT, SqliteOutbox
from partita.store.sqlite.parking import SqliteParking
from partita.store.sqlite.pending import SqlitePending
from partita.store.sqlite.sagas import SqliteSagas
from partita.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from partita.store.sqlite.tombstones import SqliteTombstones
from partita.store.sqlite.trail import SqliteTrail
from partita.store.sqlite.tries import SqliteTries
from partita.store.sqlite.workers import SqliteWorkers
from partita.texts.foreign_text import logger
from partita.texts.users_sql import check_of_handler

log = logger(__name__)

META = "SELECT name, value FROM partita_meta"
SET_META = "INSERT INTO partita_meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING"
NEWEST = """
SELECT max(coalesce((SELECT at_us FROM inbox ORDER BY seq DESC LIMIT 1), 0),
           coalesce((SELECT at_us FROM outbox ORDER BY seq DESC LIMIT 1), 0))
"""
NEWEST_SENT = "SELECT coalesce(max(seq), 0) FROM outbox"
NEXT_INCARNATION = "UPDATE partita_meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'incarnation'"


def outbox_channel(service: str) -> str:
    """The channel that wakes the relays of a service's file."""
    return f"outbox-{service}"


def _nothing() -> None:
    """For sessions that only read."""


@functools.lru_cache(maxsize=1_024)
def _of_a_user(sql: str) -> str:
    """A user's statement, unless it would end the transaction that Partita's own rows are in."""
    check_of_handler(sql)
    return sql


class SqliteSession:
    """See `partita.store.port.Session`. `path` names the file in errors; `added` is the outbox's."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        clock: Clock,
        added: Callable[[], None] = _nothing,
    ) -> None:
        self._db = db
        self._path = path
        self._lost: PartitaError | None = None
        self._savepoints = 0
        self.outbox = SqliteOutbox(db, clock, added)
        self.inbox = SqliteInbox(db)
        self.sequences = Sequences(SqliteKeyRows(db))
        self.sagas = SqliteSagas(db)
        self.tombstones = SqliteTombstones(db)
        self.parking = SqliteParking(db)
        self.claims = SqliteClaims(db)

    @property
    def groups(self) -> SqliteGroups:
        """See the port."""
        return SqliteGroups(self._db)

    @property
    def operations(self) -> SqliteOperations:
        """See the port."""
        return SqliteOperations(self._db)

    @property
    def dead_letters(self) -> SqliteDeadLetters:
        """See the port."""
        return SqliteDeadLetters(self._db)

    @property
    def pending(self) -> SqlitePending:
        """See the port."""
        return SqlitePending(self._db)

    @property
    def trail(self) -> SqliteTrail:
        """See the port."""
        return SqliteTrail(self._db)

    async def read_known(self, asked: Asked) -> Known:
        """The answers for admission, ledger by ledger."""
        return await ledger_by_ledger(self, asked)

    async def execute(self, sql: str, params: Mapping[str, Any]) -> int:
        """Run a writing statement; returns how many rows it changed."""
        return self._changed(_of_a_user(sql), params)

    async def fetch(self, sql: str, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Run a statement and return its rows."""
        return self._found(_of_a_user(sql), params)

    async def execute_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[int]:
        """One statement for many argument rows; SQLite's own executemany does not return the changes of each row."""
        checked, changed = _of_a_user(sql), self._changed
        return [changed(checked, row) for row in rows]

    async def fetch_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sequence[Mapping[str, Any]]]:
        """One statement for many argument rows, with the rows of each."""
        checked, found = _of_a_user(sql), self._found
        return [found(checked, row) for row in rows]

    def _changed(self, sql: str, params: Mapping[str, Any]) -> int:
        try:
            cursor = self._db.execute(sql, params)
            if cursor.description is not None:
                cursor.fetchall()  # the changes of a RETURNING statement are counted when its rows were read
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return cursor.rowcount

    def _found(self, sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            cursor = self._db.execute(sql, params)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> Exception:
        """The error to raise for a statement's error. A full disk is not the message's fault. It may also have made SQLite roll
        back the whole transaction; if the handler continued, each later statement would commit on its own."""
        if self._lost is not None:
            return self._lost
        meant = translate(error, self._path)
        if not self._db.in_transaction:
            self._db.execute("BEGIN")
            self._lost = meant or StoreUnavailable(f"{self._path}: the transaction was rolled back ({error}).")
            return self._lost
        return meant or error

    def finish(self) -> None:
        """Refuse to commit a transaction that SQLite has already rolled back."""
        if self._lost is not None:
            raise self._lost

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the block's statements when it raises."""
        self._savepoints += 1
        name = f"partita_{self._savepoints}"
        self._db.execute(f"SAVEPOINT {name}")
        numbers = self.sequences.copy()
        finished = False
        try:
            yield
            finished = True
        finally:
            if self._lost is None and self._db.in_transaction:
                if not finished:
                    self.sequences.restore(numbers)
                    self._db.execute(f"ROLLBACK TO {name}")
                self._db.execute(f"RELEASE {name}")


class SqliteLeases:
    """See `partita.store.leases.Leases`."""

    def __init__(self, file: SqliteFile, book: LeaseBook) -> None:
        self._file = file
        self._book = book

    async def tick(self, scope: str, resources: Sequence[str], member: str) -> Sequence[Lease]:
        """Send a heartbeat, release resources that now belong to others, take free ones."""
        async with self._file.writing(synced=False) as db:
            holding = self._book.tick(db, scope, resources, member)
            self._book.release(db, scope, holding.surplus, member)
        return [Lease(r, epoch) for r, epoch in sorted(holding.held.items()) if r not in holding.surplus]

    async def beat(self, scope: str, member: str) -> None:
        """Send a heartbeat, and nothing else."""
        async with self._file.writing(synced=False) as db:
            self._book.beat(db, scope, member)

    async def leave(self, scope: str, member: str) -> None:
        """Release everything."""
        async with self._file.writing(synced=False) as db:
            self._book.leave(db, scope, member)


class SqliteStore:
    """See `partita.store.port.Store`. Several processes may open the same file."""

    def __init__(
        self,
        path: Path,
        machine: Machine,
        *,
        service: str,
        tables: Tables = "",
        wake: Wake | None = None,
        migrate: bool = True,
    ) -> None:
        self.name = service
        self.source = ""
        self.path = path
        self.bell = Bell()
        self._own = OwnTables.of(service, tables, "sqlite")
        self._machine = machine
        self._clock = machine.clock
        self._wake = wake
        self._channel = outbox_channel(service)
        self._file = SqliteFile(path, machine, application_id=APPLICATION_ID, migrations=MIGRATIONS, migrate=migrate)
        self._alive: Alive | None = None
        self._high_water = HighWater(Path(f"{path}.sent"))

    async def open(self) -> None:
        """Connect, check and migrate."""
        await self._file.open()
        self._alive = self._machine.alive(self.path.parent / "alive", self._machine.new_name())
        self.leases = SqliteLeases(self._file, LeaseBook(self._alive, self._clock))
        self.tries = SqliteTries(self._file)
        self.workers = SqliteWorkers(self.name, self._alive)
        async with self._file.reading() as db:
            meta = {row[0]: row[1] for row in db.execute(META)}
            newest = db.execute(NEWEST).fetchone()[0]
        if "service" not in meta:
            meta = await self._christen()
        if meta["service"] != self.name:
            await self.close()
            raise StoreMismatch(
                f"{self.path}: this database belongs to {meta['service']}, not to {self.name}.",
                hint="It was not touched. Choose another folder with --data.",
            )
        meta = await self._incarnation(meta)
        self.source = f"{self.name}/{meta['id']}.{meta['incarnation']}"
        if isinstance(self._clock, SystemClock):
            # If the wall clock was set back since the last run, it would hold every timer for as long.
            self._clock.not_before(newest)
        if self._wake is not None:
            self._wake.listen([self._channel], lambda: self.bell.ring("rows"))

    async def _christen(self) -> dict[str, str]:
        """Give a new file its identity."""
        async with self._file.writing() as db:
            given = {"service": self.name, "id": uuid.UUID(self._machine.ids.new()).hex[-8:], "incarnation": "1"}
            db.executemany(SET_META, list(given.items()))
            return {row[0]: row[1] for row in db.execute(META)}

    async def _incarnation(self, meta: dict[str, str]) -> dict[str, str]:
        """A new incarnation for a database restored from a backup. It counts its keys again: under its old name receivers
        would drop its new messages as copies."""
        if not await self._went_back():
            return meta
        async with self._file.writing() as db:
            newest = db.execute(NEWEST_SENT).fetchone()[0]
            if self._high_water.seen() > newest:
                db.execute(NEXT_INCARNATION)
                log.warning("%s was restored from an older copy: its messages get a new source", self.path)
            self._high_water.reset(newest)
            return {row[0]: row[1] for row in db.execute(META)}

    async def _went_back(self) -> bool:
        async with self._file.reading() as db:
            newest: int = db.execute(NEWEST_SENT).fetchone()[0]
        return self._high_water.seen() > newest

    @property
    def left(self) -> int:
        """None: a file has no log beside its tables."""
        return 0

    async def join(self, log: LogTables | None) -> bool:
        """A file has no log beside its tables."""
        return False

    async def create_tables(self, *, migrate: bool = True) -> None:
        """Bring the service's own tables up to its declaration, or check that they are."""
        own = SqliteOwnTables(self._file, self._own, self._clock)
        if migrate:
            await own.upgrade()
        else:
            await own.check()

    async def close(self) -> None:
        """Disconnect."""
        self._file.close()
        self._high_water.close()
        if self._alive is not None:
            self._alive.close()
            self._alive = None

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[SqliteSession]:
        """A writing transaction; wakes the relay when it committed outbox rows."""
        queued = False

        def added() -> None:
            nonlocal queued
            queued = True

        async with self._file.writing(synced=durable) as db:
            session = SqliteSession(db, self.path, self._clock, added)
            yield session
            await session.sequences.write(last=True)
            session.finish()
        if queued:
            self.bell.ring("rows")
            if self._wake is not None:
                self._wake.signal([self._channel])

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[SqliteSession]:
        """A view that writes nothing."""
        async with self._file.reading() as db:
            yield SqliteSession(db, self.path, self._clock)

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record in the claims which records are in hand."""
        held = zip(ranges, epochs, strict=True)
        rows = [(r.first, r.last, consumer, r.topic, r.partition, epoch) for r, epoch in held]
        async with self._file.writing(synced=False) as db:
            db.executemany(TAKE, rows)

    async def sent(self, rows: Sequence[tuple[int, int]]) -> None:
        """Remove acknowledged rows from the outbox's queue."""
        async with self._file.writing(synced=False) as db:
            db.executemany(SENT, rows)
            self._high_water.left(max(seq for _, seq in rows))

    async def now_us(self) -> int:
        """The store's clock."""
        return self._clock.now_us()

    async def look(self) -> None:
        """Do nothing: its time is the machine's, and a process keeps the opened file."""
