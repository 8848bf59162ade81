"""`partita schema show`: the schema of a message, derived from its class."""

from __future__ import annotations

import click

from partita.app import load_app
from partita.cli.output import document, json_of
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.describing import contract_named
from partita.schemas.avro import avro_record
from partita.schemas.fields.field import latest_revision


@click.group(short_help="Schemas derived from the declarations.")
def schema() -> None:
    """Schemas."""


@schema.command(epilog="Example:  partita schema show OrderPlaced --version 1 -o json")
@click.argument("name")
@click.option("--version", "revision", type=click.IntRange(1), help="The contract's revision; default: the newest.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="Indented or on one line.")
@app_option
def show(name: str, revision: int | None, output: str, app_name: str) -> None:
    """Print the Avro record of the message NAME and nothing else."""
    found = contract_named(load_app(app_name), name)
    newest = latest_revision(found.shape.struct)
    if revision is not None and revision > newest:
        raise NotFound(
            f"{name} has no version {revision}.", hint=f"It has: {', '.join(map(str, range(1, newest + 1)))}."
        )
    record = avro_record(found.shape, revision=revision)
    document(json_of(record, indent=None if output == "json" else 2))
