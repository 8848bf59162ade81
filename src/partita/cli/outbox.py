"""`partita outbox`: what waits to leave each service, what the bus refused, and what relays it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from partita.app import load_app
from partita.assembly.existing import open_stores
from partita.cli.looking import Sight, looking
from partita.cli.operating import acting_options, beside, confirmed, run
from partita.cli.outbox_reader import debezium, hand_over, read_by, take_back
from partita.cli.output import data_option, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.operators.audit import actor
from partita.operators.steering import retry_outbox
from partita.store.outbox import OutboxStatus, ParkedOut
from partita.store.port import Store


@click.group(short_help="What waits to leave.")
def outbox() -> None:
    """The outboxes."""


for command in (debezium, hand_over, take_back):
    outbox.add_command(command)


@outbox.command(epilog="Example:  partita outbox status -o json")
@data_option
@app_option
@output_option
def status(data: Path, app_name: str, output: str) -> int:
    """How many rows wait, how old the oldest is, what the bus refused."""
    found, sight = asyncio.run(_read(data, app_name))
    if output == "json":
        items = [
            {
                "service": n,
                "pending": s.pending,
                "oldest_s": s.oldest_us / 1e6,
                "parked": s.parked,
                "kept": s.total,
                "reader": s.reader and {**s.reader._asdict(), "behind": s.reader.behind},
            }
            for n, s in found.items()
        ]
        print_json("Outboxes", {"items": items, "unknown": sight.as_json()})
        return sight.tell()
    rows = [
        (n, s.pending, f"{s.oldest_us / 1e6:.1f} s" if s.pending else "", s.parked, s.total, read_by(s.reader))
        for n, s in found.items()
    ]
    say(*table(["service", "pending", "oldest", "parked", "kept", "read by"], rows))
    return sight.tell()


async def _read(data: Path, app_name: str) -> tuple[dict[str, OutboxStatus], Sight]:
    async with looking(load_app(app_name), data, with_bus=False) as sight:
        found = await sight.ask_all({name: _status(store) for name, store in sight.stores.items()})
    return found, sight


async def _status(store: Store) -> OutboxStatus:
    async with store.reading() as session:
        return await session.outbox.status()


@outbox.command("list", epilog="Example:  partita outbox list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@data_option
@app_option
@output_option
def list_(limit: int, data: Path, app_name: str, output: str) -> None:
    """List what the bus refused for good; later messages of the same key wait behind it."""

    async def read() -> list[tuple[str, ParkedOut]]:
        found: list[tuple[str, ParkedOut]] = []
        async with open_stores(load_app(app_name), data) as stores:
            for name, store in stores.items():
                async with store.reading() as session:
                    found += [(name, row) for row in await session.outbox.parked(limit)]
        return found

    found = asyncio.run(read())
    if output == "json":
        print_json("OutboxRefused", {"items": [{"service": name, **row._asdict()} for name, row in found]})
    elif found:
        rows = [(name, row.id, row.type.rpartition(".")[2], row.key or "", row.reason) for name, row in found]
        say(*table(["service", "id", "message", "key", "reason"], rows))
    else:
        say("the bus refused nothing")


@outbox.command(epilog="Example:  partita outbox retry orders --reason 'limit of the topic raised'")
@click.argument("service")
@acting_options
@data_option
@app_option
def retry(service: str, data: Path, app_name: str, **how: Any) -> None:
    """Let the relay try again what the bus refused."""

    async def work() -> int:
        async with beside(app_name, data, service) as system:
            store = system.stores[service]
            async with store.reading() as session:
                count = len(await session.outbox.parked(100_000))
            if count and not how["dry_run"]:
                confirmed(f"Try {count} refused rows again", count, yes=how["yes"], reason=how["reason"])
                await retry_outbox(store, reason=how["reason"], by=actor())
            return count

    count = run(work())
    say(f"{count} rows " + ("would be tried again" if how["dry_run"] else "are tried again"))
