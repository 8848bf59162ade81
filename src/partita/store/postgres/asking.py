"""Asking PostgreSQL: many rows in one statement, any text, and errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from partita.errors import PartitaError, StoreCorrupt, StoreUnavailable

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
    "25P03": ("the transaction stood still for too long", "Raise idle_in_transaction_session_timeout."),
    "0A000": ("a table was changed under the statement", "It is run again."),
    "28": ("the server refuses this user", "Check the user and the password of the URL, and pg_hba.conf."),
    "3D000": ("there is no such database", "CREATE DATABASE, or correct the URL."),
    "42501": ("this user may not do that", "GRANT it, or use another user."),
}
_CORRUPT = ("XX001", "XX002")
# PostgreSQL's text holds no NUL. Keys and ids are other programs' text and may: it is written as two characters,
# and so is the one that announces it.
_ESCAPES = {"\0": "\1a", "\1": "\1b"}
_MEANT = {escape: text for text, escape in _ESCAPES.items()}
_TO_ESCAPE = re.compile("[\0\1]")
_ESCAPED = re.compile("\1[ab]")


def meaning(error: Exception, where: str) -> PartitaError | None:
    """The error of ours that a driver's error means, or None where the statement itself is to blame."""
    if isinstance(error, asyncpg.PostgresError):
        state: str = getattr(error, "sqlstate", "") or ""
        if state in _CORRUPT:
            return StoreCorrupt(f"{where}: the database is damaged ({error}).", hint="Put back a backup.")
        if state == "0A000" and not isinstance(error, asyncpg.InvalidCachedStatementError):
            return None
        found = _UNAVAILABLE.get(state) or _UNAVAILABLE.get(state[:2])
        return found and StoreUnavailable(f"{where}: {found[0]} ({error}).", hint=found[1])
    if isinstance(error, asyncpg.DataError):
        return None
    what = str(error) or "no answer in time"
    return StoreUnavailable(f"{where}: the server cannot be reached ({what}).", hint="Check that it runs, and the URL.")


def unnest(first: int = 1, /, **kinds: str) -> str:
    """A table of rows given as one array per column, with their order in `ord`: `unnest(key="text", last="bigint")`."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds.values(), start=first))
    names = ", ".join(f'"{name}"' for name in kinds)
    return f"unnest({arrays}) WITH ORDINALITY AS r({names}, ord)"


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one list per column, for `unnest`."""
    return [list(column) for column in zip(*rows, strict=True)]


def kept(text: str) -> str:
    """A text as PostgreSQL can hold it."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], text) if "\0" in text or "\1" in text else text


def told(value: Any) -> Any:
    """A value as it was before `kept`."""
    if value.__class__ is str and "\1" in value:
        return _ESCAPED.sub(lambda found: _MEANT[found[0]], value)
    return value


def _kept(value: Any) -> Any:
    if value.__class__ is str:
        return kept(value)
    if value.__class__ is list:
        return [kept(each) if each.__class__ is str else each for each in value]
    return value


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

    def is_open(self) -> bool:
        """Whether the transaction is still there: the connection may be lost, or a handler may have ended it."""
        try:
            return not self.connection.is_closed() and self.connection.is_in_transaction()
        except asyncpg.InterfaceError:  # the pool has taken back what was lost
            return False

    async def rows(self, sql: str, *given: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement of ours."""
        try:
            found: Iterable[Any] = await self.connection.fetch(sql, *map(_kept, given))
        except ERRORS as error:
            raise self.meant(error) from error
        return [tuple([told(value) for value in row]) for row in found]

    async def row(self, sql: str, *given: Any) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        found = await self.rows(sql, *given)
        return found[0] if found else None

    async def run(self, sql: str, *given: Any) -> int:
        """Run a statement of ours; returns how many rows it changed."""
        try:
            return changed(await self.connection.execute(sql, *map(_kept, given)))
        except ERRORS as error:
            raise self.meant(error) from error

    def meant(self, error: Exception) -> Exception:
        """What an error means, remembered: what comes after it in this transaction fails because of it."""
        if self.failed is None:
            self.failed = meaning(error, self.where) or error
        elif not isinstance(error, asyncpg.InFailedSQLTransactionError):
            return meaning(error, self.where) or error
        return self.failed


def changed(tag: str) -> int:
    """The rows of a command's tag ("UPDATE 3"); -1 where it counts none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdigit() else -1
