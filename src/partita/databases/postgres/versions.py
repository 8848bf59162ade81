"""Which migrations a PostgreSQL schema has, and the next one applied, inside a transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from partita.databases.postgres.asking import Link
from partita.databases.postgres.naming import quoted
from partita.databases.postgres.patience import LOCK
from partita.errors import MigrationPending, NotFound, StoreMismatch
from partita.migration import MIGRATE

SCHEMA_EXISTS = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'"
META = """
CREATE TABLE partita_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE partita_migration (number BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp());
"""
APPLIED = "SELECT coalesce(max(number), 0) FROM partita_migration"
APPLY = "INSERT INTO partita_migration (number) VALUES ($1)"
# As a script for people. A migration that waits for a table's lock lets nobody else at the table meanwhile.
LOCK_TIMEOUT = "SET LOCAL lock_timeout TO '10s'"
# Without it a server works on, and keeps the lock, for a process that was killed within a long statement.
NOTICE_THE_DEAD = (
    "SELECT set_config(name, '1000', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)


class Place(NamedTuple):
    """A schema and the migrations it is to have; `where` names it for people."""

    schema: str
    where: str
    migrations: Sequence[str]


async def applied(link: Link, place: Place) -> int | None:
    """How many migrations the schema has; None = there is no such schema.

    Raises:
        StoreMismatch: it is another program's.
    """
    if await link.row(SCHEMA_EXISTS, place.schema) is None:
        return None
    tables = {row[0] for row in await link.rows(TABLES, quoted(place.schema))}
    if "partita_meta" in tables:
        return int((await link.rows(APPLIED))[0][0])
    if tables:
        raise StoreMismatch(
            f"{place.where}: the schema {place.schema} is another program's.",
            hint="It was not touched. Choose another database, or another name for the service.",
        )
    return 0


async def advance(link: Link, place: Place, *, create: bool = True, migrate: bool = True) -> int | None:
    """Apply the next migration of a schema, which is made where it is missing; None = it has all. The caller has limited how
    long a lock is waited for.

    Raises:
        NotFound: there is none, and none is to be made. MigrationPending: it has not all, and none is to be applied.
        StoreMismatch: it is another program's, or of a newer Partita.
    """
    await link.rows(LOCK, f"partita/{place.schema}")
    known = len(place.migrations)
    version = await applied(link, place)
    if version is None and not create:
        raise NotFound(f"{place.where}: no data of this service there.", hint="Name the database in PARTITA_STORE.")
    if version is not None and version > known:
        raise StoreMismatch(
            f"{place.where}: written by a newer Partita (schema {version}, this one knows {known}).",
            hint="It was not touched. Upgrade Partita here, or choose another database.",
        )
    if version == known:
        return None
    if not migrate:
        raise MigrationPending(
            f"{place.where}: its schema is {version or 'not there'}, this Partita needs {known}, and PARTITA_MIGRATE=off.",
            hint=f"Run `{MIGRATE}` first; `partita db status` shows what is pending.",
        )
    await link.rows(NOTICE_THE_DEAD)
    if version is None:
        await link.run(f"CREATE SCHEMA {quoted(place.schema)}")
    if not version and await _is_bare(link, place.schema):
        await link.run(META)
    number = (version or 0) + 1
    await link.run(place.migrations[number - 1])
    await link.run(APPLY, number)
    return number


async def _is_bare(link: Link, schema: str) -> bool:
    return not await link.rows(TABLES, quoted(schema))
