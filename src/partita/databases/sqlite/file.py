"""A SQLite file in WAL mode with one writer at a time, durable commits and errors that say what to do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar

from partita.clock import seen_through
from partita.errors import MigrationPending, PartitaError, StoreCorrupt, StoreMismatch, StoreUnavailable
from partita.machine.port import Machine, Turn
from partita.migrations.migration import MIGRATE, WAIT_S
from partita.texts.foreign_text import logger
from partita.texts.users_sql import ended_within

T = TypeVar("T")
log = logger(__name__)

_UNAVAILABLE = {
    sqlite3.SQLITE_FULL: (
        "the disk is full",
        "Free some space; nothing of the transaction was kept, work continues then.",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk does not answer as it should",
        "Check the disk and its limits (ulimit -f, quota).",
    ),
    sqlite3.SQLITE_READONLY: ("the file or its folder is read-only", "Give this user write permission on both."),
    sqlite3.SQLITE_BUSY: ("another program holds its write lock", "Close the program that has it open for writing."),
    sqlite3.SQLITE_LOCKED: ("it is locked", "Close the program that has it open for writing."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Check that the folder exists and this user may write there."),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "Give the process more memory."),
    sqlite3.SQLITE_PROTOCOL: ("its lock protocol failed", "Keep it on a local disk, not on a network share."),
}
LOG_BYTES = 16_000_000
LOCKED_S_MAX = 2.0
LOCKED_S_MIN = 0.1
LOCKED_LOOK_S = 0.02
LOOK_S = 0.005
SAY_AFTER_S, SAY_EVERY_S = 1.0, 15.0
LOOK_AT_LOG_EVERY = 64
FIRST_READ = "SELECT 1 FROM sqlite_schema LIMIT 0"
_HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def translate(error: sqlite3.Error, path: Path) -> PartitaError | None:
    """The PartitaError for a SQLite error, or None where the statement itself is wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    primary = code & 0xFF
    if primary in _UNAVAILABLE:
        what, hint = _UNAVAILABLE[primary]
        return StoreUnavailable(f"{path}: {what} ({error}).", hint=hint)
    if primary in _CORRUPT:
        return StoreCorrupt(
            f"{path}: the file is damaged or is not a SQLite database ({error}).",
            hint="It was not touched. Restore a backup, or move the file away to start empty.",
        )
    return None


