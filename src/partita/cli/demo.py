"""`partita demo`: the shop under fire, live, and the ledger of its invariants."""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from partita.cli.output import Amount, Folder, checked_server, live_line, output_option, print_json, say, table, talk
from partita.errors import PartitaError, SettingsError
from partita.settings.address import without_secrets

if TYPE_CHECKING:
    from partita.examples.proof.demo import DemoOptions

STORE_HELP = "Databases on a server, such as postgresql://user@host/database: a schema per service, kept after the run."
BUS_HELP = "The log on a server or broker; its topics are kept after the run."
FRESH_HELP = "Drop the shop's schemas at --store that Partita made; at --bus begin behind the existing records."
KEYS = {
    "o": "order-service",
    "i": "inventory-service",
    "p": "payment-service",
    "n": "notification-service",
    "a": "analytics",
    "r": "relay-1",
    "s": "storefront",
    "w": "psp",
    "m": "mail",
}


@click.command(epilog="Example:  partita demo --headless --for 60s --kill-every 2s")
@click.option("--for", "duration", help="How long, such as 40s or 2m. Default: until q; without a terminal 30s.")
@click.option("--headless", is_flag=True, help="Without keys: kill by itself, and print a line a second.")
@click.option("--rate", type=Amount(1, 2_000), default=50.0, show_default=True, help="Orders per second.")
@click.option("--kill-every", default=None, help="Time between two kills (-9), such as 2s; 0 = never. [headless: 2s]")
@click.option("--seed", type=int, default=7, show_default=True, help="Seed of orders, declines and kills.")
@click.option(
    "--without",
    "bug",
    type=click.Choice(["idempotency", "outbox", "tombstone"]),
    default=None,
    help="Plant this bug: an invariant must turn red.",
)
@click.option("--data", type=Folder(path_type=Path, file_okay=False), help="The folder. Default: a new one.")
@click.option("--store", metavar="URL", default="", envvar="PARTITA_STORE", callback=checked_server, help=STORE_HELP)
@click.option("--bus", metavar="URL", default="", envvar="PARTITA_BUS", callback=checked_server, help=BUS_HELP)
@click.option("--fresh", is_flag=True, help=FRESH_HELP)
@output_option
def demo(
    duration: str | None,
    headless: bool,
    rate: float,
    kill_every: str | None,
    seed: int,
    bug: str | None,
    data: Path | None,
    output: str,
    **servers: Any,
) -> int:
    """Run the shop as ten processes, kill them with SIGKILL, and prove that nothing was lost or done twice.

    Without --store and --bus it uses a folder and no server. A server that already holds data of the shop is refused
    and left unchanged, unless --fresh is given.
    """
    from partita.examples.proof import demo as shop_demo

    headless = headless or not sys.stdin.isatty() or not sys.stdout.isatty()
    seconds = parse_seconds(duration) if duration else (30.0 if headless else None)
    kills = parse_seconds(kill_every) if kill_every is not None else (2.0 if headless else 0.0)
    if data is not None and data.exists() and any(data.iterdir()):
        raise SettingsError(f"{data} is not empty.", hint="The demo needs an empty folder; name another one.")
    folder = data or Path(tempfile.mkdtemp(prefix="partita-demo-"))
    options = shop_demo.DemoOptions(
        data=folder, seconds=seconds, rate=rate, kill_every_s=kills, seed=seed, bug=bug or "", **servers
    )
    talk(*head(options))
    if bug:
        talk(f"  planted bug: without {bug}. An invariant must turn red.", "")
    screen = Screen(live=not headless, quiet=output == "json")
    try:
        with screen.keys():
            outcome = shop_demo.run(options, screen.report, screen.say)
    except PartitaError:
        if data is None and not (folder / "accepted.txt").exists():
            shop_demo.remove(folder)  # refused: nothing ran in it
        raise
    if output == "json":
        print_json("DemoResult", outcome.as_json())
    else:
        say(*report(outcome))
        if outcome.compensated_order:
            _show_journey(outcome.compensated_order, options)
    if data is None and outcome.holds and headless:
        shop_demo.remove(folder)
    else:
        from partita.examples.proof.mend import SHOP

        flags = "".join(f" --{n} {shown}" for n, shown in _servers(options).items())
        talk("", f"  data kept in {folder}   look: partita journey KEY --app {SHOP} --data {folder}{flags}")
    return 0 if outcome.holds else 3


HEAD = """
  partita demo: order processing, ten processes, {servers}, seed {seed}

  store     {store:<32} log     {bus}
  services  order payment inventory notification analytics
  outside   a payment provider and a mail sink with ledgers of their own
  load      {rate:g} orders/s                     faults  {load}
  saga timeouts run at 1/20 of their declared time; one ReserveStock in 25 comes late, one charge in 50
  is answered too late, and of one call to the outside in 40 the answer is lost twice
"""


def head(options: DemoOptions) -> list[str]:
    """The parts that run, and where. User, password and options of a URL are left out."""
    kills = options.kill_every_s
    servers = _servers(options)
    text = HEAD.format(
        servers=" and ".join(f"a server for the {name}" for name in servers) or "no servers",
        seed=options.seed,
        store=servers.get("store") or "SQLite, a file per service",
        bus=servers.get("bus") or f"embedded, in {options.data}",
        rate=options.rate,
        load=f"kill -9 every {kills:g} s" if kills else "keys",
    )
    return text.removesuffix("\n").split("\n")


