"""`partita journey KEY`: all messages of one key, in causal order."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.asking import read
from partita.cli.output import data_option, moment, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.errors import NotFound
from partita.observability.journey import Hop
from partita.observability.journey import journey as journey_of


@click.command(epilog="Example:  partita journey order-42")
@click.argument("key")
@data_option
@app_option
@output_option
def journey(key: str, data: Path, app_name: str, output: str) -> None:
    """Follow KEY, such as an order's id, through all services."""
    hops = read(load_app(app_name), data, lambda stores: journey_of(stores, key))
    if not hops:
        raise NotFound(
            f"Nothing is known of {key!r} in {data}.",
            hint="Write the key as the messages have it. Is --data the folder, and --app the app?",
        )
    if output == "json":
        print_json("Journey", {"key": key, "messages": [_as_json(h) for h in hops]})
        return
    say(*drawing(key, hops))


def _as_json(hop: Hop) -> dict[str, object]:
    return {
        "id": hop.id,
        "type": hop.type,
        "key": hop.key,
        "correlation_id": hop.correlation_id,
        "causation_id": hop.causation_id,
        "at": moment(hop.at_us),
        "service": hop.service,
        "handled": [{"by": h.by, "outcome": h.outcome, "at": moment(h.at_us)} for h in hop.handled],
        "copies": [{"by": c.by, "to": c.to, "at": moment(c.at_us)} for c in hop.copies],
        "edit_of": hop.edit_of or None,
    }


def drawing(key: str, hops: list[Hop]) -> list[str]:
    """The lines of a journey as a tree with times from its start."""
    start = min(h.at_us for h in hops)
    later = [x.at_us for h in hops for x in h.handled] + [x.at_us for h in hops for x in h.copies]
    end = max([h.at_us for h in hops] + later)
    lines = [f"{key}   {moment(start)} UTC   {len(hops)} messages in {(end - start) / 1000:,.1f} ms", ""]
    for hop in hops:
        who = ", ".join(
            h.by if h.outcome == "handled" else f"{h.by} ({h.outcome})" for h in hop.handled if "/" not in h.by
        )
        origin = "dlq edit" if hop.edit_of else hop.service or "sent"
        left = f"{(hop.at_us - start) / 1000:>9,.1f}  {'  ' * hop.depth}{hop.name}"
        lines.append(f"{left:<42} {origin} -> {who or 'nobody'}")
        for copy in hop.copies:
            what = "dead letter" if copy.to == "dlq" else f"waits in {copy.to}"
            lines.append(f"{(copy.at_us - start) / 1000:>9,.1f}  {'  ' * hop.depth}  {copy.by}: {what}")
    return lines
