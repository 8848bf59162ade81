"""`partita alerts`: what fires now, and a test of the channels."""

from __future__ import annotations

from pathlib import Path

import click

from partita.alerts.alarms import Alarm, Told, evaluate, fingerprint
from partita.alerts.channels import channels_of
from partita.alerts.reading import read as read_service
from partita.alerts.rules import RULES
from partita.cli.operating import beside, run
from partita.cli.output import app_option, data_option, moment, output_option, print_json, say, table
from partita.clock import wall_us
from partita.errors import PartitaError
from partita.settings import Settings


@click.group(short_help="Alerts: what fires now, the rules, a test.")
def alerts() -> None:
    """Alerts are evaluated by the services themselves and told to the log, a webhook and by mail."""


@alerts.command("list", epilog="Example:  partita alerts list -o json")
@data_option
@app_option
@output_option
@click.pass_context
def list_(context: click.Context, data: Path, app_name: str, output: str) -> None:
    """What is wrong now; exit 3 when something is."""

    async def read() -> list[Alarm]:
        found: list[Alarm] = []
        async with beside(app_name, data) as system:
            for store in system.stores.values():
                alarms, _ = evaluate(await read_service(store, system.bus), {}, await store.now_us())
                async with store.reading() as session:
                    known = {each.fingerprint: each for each in map(Alarm._make, await session.groups.alarms())}
                found += [known.get(name, alarm) for name, alarm in alarms.items() if alarm.severity != "none"]
        return found

    found = run(read())
    if output == "json":
        print_json("Alerts", {"items": [{**a._asdict(), "since": moment(a.since_us)} for a in found]})
    elif found:
        rows = [(a.severity, a.name, moment(a.since_us)[:19], a.summary, a.hint) for a in found]
        say(*table(["severity", "alert", "since (UTC)", "what", "first do"], rows))
    else:
        say("all is well")
    if found:
        context.exit(3)


@alerts.command(epilog="Example:  partita alerts rules")
@output_option
def rules(output: str) -> None:
    """The rules and their limits."""
    if output == "json":
        items = [{"name": r.name, "severity": r.severity, "limit": r.limit, "for_s": r.for_s} for r in RULES]
        print_json("AlertRules", {"items": items})
        return
    rows = [(r.name, r.severity, f"above {r.limit:g} for {r.for_s:g} s", r.summary) for r in RULES]
    say(*table(["alert", "severity", "fires", "says"], rows))


@alerts.command(epilog="Example:  PARTITA_ALERT_WEBHOOK=https://host/path partita alerts test")
def test() -> None:
    """Tell a test alert by every channel that is configured, firing and resolved."""
    settings = Settings.from_environment()
    now_us = wall_us()
    name = fingerprint("Test", "partita")
    alarm = Alarm(name, "Test", "partita", "info", "this is a test of the alerts", "nothing", now_us, now_us)

    async def tell() -> list[tuple[str, str]]:
        results = []
        for channel in channels_of(settings.alert_webhook, settings.alert_mail, settings.alert_ca):
            try:
                await channel.tell([Told("firing", alarm)], now_us)
                await channel.tell([Told("resolved", alarm)], now_us)
                results.append((channel.name, "told"))
            except OSError as error:
                results.append((channel.name, f"failed: {error}"))
        return results

    results = run(tell())
    say(*table(["channel", "result"], results))
    if any(result != "told" for _, result in results):
        raise PartitaError("A channel does not work.", hint="PARTITA_ALERT_WEBHOOK and PARTITA_ALERT_MAIL name them.")
