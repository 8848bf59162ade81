"""`partita outbox status`: what waits to leave each service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from partita.app import load_app, open_stores
from partita.cli.output import app_option, data_option, output_option, print_json, table
from partita.store.port import OutboxStatus


@click.group(short_help="What waits to leave.")
def outbox() -> None:
    """The outboxes."""


@outbox.command(epilog="Example:  partita outbox status -o json")
@data_option
@app_option
@output_option
def status(data: Path, app_name: str, output: str) -> None:
    """How many rows wait, how old the oldest is, what the bus refused."""
    found = asyncio.run(_read(data, app_name))
    if output == "json":
        items = [
            {"service": n, "pending": s.pending, "oldest_s": s.oldest_us / 1e6, "parked": s.parked, "kept": s.total}
            for n, s in found.items()
        ]
        print_json("Outboxes", {"items": items})
        return
    rows = [
        (n, s.pending, f"{s.oldest_us / 1e6:.1f} s" if s.pending else "", s.parked, s.total) for n, s in found.items()
    ]
    click.echo(table(["service", "pending", "oldest", "parked", "kept"], rows))


async def _read(data: Path, app_name: str) -> dict[str, OutboxStatus]:
    found = {}
    async with open_stores(load_app(app_name), data) as stores:
        for name, store in stores.items():
            async with store.reading() as session:
                found[name] = await session.outbox.status()
    return found
