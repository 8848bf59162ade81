"""`partita metrics`: what the databases say, as the page that `/metrics` serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from partita.app import load_app, open_bus, open_stores
from partita.cli.output import app_option, data_option, document, output_option, print_json
from partita.observability.metrics import Sample, read
from partita.observability.metrics_page import page


@click.command(epilog="Example:  partita metrics | grep dead_letters")
@data_option
@app_option
@output_option
def metrics(data: Path, app_name: str, output: str) -> None:
    """The gauges of all services, in Prometheus' text format. What a process counts since its start is on its own page:
    partita run --metrics 127.0.0.1:9464."""
    samples = asyncio.run(_read(data, app_name))
    if output == "json":
        print_json("Metrics", {"items": [each._asdict() for each in samples]})
    else:
        document(page(samples))


async def _read(data: Path, app_name: str) -> list[Sample]:
    app = load_app(app_name)
    found: list[Sample] = []
    async with open_stores(app, data) as stores, open_bus(app, data) as bus:
        for store in stores.values():
            found += await read(store, bus)
    return found
