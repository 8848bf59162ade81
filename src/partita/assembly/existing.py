"""The stores and the bus of an app that exist already, opened for a command that reads; nothing is created."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from partita.assembly.adapters import Adapters
from partita.bus.port import Bus
from partita.catalog.service import Service
from partita.errors import NotFound
from partita.machine.port import Machine
from partita.machine.system import this_machine
from partita.settings.settings import Settings
from partita.store.port import Store

START_FIRST = "Name the folder with --data, or start the app first: partita run MODULE:APP."


class Parts(Protocol):
    """The parts of an app that an assembly needs."""

    @property
    def services(self) -> Sequence[Service]:
        """Its services, including the client's."""
        ...

    @property
    def settings(self) -> Settings:
        """Its settings, which name its databases and its bus."""
        ...

    @property
    def machine(self) -> Machine | None:
        """Its machine, if one was given; None = that of this process."""
        ...


@asynccontextmanager
async def open_stores(app: Parts, data: Path) -> AsyncIterator[dict[str, Store]]:
    """The existing databases of an app, for reading.

    Raises:
        NotFound: the folder, or the server that `PARTITA_STORE` names, has none of them.
    """
    settings = replace(app.settings, data=data)
    settings.check_stores(s.name for s in app.services)
    machine = app.machine or this_machine(folder=data)
    opened: dict[str, Store] = {}
    with closing(machine.wake(data / "wake")) as wake:
        found = existing_stores(Adapters(settings, machine, wake, create=False), app.services)
        try:
            for name, store in found.items():
                await store.open()
                opened[name] = store
            yield opened
        finally:
            for store in opened.values():
                await store.close()


@asynccontextmanager
async def open_bus(app: Parts, data: Path) -> AsyncIterator[Bus]:
    """The existing log or broker of an app, for reading.

    Raises:
        NotFound: there is no log. BusUnavailable: the broker does not answer.
    """
    machine = app.machine or this_machine(folder=data)
    with closing(machine.wake(data / "wake")) as wake:
        bus = existing_bus(Adapters(replace(app.settings, data=data), machine, wake, create=False))
        await bus.open()
        try:
            yield bus
        finally:
            await bus.close()


def existing_stores(
    adapters: Adapters, services: Iterable[Service], leave_out: Collection[str] = ()
) -> dict[str, Store]:
    """The stores of services, not opened yet: services with a file, and services on servers except the URLs in `leave_out`.

    Raises:
        NotFound: there is none.
    """
    settings = adapters.settings
    places = {service: settings.store_place(service.name) for service in services}
    found = {service: place for service, place in places.items() if isinstance(place, str) or place.exists()}
    if not found:
        raise NotFound(f"{settings.data}: there is no data of this app.", hint=START_FIRST)
    return {service.name: adapters.store(service) for service, place in found.items() if place not in leave_out}


def existing_bus(adapters: Adapters) -> Bus:
    """The bus, not opened yet.

    Raises:
        NotFound: it is the embedded log, and it has no file.
    """
    place = adapters.settings.bus_place()
    if isinstance(place, Path) and not place.exists():
        raise NotFound(f"{adapters.settings.data}: there is no log.", hint=START_FIRST)
    return adapters.bus().bus
