"""The place of the demo: its databases and its log, prepared and found empty before a process is started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from partita.app import App
from partita.bus.port import Bus, Outgoing, Record
from partita.errors import BusError, Conflict, NotFound, SettingsError
from partita.examples.proof.reading import (
    DatabaseFiles,
    Databases,
    Log,
    LogFile,
    Loop,
    ServerDatabases,
    ServerLog,
    Start,
    read_all,
    topics_of,
)
from partita.machine.system import this_machine
from partita.settings.address import without_secrets
from partita.settings.settings import Settings
from partita.store.connect import connect_store
from partita.store.port import Store

HOLDS = "SELECT 1 FROM inbox UNION ALL SELECT 1 FROM outbox LIMIT 1"
SCHEMA = "SELECT current_schema() AS name"
POISON_TOPIC = "shop.order.events"
POOL_MAX = 2
LOG_POOL_MAX = 1
MISSED_WITHIN_S = 20.0
PILL = b"\xff\x00 this is no envelope"


@dataclass(slots=True)
class Ground:
    """The databases and the log, as the demo sees them from outside."""

    settings: Settings
    databases: Databases
    log: Log
    loop: Loop

    def environment(self) -> dict[str, str]:
        """The settings for child processes: in the environment, since everybody can see a command line."""
        bus = pooled(self.settings.bus, LOG_POOL_MAX)
        return {**os.environ, "PARTITA_STORE": pooled(self.settings.store), "PARTITA_BUS": bus}

    def append_poison(self, app: App) -> None:
        """Append bytes that are not a message: each group that reads the topic must keep them as a dead letter."""
        self.loop.run(_append_pill(app.configured(self.settings)))

    def close(self) -> None:
        """Close the connections to the servers."""
        self.loop.close()


def pooled(url: str, pool_max: int = POOL_MAX) -> str:
    """A PostgreSQL's URL with small pools: two dozen of them, and a listener beside each, share a server's 100
    connections."""
    if not url.startswith("postgres") or "pool_max=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}pool_max={pool_max}"


def check_ground(settings: Settings) -> None:
    """Refuse URLs that the demo cannot use.

    Raises:
        SettingsError: the URL names a file; without a URL the demo runs on the embedded tier.
    """
    for flag, url in (("--store", settings.store), ("--bus", settings.bus)):
        if url and url.partition(":")[0] in ("sqlite", "log"):
            raise SettingsError(
                f"{flag} {without_secrets(url)}: the demo's embedded tier takes a folder.", hint="--data DIR"
            )


def prepare(app: App, settings: Settings, *, fresh: bool) -> Ground:
    """Make schemas, tables and topics on the named servers; the embedded tier needs nothing.

    Raises:
        Conflict: they hold data that is not of this run, and `fresh` was not given.
        PartitaError: a server cannot be used, with what to do.
    """
    check_ground(settings)
    with contextlib.ExitStack() as undo:
        loop = Loop()
        undo.callback(loop.close)
        ground = loop.run(_prepare(loop, app.configured(settings), fresh))
        undo.pop_all()
    return ground


def opened(app: App, settings: Settings) -> Ground:
    """The databases and the log of a system that has run, with all that they hold."""
    loop = Loop()
    return loop.run(_opened(loop, app.configured(settings), None))


async def _prepare(loop: Loop, app: App, fresh: bool) -> Ground:
    settings = app.settings
    settings.data.mkdir(parents=True, exist_ok=True)
    if settings.store:
        await _clear(app, fresh)
    if settings.store or settings.bus:
        async with app.running(roles=()):
            pass
    return await _opened(loop, app, fresh)


async def _opened(loop: Loop, app: App, fresh: bool | None) -> Ground:
    """Open what is there; the log begins behind its older records, or with `fresh=None` at its first."""
    settings = app.settings
    databases: Databases = DatabaseFiles(settings.data)
    log: Log = LogFile(settings.data)
    if settings.bus:
        machine = this_machine()
        wake = machine.wake(settings.data / "wake")
        loop.held.callback(wake.close)
        bus = app.connect_bus(machine, wake).bus
        loop.held.push_async_callback(bus.close)
        await bus.open()
        log = ServerLog(loop, bus, app, {} if fresh is None else await _start_of(app, bus, fresh))
    if settings.store:
        stores = {}
        for service in app.services:
            store = stores[service.name] = _store(app, service.name)
            loop.held.push_async_callback(store.close)
            await store.open()
        databases = ServerDatabases(loop, stores)
    return Ground(settings, databases, log, loop)


def _store(app: App, name: str) -> Store:
    return connect_store(pooled(app.settings.store), this_machine(), service=name, tables="", create=False)


async def _clear(app: App, fresh: bool) -> None:
    """Drop the shop's schemas of an earlier run; a schema without Partita's mark is refused when it is opened."""
    held: list[Store] = []
    try:
        for service in app.services:
            store = _store(app, service.name)
            try:
                await store.open()
            except NotFound:
                continue
            held.append(store)
        for store in held:
            async with store.reading() as session:
                if not fresh and await session.fetch(HOLDS, {}):
                    raise Conflict(
                        f"{without_secrets(app.settings.store)}: {store.name} holds messages that are not of this run.",
                        hint="--fresh drops the shop's five schemas there, or name another database.",
                    )
        for store in held if fresh else ():
            async with store.transaction() as session:
                name = (await session.fetch(SCHEMA, {}))[0]["name"].replace('"', '""')
                await session.execute(f'DROP SCHEMA "{name}" CASCADE', {})
    finally:
        for store in held:
            await store.close()


async def _start_of(app: App, bus: Bus, fresh: bool) -> Start:
    """The ends of the existing records on the log; the services' groups begin behind them."""
    older = await read_all(bus, topics_of(app))
    if older and not fresh:
        raise Conflict(
            f"{without_secrets(app.settings.bus)}: {older[0].topic} holds records that are not of this run.",
            hint="--fresh begins behind them, for the shop's groups and for the ledger.",
        )
    if fresh:
        await _move_groups(app, bus)
    return _ends(older)


