"""A message in a transaction of Django."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import Error, connections, transaction

from partita.outbox.drivers.port import FAILED, FAILED_HINT, IN_FAILED_TRANSACTION, Blocking, by_name, marked, refuse
from partita.store.users_transaction import Script, advance


class DjangoDriver(Blocking):
    """See `partita.outbox.drivers.port.Blocking`. Takes `django.db.connection`, or one of `django.db.connections`."""

    def __init__(self, connection: Any) -> None:
        if not hasattr(connection, "alias"):
            refuse(f"A {type(connection).__name__} is not a connection.", "Give django.db.connection.")
        self._alias: str = connection.alias
        self._connection: Any = connections[self._alias]
        self.dialect: str = self._connection.vendor
        if self._connection.in_atomic_block:
            if self._connection.needs_rollback:
                refuse(FAILED, FAILED_HINT)
        elif self._connection.get_autocommit():
            refuse("The connection is in no transaction.", "with transaction.atomic(): ...")

    def run(self, script: Script[None]) -> None:
        """Run the statements of a script; Django's own log and wrappers see them."""
        try:
            statement = advance(script, None)
            with self._connection.cursor() as cursor:
                while statement is not None:
                    cursor.execute(_named(statement.sql), by_name(statement.given))
                    statement = advance(script, cursor.fetchall() if statement.asks else cursor.rowcount)
        except Error as error:
            if getattr(error.__cause__, "sqlstate", None) == IN_FAILED_TRANSACTION:
                refuse(FAILED, FAILED_HINT)
            raise

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it after the commit of an atomic block; Django refuses where autocommit was switched off by hand."""
        if self._connection.in_atomic_block:
            transaction.on_commit(call, using=self._alias, robust=True)


@lru_cache(maxsize=64)
def _named(sql: str) -> str:
    return marked(sql, lambda number: f"%(p{number})s")
