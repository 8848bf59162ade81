"""`partita doctor`: this machine, the data folder, the databases and the broker, each finding with its fix."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import click

from partita.app import App, load_app
from partita.assembly.adapters import Adapters
from partita.cli.doctor_backups import look_at_backups
from partita.cli.doctor_cluster import look_at_cluster
from partita.cli.doctor_services import look_at_services
from partita.cli.outbox_reader import read_by
from partita.cli.output import data_option, moment, output_option, print_json, say
from partita.cli.whose_app import app_option
from partita.clock import US, wall_us
from partita.databases.sqlite.file import quick_check
from partita.databases.sqlite.file import version as sqlite_version
from partita.errors import NotFound, PartitaError
from partita.machine.system import this_machine
from partita.sagas.compiling import retry_horizon_s
from partita.settings.address import hurried
from partita.store.connect import server_findings
from partita.store.dead_letters import LetterFilter
from partita.store.handover import Reader
from partita.store.port import Store

FREE_BYTES_MIN = 200_000_000
BACK_S_MAX = 5
SILENT = "server that does not answer"


@dataclass(frozen=True, slots=True)
class Line:
    """One check: what was looked at, what was found, and what to do about it."""

    level: Literal["ok", "note", "bad"]
    what: str
    found: str
    fix: str = ""


@click.command(epilog="Example:  partita doctor --data .partita")
@data_option
@app_option
@output_option
def doctor(data: Path, app_name: str, output: str) -> int:
    """Check everything that has to hold; exit 3 when something does not."""
    app = load_app(app_name)
    lines = [*_machine(), *_declared(app), *_folder(data)]
    servers = asyncio.run(_servers(app))
    silent = [url for url, found in servers.items() if any(line.what == SILENT for line in found)]
    lines += [line for found in servers.values() for line in found]
    if data.is_dir() or any(app.settings.store_of(service.name) for service in app.services):
        lines += asyncio.run(_databases(app, data, silent))
    lines += [Line(f.level, f.what, f.found, f.fix) for f in asyncio.run(look_at_cluster(app))]
    lines += [Line(f.level, f.what, f.found, f.fix) for f in asyncio.run(look_at_backups(app, data))]
    lines += [Line(f.level, f.what, f.found, f.fix) for f in asyncio.run(look_at_services(app, data, silent))]
    bad = sum(line.level == "bad" for line in lines)
    if output == "json":
        items = [{"level": x.level, "what": x.what, "found": x.found, "fix": x.fix} for x in lines]
        print_json("Doctor", {"findings": bad, "items": items})
        return 3 if bad else 0
    for line in lines:
        say(f"{ {'ok': ' ok ', 'note': 'note', 'bad': ' !! '}[line.level] } {line.what}: {line.found}")
        if line.fix:
            say(f"       {line.fix}")
    say("", f"{bad} finding{'s' if bad > 1 else ''}" if bad else "nothing to do")
    return 3 if bad else 0


def _machine() -> list[Line]:
    version = ".".join(map(str, sys.version_info[:3]))
    new = sqlite_version() >= (3, 38, 0)
    fix = "" if new else "SQLite 3.38 or later is needed; use a newer Python build."
    return [
        Line("ok", "Python", version),
        Line("ok" if new else "bad", "SQLite", ".".join(map(str, sqlite_version())), fix),
    ]


def _declared(app: App) -> list[Line]:
    lines = []
    for service in app.services:
        saga_s = max((d.deadline_s for d in service.declared.sagas), default=0.0)
        needed = max(map(retry_horizon_s, service.retries)) + saga_s
        if service.window_s < needed:
            lines.append(
                Line(
                    "bad",
                    f"window of {service.name}",
                    f"ids are remembered for {service.window_s:g} s, retries and sagas may take {needed:g} s",
                    f"Service({service.name!r}, window_s={needed:g}) or more",
                )
            )
    return lines or [Line("ok", "windows", "ids are remembered longer than retries and sagas may take")]


def _folder(data: Path) -> list[Line]:
    if not data.is_dir():
        return [Line("note", "data", f"{data} does not exist yet", "The first start makes it: partita run MODULE:APP")]
    free = shutil.disk_usage(data).free
    small = free < FREE_BYTES_MIN
    return [
        Line(
            "bad" if small else "ok",
            "data",
            f"{data}, {free / 1e9:.1f} GB free",
            "Free some space: a full disk stops every commit." if small else "",
        )
    ]


async def _servers(app: App) -> dict[str, list[Line]]:
    """What is to be said of each server, by its URL; all of them are asked at once."""
    urls = list(dict.fromkeys(app.settings.store_of(service.name) for service in app.services))
    return dict(zip(urls, await asyncio.gather(*(_server(url, app.settings.ask_s) for url in urls)), strict=True))


async def _server(url: str, ask_s: float) -> list[Line]:
    try:
        return [Line(*finding) for finding in await server_findings(str(hurried(url, ask_s)), this_machine())]
    except PartitaError as error:
        return [Line("bad", SILENT, error.what, error.hint)]


async def _databases(app: App, data: Path, silent: Collection[str]) -> list[Line]:
    lines: list[Line] = []
    settings = replace(app.settings, data=data, migrate=False)
    newest = 0
    for service in app.services:
        place = settings.store_place(service.name)
        if isinstance(place, Path) and not place.exists():
            continue
        if place in silent:
            lines.append(Line("bad", service.name, "unknown: its server does not answer"))
            continue
        machine = this_machine(folder=data)
        try:
            store = Adapters(settings, machine, create=False, in_haste=True).store(service)
            await _opened(store)
        except NotFound as error:
            lines.append(Line("note", service.name, error.what, "The first start makes it: partita run MODULE:APP"))
            continue
        except PartitaError as error:
            lines.append(Line("bad", service.name, error.what, error.hint))
            continue
        if isinstance(place, Path):
            newest = max(newest, machine.clock.now_us())
        check = quick_check(place) if isinstance(place, Path) else "ok"  # a server checks its own pages
        async with store.reading() as session:
            status = await session.outbox.status()
            dead = await session.dead_letters.count(where=LetterFilter())
            stuck = len(await session.sagas.find(status="needs_attention", limit=1_000))
        await store.close()
        lines += _reader(service.name, status.reader)
        bad = check != "ok" or status.parked or stuck
        found = f"{status.pending} pending, {status.parked} refused by the bus, {dead} open dead letters, "
        found += f"{stuck} sagas need attention"
        fix = "" if check == "ok" else "The file is damaged: put back a backup."
        lines.append(Line("bad" if bad else "note" if dead else "ok", service.name, f"{check}, {found}", fix))
    return lines + _clock(newest, data)


async def _opened(store: Store) -> None:
    """Open a database that is as its service declares it, its own tables too."""
    await store.open()
    try:
        await store.create_tables(migrate=False)
    except PartitaError:
        await store.close()
        raise


def _reader(service: str, reader: Reader | None) -> list[Line]:
    """Who reads an outbox that was handed over; nobody else will bring its rows to the bus."""
    if reader is None:
        return []
    if not reader.there:
        fix = "partita outbox take-back --without-reader: the relays send all kept rows again."
        return [Line("bad", f"outbox of {service}", read_by(reader), fix)]
    fix = "" if reader.active else "Start its connector. Until then the server keeps its log for it."
    return [Line("ok" if reader.active else "bad", f"outbox of {service}", read_by(reader), fix)]


def _clock(newest: int, data: Path) -> list[Line]:
    lines = []
    behind = (newest - wall_us()) / US
    if behind > BACK_S_MAX:
        lines.append(
            Line(
                "bad",
                "clock",
                f"the wall clock is {behind:,.0f} s behind the newest stored time ({moment(newest)} UTC)",
                "Set it right. Until then timers go by the stored time, which only moves forward.",
            )
        )
    elif newest and behind < -BACK_S_MAX:
        lines.append(
            Line(
                "note",
                "clock",
                f"the wall clock was set {-behind:,.0f} s forward since this machine started; timers count the time that passed",
                f"Nothing fires early. To go by the wall clock, stop all processes of {data} and delete {data / 'clock'}.",
            )
        )
    elif newest:
        lines.append(Line("ok", "clock", "as the wall clock says"))
    return lines