def _ends(records: Sequence[Record]) -> Start:
    return {record.at: record.offset for record in records}


async def _move_groups(app: App, bus: Bus) -> None:
    """Move each group behind the existing records. A new group starts at the oldest, so each joins once."""
    member = f"demo-{os.getpid()}"
    for service in app.services:
        topics = app.catalog.topics_of(service)
        if topics:
            subscription = bus.subscribe(service.name, topics, member)
            await subscription.poll(0)
            await subscription.keep()
            await subscription.close()
            for topic in topics:
                await _move(bus, service.name, topic)
    await _accept(app, bus)


async def _accept(app: App, bus: Bus) -> None:
    """Record the moves in the databases: an empty one whose group is not at the start counts as restored from a backup."""
    async with app.running(roles=()):
        for service in app.services:
            topics = app.catalog.topics_of(service)
            async with app.store(service.name).transaction() as session:
                for topic, partitions in (await bus.partitions(topics)).items():
                    await session.claims.put(service.name, topic, range(partitions))


async def _move(bus: Bus, group: str, topic: str) -> None:
    """Move a group to the end. Members of a run that was just killed count as present until their session ends."""
    clock = this_machine().clock
    until = clock.monotonic() + MISSED_WITHIN_S
    while clock.monotonic() < until:
        with contextlib.suppress(BusError, Conflict):
            await bus.reset(group, topic, False)
            return
        await clock.sleep(0.5)
    await bus.reset(group, topic, False)


async def _append_pill(app: App) -> None:
    machine = this_machine()
    wake = machine.wake(app.settings.data / "wake")
    bus = app.connect_bus(machine, wake).bus
    try:
        await bus.open()
        await bus.append([Outgoing(POISON_TOPIC, "poison", PILL, b"\xde\xad\xbe\xef", machine.ids.new())])
    finally:
        await bus.close()
        wake.close()
