"""The one door to the buses: picks the adapter by URL or path, and imports only that one."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from partita.bus.administration import Administration
from partita.bus.connected import Connected
from partita.errors import SettingsError
from partita.machine.port import Machine, Wake
from partita.migrations.migration import Migrations
from partita.settings.address import POSTGRESQL, check_bus, folder_of, scheme_of

ASK_S = 10.0


def connect_bus(
    where: str | Path,
    machine: Machine,
    wake: Wake | None,
    instance: str = "",
    *,
    create: bool = True,
    migrate: bool = True,
    ask_s: float = ASK_S,
    registry: str = "",
) -> Connected:
    """The bus at a URL (`log:///folder`, `postgresql://user@host/database`, `kafka://host:port`) or a path to a log's
    file; `instance` is a name that this process keeps over restarts, for a bus whose groups remember their members by
    it. `ask_s` is how long a query for people or metrics waits for a broker. `registry` is the URL of
    a schema registry whose ids go before the values on Kafka. Without `create` a database without a
    log stays untouched; without `migrate` a log whose schema lacks a migration is refused.

    Raises:
        SettingsError: the URL names no bus of this build.
    """
    scheme = _scheme(where)
    if scheme == "kafka":
        return _kafka(str(where), machine, instance, ask_s, registry)
    if scheme in POSTGRESQL:
        return _postgres(str(where), machine, create, migrate)
    from partita.bus.log.bus import LogBus

    assert wake is not None, "the embedded log wakes its readers by it"
    bus = LogBus(_file(where), machine, wake=wake, migrate=migrate)
    return Connected(bus, bus.registry)


def connect_migrations(where: str | Path, machine: Machine) -> Migrations | None:
    """The migrations of a bus that keeps its records in a database of Partita's; None for a broker.

    Raises:
        SettingsError: the URL names no bus of this build.
    """
    scheme = _scheme(where)
    if scheme == "kafka":
        return None
    if scheme in POSTGRESQL:
        return _postgres_migrations(str(where), machine)
    from partita.bus.log.schema import APPLICATION_ID, MIGRATIONS
    from partita.databases.sqlite.migrations import SqliteMigrations

    return SqliteMigrations(_file(where), machine, application_id=APPLICATION_ID, migrations=MIGRATIONS)


def connect_administration(where: str | Path, machine: Machine, *, ask_s: float = ASK_S) -> Administration | None:
    """The administration of a bus's topics; None for a bus without one. `ask_s` is how long a query waits.

    Raises:
        SettingsError: the URL names no bus of this build.
    """
    if _scheme(where) != "kafka":
        return None
    try:
        from partita.bus.kafka.administration import KafkaAdministration
    except ModuleNotFoundError as error:
        _absent(error)
    return KafkaAdministration(str(where), clock=machine.clock, ask_s=ask_s)


def _scheme(where: str | Path) -> str:
    """The scheme of a bus's URL; empty for a path."""
    if isinstance(where, Path):
        return ""
    check_bus("The bus", where)
    return scheme_of(where)


def _file(where: str | Path) -> Path:
    """The log's file: a path is its own, a URL or a text names its folder."""
    if isinstance(where, Path):
        return where
    folder = folder_of(where)
    assert folder is not None, "asked of files only"
    return folder / "log.db"


def _absent(error: ModuleNotFoundError) -> NoReturn:
    if error.name != "confluent_kafka":
        raise error
    raise SettingsError("Kafka needs the client confluent-kafka.", hint="pip install 'partita[kafka]'") from error


def _postgres(url: str, machine: Machine, create: bool, migrate: bool) -> Connected:
    try:
        from partita.bus.postgres.bus import PostgresBus
    except ModuleNotFoundError as error:
        _no_asyncpg(error)
    bus = PostgresBus(url, machine, create=create, migrate=migrate)
    return Connected(bus, bus.registry)


def _postgres_migrations(url: str, machine: Machine) -> Migrations:
    try:
        from partita.bus.postgres.schema import MIGRATIONS
        from partita.databases.postgres.log_tables import SCHEMA
        from partita.databases.postgres.migrations import PostgresMigrations
    except ModuleNotFoundError as error:
        _no_asyncpg(error)
    return PostgresMigrations(url, machine, SCHEMA, MIGRATIONS)


def _no_asyncpg(error: ModuleNotFoundError) -> NoReturn:
    if error.name != "asyncpg":
        raise error
    raise SettingsError("PostgreSQL needs the driver asyncpg.", hint="pip install 'partita[postgres]'") from error


def _kafka(url: str, machine: Machine, instance: str, ask_s: float, registry: str) -> Connected:
    try:
        from partita.bus.kafka.bus import KafkaBus
        from partita.bus.kafka.frames import Frames
        from partita.schemas.confluent.client import RegistryClient
    except ModuleNotFoundError as error:
        _absent(error)
    frames = Frames(RegistryClient(registry, machine.clock)) if registry else None
    bus = KafkaBus(url, clock=machine.clock, instance=instance, ask_s=ask_s, frames=frames)
    return Connected(bus, bus.registry)
