"""Asking PostgreSQL: many rows in one statement, any text, and errors that say what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from partita.cause import without_rows
from partita.databases.postgres.arrays import kept, told
from partita.databases.postgres.inserts import FEW, Table, together
from partita.errors import (
    PartitaError,
    SettingsError,
    StoreContended,
    StoreCorrupt,
    StoreRefused,
    StoreUnavailable,
    TransactionEnded,
)

TLS_HINT = "In the URL, sslrootcert= names the file of the authority that signed it; sslmode= says what is checked."
ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What a call of the driver raises; OSError includes its timeouts."""
_UNAVAILABLE = {
    "08": ("the connection was lost", "Work goes on when the server can be reached again."),
    "40": ("another transaction was in the way", "It is run again."),
    "53": ("the server has run out of something", "Free disk space, memory or connections (max_connections)."),
    "57": ("the server stopped the work", "It may be restarting; work goes on when it is back."),
    "58": ("the server's disk does not answer as it should", "Check the server's disk and log."),
    "55P03": ("a lock was not given in time", "It is run again."),
    "25006": ("the server takes no writes now", "Is this a standby? Work goes on when it is promoted."),
    "0A000": ("a table was changed under the statement", "It is run again."),
    "26": (
        "a prepared statement is gone, as behind a pooler in transaction mode",
        "Add statement_cache_size=0 to the URL.",
    ),
    "42P05": ("a prepared statement is another's, as behind a pooler", "Add statement_cache_size=0 to the URL."),
    "28": ("the server refuses this user", "Check the user and the password of the URL, and pg_hba.conf."),
    "3D000": ("there is no such database", "CREATE DATABASE, or correct the URL."),
    "42501": ("this user may not do that", "GRANT it, or use another user."),
}
IDLE = "idle-in-transaction timeout"
"""What the driver is left with of a 25P03, which came while it was not listening."""
_CONTENDED = ("40", "55P03", "0A000")
_CORRUPT = ("XX001", "XX002")


def meaning(error: Exception, where: str, *, connected: bool = False, of_a_user: bool = False) -> PartitaError | None:
    """The error of ours that a driver's error means, or None where the statement itself is to blame.

    `connected`: the connection is still there, so what the driver itself refused (two statements at once, too few
    arguments) is the caller's mistake. `of_a_user`: the statement is a handler's.
    """
    if isinstance(error, asyncpg.PostgresError):
        state: str = getattr(error, "sqlstate", "") or ""
        if of_a_user and _is_own_doing(error, state):
            return None
        said = without_rows(str(error))
        if state in _CORRUPT:
            return StoreCorrupt(f"{where}: the database is damaged ({said}).", hint="Put back a backup.")
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
    """The error of a transaction that the server ended since its client did nothing in it."""
    return TransactionEnded(
        f"{where}: the server ended the transaction, which stood still for longer than idle_s; nothing of it was kept.",
        hint="Code that takes long belongs outside of it (concurrency=N), or raise idle_s in the URL of the store.",
    )


def untrusted(error: ssl.SSLError, where: str) -> SettingsError:
    """The error of a store that cannot be opened since its certificate, or the one that should vouch for it, is wrong."""
    return SettingsError(f"{where}: {_tls(error)}.", hint=TLS_HINT)


def _tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({error.verify_message})"
    return f"TLS with the server failed ({error.reason or type(error).__name__})"


def _is_own_doing(error: asyncpg.PostgresError, state: str) -> bool:
    """A statement that takes longer than its role may, and one that would not wait for a lock (NOWAIT): each has its
    tries, as other failures do, or it would be run again for ever. A lock_timeout of the role is told elsewhere in the
    server: somebody was in the way."""
    if state == "55P03":
        return getattr(error, "server_source_function", None) != "ProcessInterrupts"
    return state == "57014"


def _holds(marks: tuple[str, ...], column: Sequence[Any]) -> bool:
    """Whether a column of texts holds one of these characters; looked at in one piece, since it never does."""
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
        self._waiting: dict[Table, list[Sequence[Any]]] = {}

    def is_open(self) -> bool:
        """Whether the transaction is still there: the connection may be lost, or a handler may have ended it."""
        try:
            return not self.connection.is_closed() and self.connection.is_in_transaction()
        except asyncpg.InterfaceError:  # the pool has taken back what was lost
            return False

    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        try:
            return bool(self.connection.is_closed())
        except asyncpg.InterfaceError:  # the pool has taken back what was lost
            return True

    async def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours."""
        await self.flush()
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
        """Run a statement of ours; returns how many rows it changed."""
        await self.flush()
        try:
            return changed(await self.connection.execute(sql, *map(_kept, given)))
        except ERRORS as error:
            raise self.meant(error) from error

    async def insert(self, table: Table, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows in their order; few of them wait until something else is asked or the transaction commits, and go
        with those of other tables. Many go by COPY: of an array for `unnest` the driver looks at each value several
        times, of a row to copy once (a fifth of the time for 1,000 rows, measured)."""
        if len(rows) <= FEW:
            if rows:
                # Those of one table in one insert: several parts of one statement run in no order.
                before = self._waiting.pop(table, ())
                self._waiting[table] = [*before, *rows]
            return
        await self.flush()
        try:
            await self.connection.copy_records_to_table(table.name, columns=table.columns, records=_kept_rows(rows))
        except ERRORS as error:
            raise self._taken(error) from error

    async def flush(self) -> None:
        """Send the rows that wait.

        Raises:
            StoreContended: another transaction has written one of them meanwhile.
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
        """What waits is not wanted any more."""
        self._waiting = {}

    def _taken(self, error: Exception) -> Exception:
        meant = self.meant(error)
        if isinstance(error, asyncpg.UniqueViolationError):
            meant = self.failed = StoreContended(
                f"{self.where}: another transaction was there first ({without_rows(str(error))})."
            )
        return meant

    def meant(self, error: Exception, *, of_a_user: bool = False) -> Exception:
        """What an error means, remembered: what comes after it in this transaction fails because of it."""
        if self.failed is not None and isinstance(error, asyncpg.InFailedSQLTransactionError):
            return self.failed
        meant = meaning(error, self.where, connected=not self.is_lost(), of_a_user=of_a_user) or error
        self.failed = self.failed or meant
        return meant


def changed(tag: str) -> int:
    """The rows of a command's tag ("UPDATE 3"); -1 where it counts none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else -1
