"""`partita alerts`: the alerts that fire now, and a test of the channels."""

from __future__ import annotations

from pathlib import Path

import click

from partita.alerts.firing import firing
from partita.alerts.rules import RULES
from partita.alerts.trying import try_channels
from partita.app import load_app
from partita.cli.asking import ask, unknown_items
from partita.cli.operating import run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.clock import wall_us
from partita.errors import PartitaError
from partita.settings.settings import Settings


@click.group(short_help="Alerts: what fires now, the rules, a test.")
def alerts() -> None:
    """Services evaluate alerts. They send them to the log, to a webhook and by mail."""


@alerts.command("list", epilog="Example:  partita alerts list -o json")
@data_option
@app_option
@output_option
@click.pass_context
def list_(context: click.Context, data: Path, app_name: str, output: str) -> None:
    """List the alerts that fire now; exit 3 when there is one."""
    app = load_app(app_name)
    found, unknown = ask(app, data, lambda sight: firing(app, sight))
    if output == "json":
        items = [{**a._asdict(), "since": moment(a.since_us)} for a in found.alarms]
        print_json("Alerts", {"items": items, "nobody": found.nobody, "unknown": unknown_items(unknown)})
    elif found.alarms or unknown:
        rows: list[tuple[str, ...]] = [
            (a.severity, a.name, moment(a.since_us)[:19], a.summary, a.hint) for a in found.alarms
        ]
        rows += [
            ("unknown", "Unanswered", "", f"{source}: {reason}", "partita doctor")
            for source, reason in sorted(unknown.items())
        ]
        say(*table(["severity", "alert", "since (UTC)", "what", "first do"], rows))
    else:
        say("nothing is wrong, but " + "; ".join(found.nobody) if found.nobody else "all is well")
    if found.alarms or unknown:
        context.exit(3)


@alerts.command(epilog="Example:  partita alerts rules")
@output_option
def rules(output: str) -> None:
    """List the rules and their limits."""
    if output == "json":
        items = [{"name": r.name, "severity": r.severity, "limit": r.limit, "for_s": r.for_s} for r in RULES]
        print_json("AlertRules", {"items": items})
        return
    rows = [(r.name, r.severity, f"above {r.limit:g} for {r.for_s:g} s", r.said("SERVICE")) for r in RULES]
    say(*table(["alert", "severity", "fires", "says"], rows))


@alerts.command(epilog="Example:  PARTITA_ALERT_WEBHOOK=https://host/path partita alerts test")
def test() -> None:
    """Send a test alert through every configured channel, once as firing and once as resolved."""
    results = run(try_channels(Settings.from_environment(), wall_us()))
    rows = [(each.channel, f"failed: {each.error}" if each.error else "told") for each in results]
    say(*table(["channel", "result"], rows))
    if any(each.error for each in results):
        raise PartitaError("A channel does not work.", hint="PARTITA_ALERT_WEBHOOK and PARTITA_ALERT_MAIL name them.")
