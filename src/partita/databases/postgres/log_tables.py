"""The log's schema in a PostgreSQL database: its names, and how a store finds out whether the log is beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database

SCHEMA = "partita_log"
CHANNEL = "partita_log"
"""Notified with the number of each topic with new records; a channel belongs to a database, as the log does."""

SHOW = "SELECT pg_advisory_xact_lock($1)"
# A lock of this kind names its database, and is in the memory of one running server: neither a restored copy nor a standby
# shows it. Any user may look.
SEES = """
SELECT 1 FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = $1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# Asked of the catalogs: a name in a schema that this user may not use is an error.
MAY = """
SELECT count(*) = 3 FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid
WHERE n.nspname = 'partita_log' AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
  AND (c.relname = 'topic' OR c.relname = 'place' AND ({read} OR has_table_privilege(c.oid, 'UPDATE'))
       OR c.relname = 'record' AND ({read} OR has_table_privilege(c.oid, 'INSERT')))
"""
MAY_READ, MAY_WRITE = MAY.format(read="true"), MAY.format(read="false")


class PostgresLogTables:
    """See `partita.databases.log_tables.LogTables`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def shown(self, number: int) -> AsyncIterator[None]:
        """Hold an advisory lock of this number."""
        async with self._database.writing(durable=False) as link:
            await link.rows(SHOW, number)
            yield


async def is_readable(link: Link) -> bool:
    """Whether there is a log in this database, and this user may read it."""
    return bool((await link.rows(MAY_READ))[0][0])


async def is_writable(link: Link, number: int) -> bool:
    """Whether the log that shows this number is in this database, and this user may write to it."""
    return await link.row(SEES, number) is not None and bool((await link.rows(MAY_WRITE))[0][0])
