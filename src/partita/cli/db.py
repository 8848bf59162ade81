"""`partita db`: the schemas of an app's databases: status, upgrade, SQL of an upgrade, check of live schemas."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from partita.app import load_app
from partita.assembly.migrations import LOG, migrations_of
from partita.cli.operating import confirmed, run
from partita.cli.output import data_option, document, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_argument
from partita.migrations.migration import WAIT_S, Migrations, Standing
from partita.observability.live_schemas import schema_findings, standings

only_option = click.option("--only", multiple=True, help=f"A service, or {LOG!r}; may be given several times.")


@click.group(short_help="Schemas of the databases: status, upgrade, sql, check.")
def db() -> None:
    """The schemas of the databases of MODULE:APP: one for each service, and one for a log that is in a database.

    Where a service has migrations= of its own, NAME/tables is their schema.
    A start applies pending migrations by itself, unless PARTITA_MIGRATE=off leaves them to `partita db upgrade`.
    """


@db.command(epilog="Example:  partita db status module:app --store postgresql://user@host/database")
@app_argument
@only_option
@data_option
@output_option
def status(app_name: str, only: tuple[str, ...], data: Path, output: str) -> int:
    """Show which migrations each schema has and how many are pending; exit 3 when one is not current."""
    schemas = migrations_of(load_app(app_name), data, only)
    found = run(standings(schemas))
    if output == "json":
        items = [
            {"name": n, "where": schemas[n].where, **s._asdict(), "pending": s.pending, "state": s.state}
            for n, s in found.items()
        ]
        print_json("DbStatus", {"pending": sum(s.pending for s in found.values()), "items": items})
    else:
        rows = [(n, s.applied, s.known, s.pending, s.state, schemas[n].where) for n, s in found.items()]
        say(*table(["schema", "applied", "known", "pending", "state", "where"], rows))
    return 3 if any(s.state != "current" for s in found.values()) else 0


@db.command(epilog="Example:  partita db upgrade module:app --dry-run")
@app_argument
@only_option
@click.option("--dry-run", is_flag=True, help="Only list the pending migrations; exit 3 when there is one.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=WAIT_S,
    show_default=True,
    help="Seconds to wait for other sessions.",
)
@data_option
@output_option
def upgrade(
    app_name: str, only: tuple[str, ...], dry_run: bool, yes: bool, wait_s: float, data: Path, output: str
) -> int:
    """Apply pending migrations of Partita's schemas and of the services' own tables.

    Each migration commits by itself under a lock. After a kill the next run continues, and of two runs at once one
    applies each. When a transaction of another program is in the way, the command names it and gives up after --wait
    seconds (exit 6).
    """
    schemas = migrations_of(load_app(app_name), data, only)
    found = run(standings(schemas))
    pending = {name: _numbers(s) for name, s in found.items() if s.pending}
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
        say("nothing to do" + (": another process had applied them" if count and not dry_run else ""))
    return 3 if dry_run and count else 0


@db.command(epilog="Example:  partita db sql module:app --only orders | psql -v ON_ERROR_STOP=1 DATABASE")
@app_argument
@only_option
@click.option("--all", "everything", is_flag=True, help="All migrations, for an empty database; needs no database.")
@data_option
@output_option
def sql(app_name: str, only: tuple[str, ...], everything: bool, data: Path, output: str) -> None:
    """Print the SQL that `upgrade` would run, for a person who may not run `upgrade`. Changes nothing.

    SQLite files need one script each: give --only.
    """
    schemas = migrations_of(load_app(app_name), data, only)
    applied = dict.fromkeys(schemas, 0) if everything else {n: s.applied for n, s in run(standings(schemas)).items()}
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
    """Compare each live schema with its migrations; exit 3 when one differs. Changes nothing.

    On a server the expected schema is made beside the live one, in a transaction that is rolled back: that needs the
    right to create a schema. For tables= only missing tables are reported; for migrations= the files not yet applied.
    """
    schemas = migrations_of(load_app(app_name), data, only)
    found = run(schema_findings(schemas))
    if output == "json":
        print_json("DbCheck", {"findings": len(found), "items": [asdict(finding) for finding in found]})
        return 3 if found else 0
    for finding in found:
        say(f"{finding.name}: {finding.what}: {finding.found}")
        if finding.expected != "there":
            say(f"    expected: {finding.expected}")
    if found:
        say("", f"{len(found)} findings in {len(schemas)} schemas")
    else:
        say(f"{len(schemas)} schemas match their migrations")
    return 3 if found else 0


async def _upgraded(schema: Migrations, wait_s: float) -> list[int]:
    return list(await schema.upgrade(wait_s))


def _numbers(standing: Standing) -> list[int]:
    return list(range(standing.applied + 1, standing.known + 1))


def _words(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
