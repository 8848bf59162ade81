"""A message in a transaction of asyncpg."""

from __future__ import annotations

from typing import Any

import asyncpg

from partita.outbox.drivers.port import FAILED, FAILED_HINT, Awaited, refuse
from partita.store.users_transaction import Script, advance


class AsyncpgDriver(Awaited):
    """See `partita.outbox.drivers.port.Awaited`."""

    dialect = "postgresql"

    def __init__(self, connection: Any) -> None:
        if not hasattr(connection, "is_in_transaction"):
            refuse(
                "A pool is not a connection.", "async with pool.acquire() as connection, connection.transaction(): ..."
            )
        if not connection.is_in_transaction():
            refuse("The connection is in no transaction.", "async with connection.transaction(): ...")
        self._connection = connection

    async def run(self, script: Script[None]) -> None:
        """Run the statements of a script."""
        connection = self._connection
        statement = advance(script, None)
        try:
            while statement is not None:
                if statement.asks:
                    answer: Any = await connection.fetch(statement.sql, *statement.given)
                else:
                    # "INSERT 0 3"
                    answer = int((await connection.execute(statement.sql, *statement.given)).rpartition(" ")[2])
                statement = advance(script, answer)
        except asyncpg.InFailedSQLTransactionError:
            refuse(FAILED, FAILED_HINT)
