"""`partita db`: the schemas of an app's databases: what is pending, applied, as SQL, and whether they are as they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from partita.app import App, load_app
from partita.bus.connect import connect_migrations as migrations_of_bus
from partita.cli.operating import confirmed, run
from partita.cli.output import data_option, document, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_argument
from partita.errors import NotFound
from partita.machine.system import this_machine
from partita.migrations.migration import WAIT_S, Deviation, Migrations, Standing
from partita.migrations.own_tables import MigrationFolder
from partita.store.connect import connect_migrations, connect_own_migrations

LOG = "log"
OWN = "/tables"
"""Behind the name of a service: the migrations of its own tables."""
only_option = click.option("--only", multiple=True, help=f"A service, or {LOG!r}; may be given several times.")


@click.group(short_help="Schemas of the databases: status, upgrade, sql, check.")
def db() -> None:
    """The schemas of the databases of MODULE:APP: one for each service, and the log's where it is kept in a database.

    Where a service has migrations= of its own, NAME/tables are those.

    A start applies what is pending by itself, unless PARTITA_MIGRATE=off leaves it to `partita db upgrade`.
    """


@db.command(epilog="Example:  partita db status module:app --store postgresql://user@host/database")
@app_argument
@only_option
@data_option
@output_option
def status(app_name: str, only: tuple[str, ...], data: Path, output: str) -> int:
    """Show which migrations each schema has and how many are pending; exit 3 when one is not current."""
    schemas = _schemas(load_app(app_name), data, only)
    standings = run(_standings(schemas))
    if output == "json":
        items = [
            {"name": n, "where": schemas[n].where, **s._asdict(), "pending": s.pending, "state": s.state}
            for n, s in standings.items()
        ]
        print_json("DbStatus", {"pending": sum(s.pending for s in standings.values()), "items": items})
    else:
        rows = [(n, s.applied, s.known, s.pending, s.state, schemas[n].where) for n, s in standings.items()]
        say(*table(["schema", "applied", "known", "pending", "state", "where"], rows))
    return 3 if any(s.state != "current" for s in standings.values()) else 0


@db.command(epilog="Example:  partita db upgrade module:app --dry-run")
@app_argument
@only_option
@click.option("--dry-run", is_flag=True, help="Only say what would be applied; exit 3 when something would.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=WAIT_S, show_default=True, help="Seconds to wait for others."
)
@data_option
@output_option
def upgrade(
    app_name: str, only: tuple[str, ...], dry_run: bool, yes: bool, wait_s: float, data: Path, output: str
) -> int:
    """Apply what is pending, of Partita's schemas and of the services' own tables.

    Each migration commits by itself under a lock: killed midway, the next run goes on; of two at once one applies it.
    Where a transaction of others is in the way it says whose, and gives up after --wait seconds (exit 6).
    """
    schemas = _schemas(load_app(app_name), data, only)
    standings = run(_standings(schemas))
    pending = {name: _numbers(s) for name, s in standings.items() if s.pending}
    count = sum(len(numbers) for numbers in pending.values())
    if output == "text":
        for name, numbers in pending.items():
            talk(f"pending: {name} {_words(numbers)}")
    done: dict[str, list[int]] = {name: [] for name in schemas}
    if not dry_run:
        if count:
            confirmed(f"Apply {count} migrations to {len(pending)} schemas", count, yes=yes, reason="migration")
        for name, schema in schemas.items():
            done[name] = list(run(_upgraded(schema, wait_s)))
            if done[name] and output == "text":
                say(f"{name}: applied {_words(done[name])}")
    if output == "json":
        items = [{"name": n, "where": schemas[n].where, "applied": done[n]} for n in schemas]
        print_json("DbUpgrade", {"dry_run": dry_run, "pending": pending if dry_run else {}, "items": items})
    elif dry_run and count:
        talk("nothing was changed (--dry-run)")
    elif not any(done.values()):
        say("nothing to do" + (": another process was faster" if count and not dry_run else ""))
    return 3 if dry_run and count else 0


@db.command(epilog="Example:  partita db sql module:app --only orders | psql -v ON_ERROR_STOP=1 DATABASE")
@app_argument
@only_option
@click.option(
    "--all", "everything", is_flag=True, help="From an empty database, whatever is applied; needs no database."
)
@data_option
@output_option
def sql(app_name: str, only: tuple[str, ...], everything: bool, data: Path, output: str) -> None:
    """Print the SQL that `upgrade` would run, for a person who may not run `upgrade`. Changes nothing.

    For files there is one script for each: give --only.
    """
    schemas = _schemas(load_app(app_name), data, only)
    applied = dict.fromkeys(schemas, 0) if everything else {n: s.applied for n, s in run(_standings(schemas)).items()}
    scripts = {name: schema.script(applied[name]) for name, schema in schemas.items()}
    if output == "json":
        print_json("DbSql", {"items": [{"name": n, "where": schemas[n].where, "sql": s} for n, s in scripts.items()]})
        return
    for name, script in scripts.items():
        if script:
            say(f"-- {name}: {schemas[name].where}")
            document(script)
    if not any(scripts.values()):
        talk("nothing is pending")


@db.command(epilog="Example:  partita db check module:app --store postgresql://user@host/database")
@app_argument
@only_option
@data_option
@output_option
def check(app_name: str, only: tuple[str, ...], data: Path, output: str) -> int:
    """Compare each live schema with what its migrations make; exit 3 when one differs. Changes nothing.

    On a server what they make is made beside it, in a transaction that is rolled back: that needs the right to create a
    schema. Of the tables of tables= only their absence is reported; of a folder of migrations= whether each file is applied.
    """
    schemas = _schemas(load_app(app_name), data, only)
    items: list[dict[str, str]] = []
    for name, standing in run(_standings(schemas)).items():
        if standing.state != "current":
            said = (
                f"newer than this {'app' if name.endswith(OWN) else 'Partita'}"
                if standing.state == "newer"
                else f"{standing.pending} pending"
            )
            items.append({"name": name, "what": "migrations", "expected": f"{standing.known} applied", "found": said})
            continue
        items += [{"name": name, **deviation._asdict()} for deviation in run(_checked(schemas[name]))]
    if output == "json":
        print_json("DbCheck", {"findings": len(items), "items": items})
        return 3 if items else 0
    for item in items:
        say(f"{item['name']}: {item['what']}: {item['found']}")
        if item["expected"] != "there":
            say(f"    expected: {item['expected']}")
    if items:
        say("", f"{len(items)} findings in {len(schemas)} schemas")
    else:
        say(f"{len(schemas)} schemas are as they should be")
    return 3 if items else 0


def _schemas(app: App, data: Path, only: tuple[str, ...]) -> dict[str, Migrations]:
    """The schemas of an app by name, as its settings and the options place them."""
    app.settings.check_stores(service.name for service in app.services)
    settings = replace(app.settings, data=data)
    machine = this_machine()
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
            raise NotFound(f"There is no schema {name!r}.", hint=f"There is: {', '.join(found)}.")
    return {
        name: schema for name, schema in found.items() if not only or name in only or name.removesuffix(OWN) in only
    }


async def _standings(schemas: Mapping[str, Migrations]) -> dict[str, Standing]:
    return {name: await schema.standing() for name, schema in schemas.items()}


async def _upgraded(schema: Migrations, wait_s: float) -> list[int]:
    return list(await schema.upgrade(wait_s))


async def _checked(schema: Migrations) -> list[Deviation]:
    return list(await schema.check())


def _numbers(standing: Standing) -> list[int]:
    return list(range(standing.applied + 1, standing.known + 1))


def _words(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
