"""A message in a transaction of psycopg 3, blocking or awaited."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from partita.outbox.drivers.port import FAILED, FAILED_HINT, Awaited, Blocking, refuse
from partita.store.users_transaction import Script, advance


def psycopg_driver(connection: Any) -> PsycopgDriver | AsyncPsycopgDriver:
    """The driver for a connection."""
    if isinstance(connection, psycopg.AsyncConnection):
        _check(connection)
        return AsyncPsycopgDriver(connection)
    if isinstance(connection, psycopg.Connection):
        _check(connection)
        return PsycopgDriver(connection)
    refuse(f"A {type(connection).__name__} is not a connection.", "Give the connection: cursor.connection.")


class PsycopgDriver(Blocking):
    """See `partita.outbox.drivers.port.Blocking`."""

    dialect = "postgresql"

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, script: Script[None]) -> None:
        """Run the statements of a script."""
        statement = advance(script, None)
        with psycopg.RawCursor(self._connection, row_factory=tuple_row) as cursor:
            while statement is not None:
                cursor.execute(statement.sql.encode(), statement.given)
                statement = advance(script, cursor.fetchall() if statement.asks else cursor.rowcount)


class AsyncPsycopgDriver(Awaited):
    """See `partita.outbox.drivers.port.Awaited`."""

    dialect = "postgresql"

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def run(self, script: Script[None]) -> None:
        """Run the statements of a script."""
        statement = advance(script, None)
        async with psycopg.AsyncRawCursor(self._connection, row_factory=tuple_row) as cursor:
            while statement is not None:
                await cursor.execute(statement.sql.encode(), statement.given)
                statement = advance(script, await cursor.fetchall() if statement.asks else cursor.rowcount)


def _check(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    status = connection.info.transaction_status
    if status == TransactionStatus.INERROR:
        refuse(FAILED, FAILED_HINT)
    # Without autocommit the first statement begins the transaction, also this one.
    if connection.autocommit and status == TransactionStatus.IDLE:
        refuse("The connection is in no transaction: it commits each statement.", "with connection.transaction(): ...")
