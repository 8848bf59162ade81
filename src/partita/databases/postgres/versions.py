"""The migrations that a PostgreSQL schema has, and the application of the next one in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from partita.databases.postgres.asking import Link
from partita.databases.postgres.lock_waits import LOCK
from partita.databases.postgres.naming import quoted
from partita.errors import MigrationPending, NotFound, StoreMismatch
from partita.migrations.migration import MIGRATE

SCHEMA_EXISTS = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'"
META = """
CREATE TABLE partita_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE partita_migration (number BIGINT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp());
"""
APPLIED = "SELECT coalesce(max(number), 0) FROM partita_migration"
APPLY = "INSERT INTO partita_migration (number) VALUES ($1)"
# As in a script for people. A migration that waits for a table's lock blocks all others at that table meanwhile.
LOCK_TIMEOUT = "SET LOCAL lock_timeout TO '10s'"
# Without it the server continues a long statement for a process that was killed, and keeps the lock.
NOTICE_THE_DEAD = (
    "SELECT set_config(name, '1000', true) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)


class MigratedSchema(NamedTuple):
    """A schema and the migrations it should have; `where` names it for people."""

    schema: str
    where: str
    migrations: Sequence[str]


async def applied(link: Link, place: MigratedSchema) -> int | None:
    """The number of migrations that the schema has; None = there is no such schema.

    Raises:
        StoreMismatch: it belongs to another program.
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


async def advance(link: Link, place: MigratedSchema, *, create: bool = True, migrate: bool = True) -> int | None:
    """Apply the next migration of a schema, and make the schema if it is missing; None = it has all. The caller has
    limited the wait for locks.

    Raises:
        NotFound: there is no schema, and `create` is off. MigrationPending: it lacks some, and `migrate` is off.
        StoreMismatch: it belongs to another program, or to a newer Partita.
    """
    await link.rows(LOCK, f"partita/{place.schema}")
    known = len(place.migrations)
    version = await applied(link, place)
    if version is None and not create:
        raise NotFound(f"{place.where}: it has no data of this service.", hint="Name the database in PARTITA_STORE.")
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
