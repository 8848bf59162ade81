"""`partita alerts`: what fires now, and a test of the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from partita.alerts.alarms import Alarm, Told, evaluate, fingerprint
from partita.alerts.channels import channels_of
from partita.alerts.reading import placed, read_store
from partita.alerts.rules import RULES, Reading
from partita.app import load_app
from partita.bus.port import GroupLag
from partita.cli.looking import Sight, looking
from partita.cli.operating import run
from partita.cli.output import data_option, moment, output_option, print_json, say, table
from partita.cli.whose_app import app_option
from partita.clock import wall_us
from partita.errors import PartitaError
from partita.observability.workers import behind, nobody
from partita.settings.settings import Settings
from partita.store.port import Store


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

    async def read() -> tuple[list[Alarm], list[str], Sight]:
        async with looking(load_app(app_name), data) as sight:
            questions = {name: _of_service(store) for name, store in sight.stores.items()}
            of_stores, lags = await asyncio.gather(sight.ask_all(questions), sight.lags())
        found = [alarm for reading in of_stores.values() for alarm in _alarms(reading, lags)]
        absent = [nobody(name, behind(lags, name, kept.now_us)) for name, kept in of_stores.items()]
        return found, [text for text in absent if text], sight

    found, absent, sight = run(read())
    if output == "json":
        items = [{**a._asdict(), "since": moment(a.since_us)} for a in found]
        print_json("Alerts", {"items": items, "nobody": absent, "unknown": sight.as_json()})
    elif found or sight.unknown:
        rows: list[tuple[str, ...]] = [(a.severity, a.name, moment(a.since_us)[:19], a.summary, a.hint) for a in found]
        rows += [
            ("unknown", "Unanswered", "", f"{source}: {reason}", "partita doctor")
            for source, reason in sorted(sight.unknown.items())
        ]
        say(*table(["severity", "alert", "since (UTC)", "what", "first do"], rows))
    else:
        say("nothing is wrong, but " + "; ".join(absent) if absent else "all is well")
    if found or sight.unknown:
        context.exit(3)


class _Kept(NamedTuple):
    """What a service's database says, and the alarms that are kept in it."""

    reading: Reading
    known: dict[str, Alarm]
    now_us: int


async def _of_service(store: Store) -> _Kept:
    reading = await read_store(store)
    async with store.reading() as session:
        known = {each.fingerprint: each for each in map(Alarm._make, await session.groups.alarms())}
    return _Kept(reading, known, await store.now_us())


def _alarms(kept: _Kept, lags: Sequence[GroupLag] | None) -> list[Alarm]:
    """The alarms of a service as they are now; one that is kept knows since when, and of what is unknown the kept one holds."""
    reading = placed(kept.reading, lags, kept.now_us)
    alarms, _ = evaluate(reading, kept.known if lags is None else {}, kept.now_us)
    return [kept.known.get(name, alarm) for name, alarm in alarms.items() if alarm.severity != "none"]


@alerts.command(epilog="Example:  partita alerts rules")
@output_option
def rules(output: str) -> None:
    """The rules and their limits."""
    if output == "json":
        items = [{"name": r.name, "severity": r.severity, "limit": r.limit, "for_s": r.for_s} for r in RULES]
        print_json("AlertRules", {"items": items})
        return
    rows = [(r.name, r.severity, f"above {r.limit:g} for {r.for_s:g} s", r.said("SERVICE")) for r in RULES]
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
