"""`partita run`: run services of an app in this process until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Any

import click

from partita.app import App, load_app
from partita.cli.output import Amount, data_option, talk
from partita.cli.readiness import READY, STOPPING, announce
from partita.cli.whose_app import app_argument, is_of_project
from partita.cli.workers import Workers
from partita.errors import NotFound, SettingsError
from partita.machine.system import this_machine
from partita.runtime.system import ROLES
from partita.settings.settings import Settings


@click.command(epilog="Example:  partita run module:app --only orders --roles consumers,timers")
@app_argument
@click.option("--only", multiple=True, help="A service to run; may be given several times. Default: all.")
@click.option("--roles", default=",".join(ROLES), show_default=True, help="The roles, with commas between.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="warning")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Number of processes.")
@click.option("--instance", metavar="NAME", help="A name kept over restarts (Kafka: static membership).")
@click.option("--grace", type=Amount(0), metavar="SECONDS", help="Seconds to finish work at a stop. Default: 10.")
@click.option("--metrics", metavar="HOST:PORT", help="Serve /metrics at this address, such as 127.0.0.1:9464.")
@data_option
@click.pass_context
def run(
    context: click.Context,
    /,
    app_name: str,
    only: tuple[str, ...],
    roles: str,
    log_level: str,
    workers: int,
    data: Path,
    **told: Any,
) -> None:
    """Run services of the app. With --workers several processes share the work; one that dies is started again;
    SIGHUP restarts them one after the other.

    Ctrl-C or SIGTERM finishes the work in hand within --grace; a second one stops at once, which is safe as well."""
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    chosen = tuple(role for role in roles.split(",") if role)
    unknown = [role for role in chosen if role not in ROLES]
    if unknown or not chosen:
        what = f"There is no role {unknown[0]!r}." if unknown else "--roles names no role: nothing would run."
        raise SettingsError(what, hint=f"The roles are: {', '.join(ROLES)}.")
    app = load_app(app_name)
    names = [s.name for s in app.services]
    for name in only:
        if name not in names:
            raise NotFound(f"{app_name} has no service {name!r}.", hint=f"It has: {', '.join(names)}.")
    os.environ["PARTITA_DATA"] = str(data)
    settings = Settings.from_environment(data=data, grace_s=told.pop("grace"), **told)
    if workers > 1:
        if settings.metrics:
            raise SettingsError("Several workers cannot serve one --metrics address.", hint="partita metrics")
        words = [
            "run",
            *([] if is_of_project(context) else [app_name]),
            "--roles",
            roles,
            "--log-level",
            log_level,
            "--data",
            str(data),
        ]
        words += ["--grace", str(settings.grace_s)]
        words += [word for name in only for word in ("--only", name)]
        raise SystemExit(
            asyncio.run(Workers(words, workers, this_machine().clock, settings.instance, settings.grace_s).run())
        )
    asyncio.run(run_until_stopped(app.configured(settings), list(only) or None, chosen))


async def run_until_stopped(app: App, services: list[str] | None, roles: tuple[str, ...]) -> None:
    """Run until SIGTERM or SIGINT; the second signal ends the process at once, which is safe as well.

    Raises:
        StoreReplaced: another database answers than the one that was opened.
    """
    stop = asyncio.Event()
    starting = asyncio.current_task()

    def ask() -> None:
        if stop.is_set():
            os._exit(1)
        stop.set()
        announce(STOPPING)
        if starting is not None:
            starting.cancel()  # it may wait for a lock that is never released
        talk("stopping: finishing the work in hand (again: stop at once)")

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    try:
        async with app.running(services=services, roles=roles) as system:
            starting = None
            system.supervisor.on_lost = stop.set
            talk(f"ready: {', '.join(system.stores)} ({', '.join(roles)})")
            announce(READY)
            await stop.wait()
    except asyncio.CancelledError:
        if starting is None or not stop.is_set():
            raise
        talk("stopped before it was ready")
        return
    if system.supervisor.lost is not None:
        raise system.supervisor.lost
