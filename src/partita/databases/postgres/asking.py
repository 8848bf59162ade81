"""Queries to PostgreSQL: many rows in one statement, any text, and errors that say what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from partita.databases.postgres.arrays import kept, told
from partita.databases.postgres.inserts import FEW, Table, together
from partita.errors import (
    PartitaError,
    SettingsError,
    StoreContended,
    StoreCorrupt,
    StoreRefused,
    StoreReplaced,
    StoreUnavailable,
    TransactionEnded,
)
from partita.texts.cause import without_rows

TLS_HINT = "In the URL, sslrootcert= names the file of the authority that signed it; sslmode= sets the checks."
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""The exceptions of a driver's call; OSError includes its timeouts."""
_UNAVAILABLE = {
    "08": ("the connection was lost", "Work continues when the server can be reached again."),
    "40": ("another transaction was in the way", "It is run again."),
    "53": ("the server has run out of something", "Free disk space, memory or connections (max_connections)."),
    "57": ("the server stopped the work", "It may be restarting; work continues when it is back."),
    "58": ("the server's disk does not answer as it should", "Check the server's disk and log."),
    "55P03": ("a lock was not given in time", "It is run again."),
    "25006": ("the server takes no writes now", "Is this a standby? Work continues when it is promoted."),
    "0A000": ("a table was changed under the statement", "It is run again."),
    "PT002": ("the log is not the one that was opened", "Work continues when the topics are there again."),
    "26": (
        "a prepared statement is gone, as behind a pooler in transaction mode",
        "Add statement_cache_size=0 to the URL.",
    ),
    "42P05": ("a prepared statement is another's, as behind a pooler", "Add statement_cache_size=0 to the URL."),
    "28": ("the server refuses this user", "Check the user and the password of the URL, and pg_hba.conf."),
    "3D000": ("there is no such database", "CREATE DATABASE, or correct the URL."),
    "42501": ("this user may not do that", "GRANT it, or use another user."),
}
ANOTHER_SOURCE = "PT003"
"""The state of a statement that numbers messages for a source that the database no longer is."""
IDLE = "idle-in-transaction timeout"
"""The text that the driver keeps of a 25P03 which arrived between two calls."""
_CONTENDED = ("40", "55P03", "0A000")
_CORRUPT = ("XX001", "XX002")


def meaning(error: Exception, where: str, *, connected: bool = False, of_a_user: bool = False) -> PartitaError | None:
    """The PartitaError for a driver's error, or None where the statement itself is wrong.

    `connected`: the connection still works, so an error of the driver itself (two statements at once, too few
    arguments) is the caller's mistake. `of_a_user`: the statement is a handler's.
    """
    if isinstance(error, asyncpg.PostgresError):
        state: str = getattr(error, "sqlstate", "") or ""
        if of_a_user and _is_own_doing(error, state):
            return None
        said = without_rows(str(error))
        if state == ANOTHER_SOURCE:
            return replaced(where)
        if state in _CORRUPT:
            return StoreCorrupt(f"{where}: the database is damaged ({said}).", hint="Restore a backup.")
        if state == "0A000" and not isinstance(error, asyncpg.InvalidCachedStatementError):
            return None
        if state == "25P03" or IDLE in said:
            return stood_still(where)
        found = _UNAVAILABLE.get(state) or _UNAVAILABLE.get(state[:2])
        kind = StoreUnavailable
        if state.startswith(_CONTENDED):
            kind = StoreContended
        elif state.startswith("28"):
            kind = StoreRefused
        return found and kind(f"{where}: {found[0]} ({said}).", hint=found[1])
    if connected and isinstance(error, asyncpg.InterfaceError):
        return None
    if isinstance(error, ssl.SSLError):
        return StoreUnavailable(f"{where}: {_tls(error)}.", hint=TLS_HINT)
    what = str(error) or "no answer in time"
    return StoreUnavailable(f"{where}: the server cannot be reached ({what}).", hint="Check that it runs, and the URL.")


def stood_still(where: str) -> TransactionEnded:
    """The error of a transaction that the server ended because its client was idle in it."""
    return TransactionEnded(
        f"{where}: the server ended the transaction, which was idle for longer than idle_s; nothing of it was kept.",
        hint="Long-running code belongs outside of it (concurrency=N), or raise idle_s in the URL of the store.",
    )


def replaced(where: str) -> StoreReplaced:
    """The error of a process that opened another database, which was here before this one."""
    return StoreReplaced(
        f"{where}: this is not the database that this process opened: it was restored from a copy, or a standby took "
        "over. Messages sent under the former source could be taken for copies of earlier ones.",
        hint="Start this process again: its memory belongs to the former database.",
    )


def untrusted(error: ssl.SSLError, where: str) -> SettingsError:
    """The error of a store that cannot be opened because its certificate, or that of its authority, is wrong."""
    return SettingsError(f"{where}: {_tls(error)}.", hint=TLS_HINT)


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    return f"TLS with the server failed ({error.reason or type(error).__name__})"


