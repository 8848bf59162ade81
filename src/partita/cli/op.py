"""`partita op`: operations that people began, and how to go on with one that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from partita.cli.dlq_acting import carry_out, carry_out_discard
from partita.cli.operating import beside, run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.operators.audit import actor
from partita.operators.discarding import VERB as DISCARD
from partita.operators.replaying import Replay
from partita.store.operations import OperationRow


@click.group(short_help="Operations of people: list, resume.")
def op() -> None:
    """Operations: bulk actions that are written down before they begin and can be resumed."""


@op.command("list", epilog="Example:  partita op list")
@data_option
@app_option
@output_option
def list_(data: Path, app_name: str, output: str) -> None:
    """List operations, the latest first."""

    async def read() -> list[tuple[str, OperationRow]]:
        found: list[tuple[str, OperationRow]] = []
        async with beside(app_name, data) as system:
            for name, store in system.stores.items():
                async with store.reading() as session:
                    found += [(name, row) for row in await session.operations.find()]
        return sorted(found, key=lambda pair: -pair[1].created_us)

    found = run(read())
    if output == "json":
        print_json("Operations", {"items": [{"group": name, **row._asdict()} for name, row in found]})
    elif found:
        rows = [
            (row.id, name, row.verb, row.status, f"{row.done + row.failed} of {row.planned}", row.actor)
            + (moment(row.created_us)[:19], row.reason)
            for name, row in found
        ]
        say(*table(["id", "group", "what", "status", "done", "by", "began (UTC)", "reason"], rows))
    else:
        say("no operations yet")


@op.command(epilog="Example:  partita op resume op_8f5f0cac74d3")
@click.argument("operation_id", metavar="ID")
@data_option
@app_option
@output_option
@click.pass_context
def resume(context: click.Context, operation_id: str, data: Path, app_name: str, output: str) -> None:
    """Go on with an operation that was interrupted or stopped."""

    async def work() -> dict[str, Any]:
        async with beside(app_name, data) as system:
            for name, store in system.stores.items():
                async with store.reading() as session:
                    row = await session.operations.get(operation_id)
                if row is not None and row.verb == DISCARD:
                    return await carry_out_discard(system.catalog.service(name), store, row)
                if row is not None:
                    job = Replay(system.catalog.service(name), store, system.clock, system.ids, actor())
                    return await carry_out(name, job, operation_id)
        raise NotFound(f"There is no operation {operation_id!r}.", hint="partita op list")

    result = run(work())
    if output == "json":
        print_json("Operation", {"items": [result]})
    else:
        say(", ".join(f"{k} {v}" for k, v in result.items() if v != ""))
    if result["stopped"]:
        context.exit(1)
