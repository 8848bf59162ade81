"""A message in a transaction of SQLAlchemy: a Session or a Connection, blocking or awaited."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, TextClause, event, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from partita.outbox.drivers.port import (
    FAILED,
    FAILED_HINT,
    IN_FAILED_TRANSACTION,
    Awaited,
    Blocking,
    by_name,
    marked,
    refuse,
)
from partita.store.users_transaction import Script, advance

WAITING = "partita: to be called after the commit"


def sqlalchemy_driver(where: Any) -> SqlalchemyDriver | AsyncSqlalchemyDriver:
    """The driver for a session or a connection."""
    if isinstance(where, scoped_session | async_scoped_session):
        where = where()
    if isinstance(where, AsyncSession | AsyncConnection):
        return AsyncSqlalchemyDriver(where)
    if isinstance(where, Session | Connection):
        return SqlalchemyDriver(where)
    refuse(
        f"A {type(where).__name__} of SQLAlchemy is not a transaction.",
        "Give the Session or the Connection: with engine.begin() as connection: ...",
    )


class SqlalchemyDriver(Blocking):
    """See `partita.outbox.drivers.port.Blocking`."""

    def __init__(self, where: Session | Connection) -> None:
        self._where = where
        self.dialect = (where.get_bind() if isinstance(where, Session) else where).dialect.name

    def run(self, script: Script[None]) -> None:
        """Run the statements of a script."""
        _run(self._where, script)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it after the commit of a session; a connection has no such event."""
        _after_commit(self._where, call)


class AsyncSqlalchemyDriver(Awaited):
    """See `partita.outbox.drivers.port.Awaited`."""

    def __init__(self, where: AsyncSession | AsyncConnection) -> None:
        self._where = where
        self._plain = where.sync_session if isinstance(where, AsyncSession) else where.sync_connection
        bound = self._plain.get_bind() if isinstance(self._plain, Session) else where
        assert not isinstance(bound, AsyncSession)
        self.dialect = bound.dialect.name

    async def run(self, script: Script[None]) -> None:
        """Run the statements of a script in the greenlet in which blocking code can wait for the event loop."""
        await self._where.run_sync(_run, script)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it after the commit of a session; a connection has no such event."""
        if self._plain is not None:
            _after_commit(self._plain, call)


def _after_commit(where: Session | Connection, call: Callable[[], None]) -> None:
    if isinstance(where, Session):
        # One listener per session, for its whole life: listeners of rolled-back transactions would pile up.
        if WAITING not in where.info:
            where.info[WAITING] = {}
            event.listen(where, "after_commit", _call_waiting)
        where.info[WAITING][call] = None


def _call_waiting(session: Session) -> None:
    if session.in_nested_transaction():
        return  # SQLAlchemy reports the end of a savepoint too
    waiting = list(session.info[WAITING])
    session.info[WAITING].clear()
    for call in waiting:
        call()


def _run(where: Session | Connection, script: Script[None]) -> None:
    try:
        # Without a transaction SQLAlchemy begins one here, as for any statement.
        connection = where.connection() if isinstance(where, Session) else where
        _check(connection)
        statement = advance(script, None)
        while statement is not None:
            result = connection.execute(_text(statement.sql), by_name(statement.given))
            answer = [tuple(row) for row in result] if statement.asks else result.rowcount
            statement = advance(script, answer)
    except PendingRollbackError:
        refuse(FAILED, FAILED_HINT)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == IN_FAILED_TRANSACTION:
            refuse(FAILED, FAILED_HINT)
        raise


def _check(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    commits_each = getattr(driver, "autocommit", None) is True
    if connection.dialect.name == "sqlite":
        # A BEGIN by hand, in an event as SQLAlchemy's own documentation advises, is a transaction too.
        commits_each = driver.isolation_level is None and not getattr(driver, "in_transaction", True)
    if commits_each:
        refuse(
            "The connection commits each statement (isolation level AUTOCOMMIT).",
            "Take a session or connection of an engine without it.",
        )


@lru_cache(maxsize=64)
def _text(sql: str) -> TextClause:
    # In parentheses, or the two colons of a cast behind it would be taken for a part of the name.
    return text(marked(sql, lambda number: f"(:p{number})"))
