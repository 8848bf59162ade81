"""`partita consumers list`: where each group stands on each topic."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from partita.app import load_app, open_bus
from partita.bus.port import GroupLag
from partita.cli.output import app_option, data_option, output_option, print_json, table


@click.group(short_help="Where consumer groups stand.")
def consumers() -> None:
    """Consumer groups."""


@consumers.command("list", epilog="Example:  partita consumers list")
@click.option("--group", help="Only this group.")
@data_option
@app_option
@output_option
def list_(group: str | None, data: Path, app_name: str, output: str) -> None:
    """List groups with what they are behind and who works for them."""
    lags = asyncio.run(_read(data, app_name, group))
    if output == "json":
        print_json("Consumers", {"items": [lag._asdict() for lag in lags]})
        return
    sums: dict[tuple[str, str], list[GroupLag]] = {}
    for lag in lags:
        sums.setdefault((lag.group, lag.topic), []).append(lag)
    rows = []
    for (name, topic), parts in sums.items():
        owned = sum(p.owner is not None for p in parts)
        members = len({p.owner for p in parts if p.owner is not None})
        rows.append((name, topic, sum(p.lag for p in parts), f"{owned} of {len(parts)}", members))
    click.echo(table(["group", "topic", "behind", "partitions held", "members"], rows) if rows else "no groups yet")


async def _read(data: Path, app_name: str, group: str | None) -> Sequence[GroupLag]:
    async with open_bus(load_app(app_name), data) as bus:
        return await bus.lag(group)
