"""`partita outbox`: waiting messages, messages that the bus refused, and the reader of each outbox."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from partita.app import load_app
from partita.cli.asking import ask, read, report_unknown, unknown_items
from partita.cli.operating import acting_options, beside, confirmed, run
from partita.cli.outbox_reader import debezium, hand_over, take_back
from partita.cli.output import data_option, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.observability.outboxes import outboxes, read_by, refused
from partita.operators.audit import actor
from partita.operators.steering import retry_outbox

ROWS_MAX = 100_000


@click.group(short_help="Outboxes: waiting and refused messages.")
def outbox() -> None:
    """The outboxes."""


for command in (debezium, hand_over, take_back):
    outbox.add_command(command)


@outbox.command(epilog="Example:  partita outbox status -o json")
@data_option
@app_option
@output_option
def status(data: Path, app_name: str, output: str) -> int:
    """Show how many rows wait, the age of the oldest, how many the bus refused, and the reader of the outbox."""
    found, unknown = ask(load_app(app_name), data, outboxes, with_bus=False)
    if output == "json":
        items = [
            {
                "service": n,
                "pending": s.pending,
                "oldest_s": s.oldest_us / 1e6,
                "refused": s.parked,
                "kept": s.total,
                "reader": s.reader and {**s.reader._asdict(), "behind": s.reader.behind},
            }
            for n, s in found.items()
        ]
        print_json("Outboxes", {"items": items, "unknown": unknown_items(unknown)})
        return report_unknown(unknown)
    rows = [
        (n, s.pending, f"{s.oldest_us / 1e6:.1f} s" if s.pending else "", s.parked, s.total, read_by(s.reader))
        for n, s in found.items()
    ]
    say(*table(["service", "pending", "oldest", "refused", "kept", "read by"], rows))
    return report_unknown(unknown)


@outbox.command("list", epilog="Example:  partita outbox list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@data_option
@app_option
@output_option
def list_(limit: int, data: Path, app_name: str, output: str) -> None:
    """List the messages that the bus refused for good; later messages of the same key wait behind them."""
    found = read(load_app(app_name), data, lambda stores: refused(stores, limit))
    if output == "json":
        print_json("OutboxRefused", {"items": [asdict(row) for row in found]})
    elif found:
        rows = [(row.service, row.id, row.type.rpartition(".")[2], row.key or "", row.reason) for row in found]
        say(*table(["service", "id", "message", "key", "reason"], rows))
    else:
        say("the bus refused no message")


@outbox.command(epilog="Example:  partita outbox retry orders --reason 'limit of the topic raised'")
@click.argument("service")
@acting_options
@data_option
@app_option
def retry(service: str, data: Path, app_name: str, **how: Any) -> None:
    """Let the relay send the refused messages of SERVICE again."""

    async def work() -> int:
        async with beside(app_name, data, service) as system:
            store = system.stores[service]
            count = len(await refused({service: store}, ROWS_MAX))
            if count and not how["dry_run"]:
                confirmed(f"Try {count} refused rows again", count, yes=how["yes"], reason=how["reason"])
                await retry_outbox(store, reason=how["reason"], by=actor())
            return count

    count = run(work())
    say(f"{count} rows " + ("would be tried again" if how["dry_run"] else "are tried again"))
