"""`partita audit`: the actions of operators, and the check that the record is complete."""

from __future__ import annotations

from pathlib import Path

import click

from partita.cli.operating import beside, run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.operators.audit import Verified, entries
from partita.operators.audit import verify as verify_store
from partita.store.operations import AuditEntry


@click.group(short_help="Actions of operators: list, verify.")
def audit() -> None:
    """The audit: every action of an operator. Entries are appended and sealed, never changed."""


@audit.command("list", epilog="Example:  partita audit list -o json")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@data_option
@app_option
@output_option
def list_(limit: int, data: Path, app_name: str, output: str) -> None:
    """List actions, the oldest first."""

    async def read() -> list[tuple[str, AuditEntry]]:
        async with beside(app_name, data) as system:
            return await entries(system.stores, limit)

    found = run(read())
    if output == "json":
        items = [{"service": name, **entry._asdict(), "at": moment(entry.at_us)} for name, entry in found]
        print_json("Audit", {"items": items})
    elif found:
        rows = [(moment(e.at_us)[:19], e.actor, name, e.verb, e.target, e.detail, e.reason) for name, e in found]
        say(*table(["at (UTC)", "who", "service", "what", "of", "detail", "why"], rows))
    else:
        say("no actions yet")


@audit.command(epilog="Example:  partita audit verify")
@data_option
@app_option
@output_option
@click.pass_context
def verify(context: click.Context, data: Path, app_name: str, output: str) -> None:
    """Check the seal of every entry; exit 3 when an entry was changed, removed or inserted."""

    async def check() -> dict[str, Verified]:
        async with beside(app_name, data) as system:
            return {name: await verify_store(store) for name, store in system.stores.items()}

    found = run(check())
    broken = {name: v.broken for name, v in found.items() if v.broken is not None}
    if output == "json":
        items = [
            {"service": name, "entries": v.entries, "broken_at": v.broken.seq if v.broken else None}
            for name, v in found.items()
        ]
        print_json("AuditVerified", {"items": items})
    else:
        for name, v in found.items():
            said = f"broken at entry {v.broken.seq}" if v.broken else "whole"
            say(f"{name}: {v.entries} entries, {said}")
    if broken:
        context.exit(3)