def _is_own_doing(error: asyncpg.PostgresError, state: str) -> bool:
    """Whether the statement itself failed: by its role's time limit, or by NOWAIT. Such failures are limited in tries, or
    they would be run again for ever. A role's lock_timeout is another case: another session was in the way."""
    if state == "55P03":
        return getattr(error, "server_source_function", None) != "ProcessInterrupts"
    return state == "57014"


def _holds(marks: tuple[str, ...], column: Sequence[Any]) -> bool:
    """Whether a column of texts holds one of these characters; checked in one piece, since that is rare."""
    first = next((value for value in column if value is not None), None)
    if first.__class__ is not str:
        return False
    whole = "".join(filter(None, column))
    return any(mark in whole for mark in marks)


def _kept(value: Any) -> Any:
    if value.__class__ is str:
        return kept(value)
    if value.__class__ is list and _holds(("\0", "\1"), value):
        return [kept(each) if each.__class__ is str else each for each in value]
    return value


def _kept_rows(rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    if any(_holds(("\0", "\1"), column) for column in zip(*rows, strict=True)):
        return [[kept(value) if value.__class__ is str else value for value in row] for row in rows]
    return rows


def _told_rows(found: Iterable[Any]) -> list[tuple[Any, ...]]:
    rows = list(map(tuple, found))
    if any(_holds(("\1",), column) for column in zip(*rows, strict=True)):
        return [tuple([told(value) for value in row]) for row in rows]
    return rows


class Link:
    """A connection inside its transaction, as the ledgers use it; `writing` = its rows may be locked.

    `failed` is the first error of the transaction: after it PostgreSQL refuses every statement, and would answer a
    COMMIT with a silent rollback.
    """

    def __init__(self, connection: Any, where: str, *, writing: bool) -> None:
        self.connection = connection
        self.where = where
        self.writing = writing
        self.failed: Exception | None = None
        self.last: list[str] = []
        """The statements that go in one message with the COMMIT, in their order."""
        self._waiting: dict[Table, list[Sequence[Any]]] = {}

    def is_open(self) -> bool:
        """Whether the transaction still exists: the connection may be lost, or a handler may have ended it."""
        try:
            return not self.connection.is_closed() and self.connection.is_in_transaction()
        except asyncpg.InterfaceError:  # the pool has taken the lost connection back
            return False

    def is_lost(self) -> bool:
        """Whether the connection is lost."""
        try:
            return bool(self.connection.is_closed())
        except asyncpg.InterfaceError:  # the pool has taken the lost connection back
            return True

    async def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement of Partita's."""
        await self.flush()
        return await self.look(sql, *given)

    async def look(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement whose result does not depend on the waiting rows: these wait on."""
        try:
            found: Iterable[Any] = await self.connection.fetch(sql, *map(_kept, given))
        except ERRORS as error:
            raise self.meant(error) from error
        return _told_rows(found)

    async def row(self, sql: str, *given: Any) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        found = await self.rows(sql, *given)
        return found[0] if found else None

    async def run(self, sql: str, *given: Any) -> int:
        """Run a statement of Partita's; returns how many rows it changed."""
        await self.flush()
        try:
            return changed(await self.connection.execute(sql, *map(_kept, given)))
        except ERRORS as error:
            raise self.meant(error) from error

    async def insert(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows in their order. Few rows wait for the next query or the commit, and go together with those of other
        tables. Many go by COPY: the driver looks at each value of an array several times, at a row to copy once (a fifth of
        the time for 1,000 rows, measured)."""
        if len(rows) <= FEW:
            if rows:
                # Rows of one table go in one insert: the parts of a statement run in no order.
                before = self._waiting.pop(table, ())
                self._waiting[table] = [*before, *rows]
            return
        await self.flush()
        try:
            await self.connection.copy_records_to_table(table.name, columns=table.columns, records=_kept_rows(rows))
        except ERRORS as error:
            raise self._taken(error) from error

    async def flush(self) -> None:
        """Send the waiting rows.

        Raises:
            StoreContended: another transaction wrote one of them meanwhile.
        """
        if not self._waiting:
            return
        sql, given = together(self._waiting)
        self._waiting = {}
        try:
            await self.connection.execute(sql, *map(_kept, given))
        except ERRORS as error:
            raise self._taken(error) from error

    def forget(self) -> None:
        """Drop the waiting rows."""
        self._waiting = {}

    def _taken(self, error: Exception) -> Exception:
        meant = self.meant(error)
        if isinstance(error, asyncpg.UniqueViolationError):
            meant = self.failed = StoreContended(
                f"{self.where}: another transaction was there first ({without_rows(str(error))})."
            )
        return meant

    def meant(self, error: Exception, *, of_a_user: bool = False) -> Exception:
        """The error to raise for an error; it is kept, since every later statement of this transaction fails because of it."""
        if self.failed is not None and isinstance(error, asyncpg.InFailedSQLTransactionError):
            return self.failed
        meant = meaning(error, self.where, connected=not self.is_lost(), of_a_user=of_a_user) or error
        self.failed = self.failed or meant
        return meant


def changed(tag: str) -> int:
    """The row count of a command's tag ("UPDATE 3"); -1 where it has none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else -1
