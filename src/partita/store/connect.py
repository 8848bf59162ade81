"""The one door to the stores: picks the adapter by URL or path, and imports only that one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from partita.databases.postgres.finding import ServerFinding
from partita.errors import SettingsError
from partita.machine.port import Machine, Wake
from partita.migrations.migration import WAIT_S, Migrations
from partita.migrations.own_tables import MigrationFolder, OwnTables, Tables
from partita.settings.address import POSTGRESQL, check_store, folder_of, scheme_of
from partita.store.handover import Handover
from partita.store.port import Store
from partita.store.users_transaction import ForeignTables


def connect_store(
    where: str | Path,
    machine: Machine,
    *,
    service: str,
    tables: Tables,
    wake: Wake | None = None,
    create: bool = True,
    migrate: bool = True,
) -> Store:
    """The store of a service at a URL (`sqlite:///folder`, `postgresql://user@host/database`) or a path to its file.
    `tables` is the service's declaration of its own tables. Without `create` a server's database without data of the
    service stays untouched; without `migrate` a database that lacks a migration is refused.

    Raises:
        SettingsError: the URL names no store of this build. DeclarationError: a migration has no file for that
            database.
    """
    place = _place(where, service)
    if isinstance(place, str):
        try:
            from partita.store.postgres.store import PostgresStore
        except ModuleNotFoundError as error:
            _absent(error)
        return PostgresStore(place, machine, service=service, tables=tables, create=create, migrate=migrate)
    from partita.store.sqlite.store import SqliteStore

    return SqliteStore(place, machine, service=service, tables=tables, wake=wake, migrate=migrate)


def connect_handover(
    where: str, machine: Machine, services: Sequence[str], slot: str, wait_s: float = WAIT_S
) -> Handover:
    """The outboxes of services as another program may read them; `wait_s` is how long a change waits for others.

    Raises:
        SettingsError: no program can follow this store's outboxes, or the slot's name is not valid.
    """
    if not re.fullmatch("[a-z0-9_]{1,63}", slot):
        raise SettingsError(
            f"{slot!r} is not valid as a slot's name.", hint="Lower-case letters, digits and underscores, 63 at most."
        )
    if scheme_of(where) not in POSTGRESQL:
        raise SettingsError(
            "Another program can read outboxes only in PostgreSQL, whose log it can follow.",
            hint="PARTITA_STORE=postgresql://user@host:5432/database, or --store",
        )
    from partita.store.postgres.handover import PostgresHandover

    return PostgresHandover(where, machine, services, slot, wait_s)


def connect_migrations(where: str | Path, machine: Machine, *, service: str, tables: Tables) -> Migrations:
    """Partita's migrations of a service's database, and the text of its `tables=`; it finds the database as
    `connect_store` does.

    Raises:
        SettingsError: the URL names no store of this build.
    """
    place = _place(where, service)
    text = tables if isinstance(tables, str) else ""
    if isinstance(place, str):
        try:
            from partita.databases.postgres.migrations import PostgresMigrations
            from partita.store.postgres.handover import SWITCHED
            from partita.store.postgres.schema import MIGRATIONS
        except ModuleNotFoundError as error:
            _absent(error)
        return PostgresMigrations(place, machine, service, MIGRATIONS, text, SWITCHED)
    from partita.databases.sqlite.migrations import SqliteMigrations
    from partita.store.sqlite import schema

    return SqliteMigrations(
        place, machine, application_id=schema.APPLICATION_ID, migrations=schema.MIGRATIONS, tables=text
    )


def connect_own_migrations(where: str | Path, machine: Machine, service: str, folder: MigrationFolder) -> Migrations:
    """The migrations in a service's folder, for its database; it finds the database as `connect_store` does.

    Raises:
        SettingsError: the URL names no store of this build. DeclarationError: a migration has no file for that
            database.
    """
    place = _place(where, service)
    if isinstance(place, str):
        own = OwnTables.of(service, folder, "postgres")
        try:
            from partita.databases.postgres.own_migrations import PostgresOwnMigrations
            from partita.store.postgres.schema import MIGRATIONS
        except ModuleNotFoundError as error:
            _absent(error)
        return PostgresOwnMigrations(place, machine, own, MIGRATIONS)
    from partita.databases.sqlite.own_migrations import SqliteOwnMigrations
    from partita.store.sqlite import schema

    own = OwnTables.of(service, folder, "sqlite")
    return SqliteOwnMigrations(place, machine, own, application_id=schema.APPLICATION_ID, migrations=schema.MIGRATIONS)


async def server_findings(url: str, machine: Machine) -> Sequence[ServerFinding]:
    """Findings about the server at a store's URL; none for files.

    Raises:
        StoreUnavailable: it cannot be reached. SettingsError: the URL names no store of this build.
    """
    if not url or isinstance(_place(url, ""), Path):
        return []
    try:
        from partita.databases.postgres.health import check_server
    except ModuleNotFoundError as error:
        _absent(error)
    return await check_server(url, machine)


def _place(where: str | Path, service: str) -> str | Path:
    """The URL of a server, or the path of a file: a path is the file's own, a URL or a text names its folder."""
    if isinstance(where, Path):
        return where
    check_store("The store", where)
    folder = folder_of(where)
    return where if folder is None else folder / f"{service}.db"


def _absent(error: ModuleNotFoundError) -> NoReturn:
    if error.name != "asyncpg":
        raise error
    raise SettingsError("PostgreSQL needs the driver asyncpg.", hint="pip install 'partita[postgres]'") from error


def foreign_tables(dialect: str, service: str) -> ForeignTables:
    """A service's outbox for the transactions of other programs on "postgresql" or "sqlite".

    Raises:
        SettingsError: Partita has no store of that kind.
    """
    if dialect == "postgresql":
        from partita.store.postgres.users_transaction import PostgresForeignTables

        return PostgresForeignTables(service)
    if dialect == "sqlite":
        from partita.store.sqlite.users_transaction import SqliteForeignTables

        return SqliteForeignTables(service)
    raise SettingsError(
        f"The connection is to {dialect}, where {service} cannot have its tables.", hint="PostgreSQL or SQLite."
    )
