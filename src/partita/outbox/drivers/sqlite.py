"""A message in a transaction of sqlite3."""

from __future__ import annotations

import sqlite3
from typing import Any

from partita.outbox.drivers.port import Blocking, refuse
from partita.store.users_transaction import Script, advance


class SqliteDriver(Blocking):
    """See `partita.outbox.drivers.port.Blocking`."""

    dialect = "sqlite"

    def __init__(self, connection: Any) -> None:
        if not isinstance(connection, sqlite3.Connection):
            refuse(f"A {type(connection).__name__} is not a connection.", "Give the connection: cursor.connection.")
        check(connection)
        self._connection = connection

    def run(self, script: Script[None]) -> None:
        """Run the statements of a script."""
        statement = advance(script, None)
        while statement is not None:
            # A new cursor returns plain rows, whatever the connection's row_factory is.
            cursor = sqlite3.Cursor(self._connection)
            cursor.row_factory = None
            cursor.execute(statement.sql, statement.given)
            statement = advance(script, cursor.fetchall() if statement.asks else cursor.rowcount)


def check(connection: sqlite3.Connection) -> None:
    """Refuse a connection that would commit each statement."""
    # With an isolation level, or with autocommit=False (3.12), the first statement that writes begins a transaction.
    begins = connection.isolation_level is not None and getattr(connection, "autocommit", None) is not True
    if not connection.in_transaction and not begins:
        refuse(
            "The connection is in no transaction: it commits each statement.", 'connection.execute("BEGIN IMMEDIATE")'
        )
