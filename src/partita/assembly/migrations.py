"""The schemas of an app: one for each service, those of services' own tables, and the log's if it is in a database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from partita.assembly.existing import Parts
from partita.bus.connect import connect_migrations as migrations_of_bus
from partita.errors import NotFound
from partita.machine.system import this_machine
from partita.migrations.migration import Migrations
from partita.migrations.own_tables import MigrationFolder
from partita.store.connect import connect_migrations, connect_own_migrations

LOG = "log"
OWN = "/tables"
"""Behind the name of a service: the migrations of its own tables."""


def migrations_of(app: Parts, data: Path, only: Collection[str] = ()) -> dict[str, Migrations]:
    """The schemas by name, where the settings place them; with `only` the named ones. A service brings its own tables.

    Raises:
        NotFound: `only` names a schema that does not exist.
    """
    app.settings.check_stores(service.name for service in app.services)
    settings = replace(app.settings, data=data)
    machine = app.machine or this_machine()
    found: dict[str, Migrations] = {}
    for service in app.services:
        where = settings.store_place(service.name)
        found[service.name] = connect_migrations(where, machine, service=service.name, tables=service.tables)
        if isinstance(service.tables, MigrationFolder):
            found[f"{service.name}{OWN}"] = connect_own_migrations(where, machine, service.name, service.tables)
    bus = migrations_of_bus(settings.bus_place(), machine)
    if bus is not None:
        found[LOG] = bus
    for name in only:
        if name not in found:
            raise NotFound(f"There is no schema {name!r}.", hint=f"The schemas are: {', '.join(found)}.")
    return {
        name: schema for name, schema in found.items() if not only or name in only or name.removesuffix(OWN) in only
    }