class SqliteFile:
    """A database file opened by this process.

    Writers of all processes queue on an advisory lock beside the file, in the kernel, instead of on SQLite's own
    sleeping retries: twice the throughput, a tenth of the p99, and SIGKILL releases it (measured with 5 processes).
    The begin (if it must wait) and the commit (the disk sync) run in a thread; statements run inline, they
    take microseconds.
    """

    def __init__(
        self, path: Path, machine: Machine, *, application_id: int, migrations: Sequence[str], migrate: bool = True
    ) -> None:
        self.path = path
        self._machine = machine
        self._migrate_at_open = migrate
        self.migrated: list[int] = []
        self._application_id = application_id
        self._migrations = migrations
        self._own_turn = asyncio.Lock()  # among the tasks of this process
        self._turn: Turn | None = None
        self._thread = machine.threads.one(f"sqlite-{path.stem}")
        self._synced: sqlite3.Connection
        self._unsynced: sqlite3.Connection
        self._connections: list[sqlite3.Connection] = []
        self._idle_readers: list[sqlite3.Connection] = []
        self._unsynced_commits = 0
        self.is_open = False

    async def open(self, wait_s: float = WAIT_S) -> None:
        """Open, check and migrate the file; creates it and its folder where they are missing. `wait_s` is how long another
        process may hold it meanwhile: one that migrates it, or one that was stopped in its turn.

        Raises:
            StoreUnavailable, StoreCorrupt, StoreMismatch, MigrationPending: with what to do; the file is untouched.
        """
        if not self._migrate_at_open and not self.path.exists():
            raise self._pending(0)
        with contextlib.ExitStack() as undo:
            undo.callback(self._disconnect)
            turn = self._prepare_path()
            await self._take(turn, wait_s)
            try:
                await self._in_thread(self._open_connections)
            except sqlite3.Error as error:
                raise translate(error, self.path) or error from error
            finally:
                turn.give()
            self.is_open = True
            undo.pop_all()

    async def _take(self, turn: Turn, wait_s: float) -> None:
        """Wait in small steps: a thread that queues in the kernel for a turn cannot be stopped."""
        clock = self._machine.clock
        began = clock.monotonic()
        say_at = began + SAY_AFTER_S
        while not turn.take_now():
            now = clock.monotonic()
            if now >= began + wait_s:
                raise StoreUnavailable(
                    f"{self.path}: {turn.holder() or 'another process'} held it for writing for all of {wait_s:g} s; nothing "
                    "was changed.",
                    hint="Run it again when that process has ended, or end it.",
                )
            if now >= say_at:
                log.warning("%s: opening it waits for %s", self.path, turn.holder() or "another process")
                say_at = now + SAY_EVERY_S
            await clock.sleep(LOOK_S)

    def _prepare_path(self) -> Turn:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            turn = self._turn = self._machine.turn(self.path)
            if self.path.exists():
                # SQLite silently opens a file that it may only read; the first command would fail.
                os.close(os.open(self.path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise StoreUnavailable(
                f"{self.path}: cannot be opened ({error.strerror}).",
                hint="Check that the folder exists, is on a local disk, and this user may write there.",
            ) from error
        return turn

    def _open_connections(self) -> None:
        self._synced = self._connect()
        self._check()
        self._tune(self._synced, "FULL")
        self._migrate()
        # Written without a disk sync, for data that must outlive the process but not a power cut.
        self._unsynced = self._tune(self._connect(), "OFF")
        # Its checkpoint would not be synced either, and the log is overwritten next: a power cut would then lose
        # durable commits.
        self._unsynced.execute("PRAGMA wal_autocheckpoint=0")
        self._idle_readers.append(self._new_reader())
        for connection in self._connections:
            connection.execute("PRAGMA busy_timeout=0")  # from here on statements run in the event loop

    def close(self) -> None:
        """Close the connections; committed work is in the file."""
        if not self.is_open:
            return
        self.is_open = False
        self._thread.close()
        self._disconnect()

    def _disconnect(self) -> None:
        # The synced connection was opened first and closes last: the last one to close does the final checkpoint.
        while self._connections:
            self._connections.pop().close()
        self._idle_readers.clear()
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    @asynccontextmanager
    async def writing(self, *, synced: bool = True) -> AsyncIterator[sqlite3.Connection]:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        Raises:
            StoreUnavailable: it could not begin or commit; nothing was kept.
        """
        connection = self._synced if synced else self._unsynced
        asked = self._machine.clock.monotonic() if self._own_turn.locked() else None
        async with self._own_turn:
            turn = await self._begin(connection, asked)
            try:
                with _undone_unless_finished(connection):
                    yield connection
                    if not connection.in_transaction:
                        ended_within(self.path)
                if synced:
                    await self._in_thread(lambda: self._commit(connection))
                else:
                    self._commit(connection)
                    await self._checkpoint_now_and_then()
            except sqlite3.Error as error:
                raise translate(error, self.path) or error from error
            finally:
                turn.give()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[sqlite3.Connection]:
        """A connection that sees one state of the committed data and writes nothing; statements run inline.

        Overlapping blocks get connections of their own: a late one must not see an early one's state.
        """
        try:
            connection = self._idle_readers.pop() if self._idle_readers else self._new_reader()
            try:
                try:
                    self._begin_reading(connection)
                except sqlite3.OperationalError as error:
                    await self._unlocked(lambda: self._begin_reading(connection), error, None)
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._idle_readers.append(connection)
        except sqlite3.Error as error:
            raise translate(error, self.path) or error from error

    async def _begin(self, connection: sqlite3.Connection, asked: float | None) -> Turn:
        """Begin to write. `asked` is the time at which the caller began to wait for its turn, if it waited."""
        turn = self._turn
        if turn is None:
            raise StoreUnavailable(f"{self.path}: it is closed.", hint="Open it first.")
        try:
            if not turn.take_now():
                asked = self._machine.clock.monotonic() if asked is None else asked
                await turn.take()
        except OSError as error:
            raise StoreUnavailable(f"{self.path}: its lock failed ({error.strerror}).") from error
        begun = False
        try:
            if turn.is_gone:
                # SQLite would continue in the deleted file and report success.
                raise StoreUnavailable(
                    f"{self.path}: the file was removed while it was open.", hint="Restore it and start again."
                )
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                await self._unlocked(lambda: connection.execute("BEGIN IMMEDIATE"), error, asked)
            begun = True
        except sqlite3.Error as error:
            raise translate(error, self.path) or error from error
        finally:
            if not begun:
                turn.give()
        return turn

    async def _unlocked(
        self, attempt: Callable[[], object], error: sqlite3.OperationalError, asked: float | None
    ) -> None:
        """Make an attempt again that failed with this error, while another program holds a lock of SQLite's. SQLite itself
        would wait in the event loop, and block every service of this process.

        Raises:
            sqlite3.OperationalError: it is held longer than `LOCKED_S_MAX`, or the attempt failed for another reason.
        """
        clock = self._machine.clock
        now = clock.monotonic()
        # The time in this process's queue counts: else the last of ten writers would wait ten times as long.
        until = max((now if asked is None else asked) + LOCKED_S_MAX, now + LOCKED_S_MIN)
        failed: sqlite3.OperationalError | None = error
        while failed is not None:
            if failed.sqlite_errorcode & 0xFF not in _HELD or clock.monotonic() >= until:
                raise failed
            await clock.sleep(LOCKED_LOOK_S)
            try:
                attempt()
                failed = None
            except sqlite3.OperationalError as again:
                failed = again

    def _commit(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error:
            # A commit that failed for lack of space leaves the transaction open.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    async def _checkpoint_now_and_then(self) -> None:
        """Checkpoint for the unsynced writers while no other commits: heartbeats alone would let the log grow for ever. The
        synced connection does it."""
        self._unsynced_commits += 1
        if self._unsynced_commits % LOOK_AT_LOG_EVERY or os.stat(f"{self.path}-wal").st_size < LOG_BYTES:
            return
        with contextlib.suppress(sqlite3.Error):  # the transaction is committed; the next call tries again
            await self._in_thread(lambda: self._synced.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone())

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in the file's thread and finish it: a caller that is cancelled, even twice, must not leave half a
        commit behind, nor release the lock during it."""
        return await seen_through(self._thread.submit(work))

    def _begin_reading(self, connection: sqlite3.Connection) -> None:
        """Begin to read. The first statement takes the lock, and fails if another program forbids it."""
        if not connection.in_transaction:
            connection.execute("BEGIN")
        connection.execute(FIRST_READ)

    def _new_reader(self) -> sqlite3.Connection:
        reader = self._tune(self._connect(), "FULL")
        reader.execute("PRAGMA query_only=1")
        reader.execute("PRAGMA busy_timeout=0")
        return reader

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=2.0, cached_statements=512
        )
        self._connections.append(connection)
        return connection

    def _tune(self, connection: sqlite3.Connection, synchronous: str) -> sqlite3.Connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint={LOG_BYTES // 4_096}")
        connection.execute("PRAGMA journal_size_limit=67108864")
        connection.execute("PRAGMA cache_size=-32768")
        return connection

    def _check(self) -> None:
        held = self._synced.execute("PRAGMA application_id").fetchone()[0]
        tables = self._synced.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if held != self._application_id and (held != 0 or tables):
            raise StoreMismatch(
                f"{self.path}: this is another program's database.",
                hint="It was not touched. Choose another folder with --data.",
            )
        version = self._synced.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise StoreMismatch(
                f"{self.path}: written by a newer Partita (schema {version}, this one knows {len(self._migrations)}).",
                hint="It was not touched. Upgrade Partita here, or choose another folder with --data.",
            )

    def _migrate(self) -> None:
        version = self._synced.execute("PRAGMA user_version").fetchone()[0]
        if version < len(self._migrations) and not self._migrate_at_open:
            raise self._pending(version)
        for number, script in enumerate(self._migrations[version:], start=version + 1):
            self._synced.execute("BEGIN IMMEDIATE")
            with _undone_unless_finished(self._synced):
                for statement in statements_of(script):
                    self._synced.execute(statement)
                self._synced.execute(f"PRAGMA application_id={self._application_id}")
                self._synced.execute(f"PRAGMA user_version={number}")
                self._synced.execute("COMMIT")
            self.migrated.append(number)

    def _pending(self, version: int) -> MigrationPending:
        return MigrationPending(
            f"{self.path}: its schema is {version or 'not there'}, this Partita needs {len(self._migrations)}, and "
            "PARTITA_MIGRATE=off.",
            hint=f"Run `{MIGRATE}` first; `partita db status` shows what is pending.",
        )


@contextmanager
def _undone_unless_finished(connection: sqlite3.Connection) -> Iterator[None]:
    """Roll back when the block ends with an exception of any kind, also a cancellation."""
    finished = False
    try:
        yield
        finished = True
    finally:
        if not finished and connection.in_transaction:
            connection.execute("ROLLBACK")


def version() -> tuple[int, ...]:
    """The version of the SQLite in this Python."""
    return sqlite3.sqlite_version_info


def quick_check(path: Path) -> str:
    """The result of SQLite's own quick check of a file: "ok", or the damage."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(translate(error, path) or error)


def statements_of(script: str) -> list[str]:
    """A script's statements one by one: `executescript` would commit the transaction around them."""
    found, part = [], ""
    *pieces, last = script.split(";")
    for piece in pieces:
        part += piece + ";"
        if sqlite3.complete_statement(part):
            if part.strip(" \n;"):
                found.append(part.strip())
            part = ""
    # The last statement needs no semicolon, and may end in a comment; if it is unfinished, SQLite must report it.
    if (part + last).strip():
        found.append((part + last).strip())
    return found
