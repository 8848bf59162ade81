"""`partita why`: one sentence for everything that waits."""

from __future__ import annotations

from pathlib import Path

import click

from partita.app import load_app
from partita.cli.asking import ask, report_unknown, unknown_items
from partita.cli.output import data_option, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.observability.stuck import stuck


@click.command(epilog="Example:  partita why order-42")
@click.argument("key", required=False)
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@data_option
@app_option
@output_option
def why(key: str | None, limit: int, data: Path, app_name: str, output: str) -> int:
    """Say why sagas, keys and groups are stuck: all of them, or those of KEY."""
    app = load_app(app_name)
    found, unknown = ask(app, data, lambda sight: stuck(app, sight, key, limit))
    if output == "json":
        print_json("Why", {"items": [each.why for each in found], "unknown": unknown_items(unknown)})
    elif found:
        say(*(each.why for each in found))
    elif not unknown:
        say("nothing is stuck")
    return report_unknown(unknown)
