"""The databases of the services: whether each opens and is undamaged, the messages that wait in it, and the common clock."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from partita.assembly.adapters import Adapters
from partita.assembly.existing import Parts
from partita.assembly.servers import server_findings
from partita.catalog.service import Service
from partita.clock import US, wall_us
from partita.databases.sqlite.file import quick_check
from partita.errors import NotFound, PartitaError
from partita.machine.system import this_machine
from partita.observability.outboxes import read_by
from partita.settings.settings import Settings
from partita.store.dead_letters import LetterFilter
from partita.store.handover import Reader
from partita.store.port import Store
from partita.topics.health import Finding

BACK_S_MAX = 5
SILENT = "server that does not answer"
FIRST_START = "The first start makes it: partita run MODULE:APP"


async def check_servers(app: Parts) -> Mapping[str, Sequence[Finding]]:
    """The findings of each database server, by its URL; all of them are asked at once."""
    urls = list(dict.fromkeys(app.settings.store_of(service.name) for service in app.services))
    return dict(zip(urls, await asyncio.gather(*(_server(app, url) for url in urls)), strict=True))


async def _server(app: Parts, url: str) -> Sequence[Finding]:
    try:
        return await server_findings(app, url)
    except PartitaError as error:
        return [Finding("bad", SILENT, error.what, error.hint)]


async def check_databases(app: Parts, data: Path, silent: Collection[str]) -> list[Finding]:
    """Each service's database. `silent` are servers, by their URLs, that do not answer."""
    found: list[Finding] = []
    settings = replace(app.settings, data=data, migrate=False)
    newest = 0
    for service in app.services:
        place = settings.store_place(service.name)
        if isinstance(place, Path) and not place.exists():
            continue
        if place in silent:
            found.append(Finding("bad", service.name, "unknown: its server does not answer"))
            continue
        try:
            store, now_us = await _opened(settings, service)
            try:
                found += await _database(store, quick_check(place) if isinstance(place, Path) else "ok")
            finally:
                await store.close()
        except NotFound as error:
            found.append(Finding("note", service.name, error.what, FIRST_START))
            continue
        except PartitaError as error:
            found.append(Finding("bad", service.name, error.what, error.hint))
            continue
        if isinstance(place, Path):
            newest = max(newest, now_us)
    return found + _clock(newest, data)


async def _opened(settings: Settings, service: Service) -> tuple[Store, int]:
    """An open database that fits the declaration of its service, own tables included; and the time by its machine's clock."""
    machine = this_machine(folder=settings.data)
    store = Adapters(settings, machine, create=False, in_haste=True).store(service)
    await store.open()
    try:
        await store.create_tables(migrate=False)
    except PartitaError:
        await store.close()
        raise
    return store, machine.clock.now_us()


async def _database(store: Store, check: str) -> list[Finding]:
    """`check` is SQLite's result for the file; a server checks its own pages."""
    async with store.reading() as session:
        status = await session.outbox.status()
        dead = await session.dead_letters.count(where=LetterFilter())
        stuck = len(await session.sagas.find(status="needs_attention", limit=1_000))
    bad = check != "ok" or status.parked or stuck
    said = f"{check}, {status.pending} pending, {status.parked} refused by the bus, {dead} open dead letters, "
    said += f"{stuck} sagas need attention"
    fix = "" if check == "ok" else "The file is damaged: restore a backup."
    finding = Finding("bad" if bad else "note" if dead else "ok", store.name, said, fix)
    return [*_reader(store.name, status.reader), finding]


def _reader(service: str, reader: Reader | None) -> list[Finding]:
    """The reader of an outbox that was handed over; only it brings the rows to the bus."""
    if reader is None:
        return []
    if not reader.there:
        fix = "partita outbox take-back --without-reader: the relays send all kept rows again."
        return [Finding("bad", f"outbox of {service}", read_by(reader), fix)]
    fix = "" if reader.active else "Start its connector. Until then the server keeps its log for the reader."
    return [Finding("ok" if reader.active else "bad", f"outbox of {service}", read_by(reader), fix)]


def _clock(newest: int, data: Path) -> list[Finding]:
    if not newest:
        return []
    behind = (newest - wall_us()) / US
    if behind > BACK_S_MAX:
        at = f"{datetime.fromtimestamp(newest / US, UTC):%Y-%m-%d %H:%M:%S}"
        said = f"the wall clock is {behind:,.0f} s behind the newest stored time ({at} UTC)"
        fix = "Correct it. Until then timers use the stored time, which only moves forward."
        return [Finding("bad", "clock", said, fix)]
    if behind < -BACK_S_MAX:
        said = f"the wall clock was set {-behind:,.0f} s forward since this machine started; timers count the time that passed"
        fix = f"Nothing fires early. To use the wall clock, stop all processes of {data} and delete {data / 'clock'}."
        return [Finding("note", "clock", said, fix)]
    return [Finding("ok", "clock", "as the wall clock says")]
