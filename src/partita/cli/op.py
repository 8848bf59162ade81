"""`partita op`: operations of operators; resume one that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from partita.cli.dlq_acting import carried_out
from partita.cli.operating import beside, run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.operators.operations import Operation, operations, the_operation


@click.group(short_help="Operations of operators: list, resume.")
def op() -> None:
    """Operations: bulk actions. Each is recorded before it begins, so that it can be resumed."""


@op.command("list", epilog="Example:  partita op list")
@data_option
@app_option
@output_option
def list_(data: Path, app_name: str, output: str) -> None:
    """List operations, the latest first."""

    async def read() -> list[Operation]:
        async with beside(app_name, data) as system:
            return await operations(system.stores)

    found = run(read())
    if output == "json":
        print_json("Operations", {"items": [{"group": each.group, **each.row._asdict()} for each in found]})
    elif found:
        rows = [
            (row.id, each.group, row.verb, row.status, f"{row.done + row.failed} of {row.planned}", row.actor)
            + (moment(row.created_us)[:19], row.reason)
            for each in found
            for row in [each.row]
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
    """Resume an operation that was interrupted or stopped."""

    async def work() -> dict[str, Any]:
        async with beside(app_name, data) as system:
            return await carried_out(system, await the_operation(system.stores, operation_id))

    result = run(work())
    if output == "json":
        print_json("Operation", {"items": [result]})
    else:
        say(", ".join(f"{k} {v}" for k, v in result.items() if v != ""))
    if result["stopped"]:
        context.exit(1)
