"""The one door to the drivers: picks one by the library of a connection, and imports only that one."""

from __future__ import annotations

from typing import Any

from partita.errors import NoTransaction
from partita.outbox.drivers.port import Awaited, Blocking

LIBRARIES = ("asyncpg", "psycopg", "sqlite3", "sqlalchemy", "django")


def driver_of(where: Any) -> Blocking | Awaited:
    """The driver for a connection or session; checks that it is in a transaction.

    Raises:
        NoTransaction: its library is unknown here, it is in no transaction, or in one that has failed.
    """
    match library_of(where):
        case "sqlalchemy":
            from partita.outbox.drivers.sqlalchemy import sqlalchemy_driver

            return sqlalchemy_driver(where)
        case "asyncpg":
            from partita.outbox.drivers.asyncpg import AsyncpgDriver

            return AsyncpgDriver(where)
        case "psycopg":
            from partita.outbox.drivers.psycopg import psycopg_driver

            return psycopg_driver(where)
        case "sqlite3":
            from partita.outbox.drivers.sqlite import SqliteDriver

            return SqliteDriver(where)
        case "django":
            from partita.outbox.drivers.django import DjangoDriver

            return DjangoDriver(where)
    kind = type(where)
    raise NoTransaction(
        f"A message cannot leave with a {kind.__module__}.{kind.__qualname__}.",
        hint="Give the connection or session of your transaction: SQLAlchemy, asyncpg, psycopg 3, sqlite3, or "
        "django.db.connection.",
    )


def library_of(where: Any) -> str:
    """The library that defines an object's class or a parent of it; "" = none of these."""
    for kind in type(where).__mro__:
        library = kind.__module__.partition(".")[0]
        if library in LIBRARIES:
            return library
    return ""