def _servers(options: DemoOptions) -> dict[str, str]:
    """The servers by option, without secrets."""
    named = {"store": options.store, "bus": options.bus}
    return {name: without_secrets(url) for name, url in named.items() if url}


def parse_seconds(text: str) -> float:
    """`40s`, `2m`, `1.5` as seconds.

    Raises:
        SettingsError: it is not a duration.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)?", text.strip())
    if match is None:
        raise SettingsError(f"{text!r} is not a duration.", hint="Such as 40s, 2m or 500ms.")
    return float(match[1]) * {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[match[2]]


class Screen:
    """The live line, and the keys. A terminal rewrites the line; elsewhere one is printed each second."""

    def __init__(self, *, live: bool, quiet: bool) -> None:
        self._live = live
        self._quiet = quiet
        self._shown_s = -1
        self._said = False

    @contextlib.contextmanager
    def keys(self) -> Iterator[None]:
        """Read single keys while the block runs."""
        if not self._live:
            yield
            return
        import termios
        import tty

        named = [f"{k} {role}" for k, role in KEYS.items()]
        talk("  kill -9:  " + "  ".join(named[:4]), "            " + "  ".join(named[4:]))
        talk("  x poison   f mend it: rehearse, edit, replay   q quit", "")
        before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
            talk("")

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if not self._quiet:
            if self._live:
                live_line("")
            talk(f"  {text}")

    def report(self, running: object, numbers: object, left: float) -> str | None:
        """Show the numbers. Returns the action of a pressed key."""
        from partita.examples.proof.demo import Demo, Numbers

        assert isinstance(running, Demo) and isinstance(numbers, Numbers)
        line = (
            f"  {numbers.orders:,} orders  {numbers.confirmed:,} confirmed  {numbers.cancelled:,} compensated  "
            f"{numbers.pending:,} in outboxes  {numbers.kills} kills" + ("" if left > 0 else "   draining")
        )
        if running.first_confirmed_s is not None and not self._said:
            self._said = True
            self.say(f"first order confirmed {running.first_confirmed_s:.1f} s after the start")
        if self._live:
            live_line(line)
            return self._key()
        import time

        second = int(time.monotonic() - running.started)  # noqa: TID251  # of the screen, not of the system
        if second != self._shown_s and not self._quiet:
            self._shown_s = second
            talk(f"{second:>4} s{line}")
        return None

    def _key(self) -> str | None:
        if not select.select([sys.stdin], [], [], 0)[0]:
            return None
        pressed = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
        return {"q": "quit", "x": "poison", "f": "mend"}.get(pressed) or KEYS.get(pressed)


def report(outcome: object) -> list[str]:
    """The results of the proof, in plain words."""
    from partita.examples.proof.demo import Outcome, percentile
    from partita.examples.proof.ledger import lost_and_twice

    assert isinstance(outcome, Outcome)
    numbers = outcome.numbers
    lost, twice = lost_and_twice(outcome.invariants)
    rows = [
        (i.id, "ok" if not i.violations else "RED", i.checks, len(i.violations), i.text) for i in outcome.invariants
    ]
    lines = ["", *table(["", "", "checks", "broken", "invariant"], rows), ""]
    for invariant in outcome.invariants:
        lines += [f"  {invariant.id}: {text}" for text in invariant.violations[:3]]
    checks = sum(i.checks for i in outcome.invariants)
    lines.append(
        f"{outcome.seconds:.0f} s, {numbers.orders:,} orders, {numbers.confirmed:,} confirmed, {numbers.cancelled:,} "
        f"compensated, {lost} lost, {twice} done twice, {numbers.kills} processes killed"
    )
    lines.append(
        f"accepted to confirmed: p50 {percentile(outcome.latency, 50):g} ms, p99 {percentile(outcome.latency, 99):g} ms"
    )
    moved = outcome.provider
    lines.append(
        f"at the provider: {moved['charge']:,} charges, {moved['refund']:,} refunds of charges that came too late, "
        f"{moved['part']:,} refunds of returned articles"
    )
    for each in outcome.mended:
        lines.append(
            f"poison {each.order}: a dead letter, rehearsed ({each.rehearsed[0]}), edited, rehearsed "
            f"({each.rehearsed[1]}), replayed: handled once"
        )
    if outcome.unmended:
        lines.append(f"NOT mended: {outcome.unmended}")
    lines += [f"CRASHED: {each}" for each in outcome.crashed]
    if outcome.holds:
        lines += [
            f"Proven by {checks:,} checks: every accepted order was decided, every cent and every",
            "article is where it belongs, every mail went out once, and every message is",
            "accounted for, whichever process died.",
        ]
    else:
        lines.append("NOT proven.")
    return lines


def _show_journey(key: str, options: DemoOptions) -> None:
    import asyncio

    from partita.assembly.existing import open_stores
    from partita.cli.journey import drawing
    from partita.examples.shop.app import app
    from partita.observability.journey import journey

    async def read() -> list[str]:
        settings = replace(app.settings, data=options.data, store=options.store, bus=options.bus)
        async with open_stores(app.configured(settings), options.data) as stores:
            return drawing(key, await journey(stores, key))

    say("", "One compensated order:", "", *asyncio.run(read()))
