"""What commands that only ask share: the databases and the bus that answer within the limit, and those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from partita.address import hurried
from partita.app import App
from partita.bus.connect import connect_bus
from partita.bus.port import Bus, GroupLag
from partita.cli.output import talk
from partita.clock import Clock
from partita.errors import BusError, NotFound, StoreUnavailable
from partita.machine.port import Machine, Wake
from partita.machine.system import this_machine
from partita.observability.question import Unanswered, answered
from partita.settings import Settings
from partita.store.connect import connect_store
from partita.store.port import Store

T = TypeVar("T")
BUS = "bus"
UNREACHABLE = 6


@dataclass(slots=True)
class Sight:
    """What can be seen: `stores` and `bus` that answered when they were opened, `unknown` why others did not."""

    clock: Clock
    ask_s: float
    stores: dict[str, Store] = field(default_factory=dict)
    bus: Bus | None = None
    unknown: dict[str, str] = field(default_factory=dict)

    async def ask(self, source: str, question: Awaitable[T], *, times: int = 1) -> T | None:
        """The answer of a service's database or of the bus; None = there is none, and `unknown` says why. One that is made of
        several questions may take some `times` as long: at the first that has no answer it ends."""
        answer = await answered(self.clock, self.ask_s * times, source, lambda: question)
        if not isinstance(answer, Unanswered):
            return answer
        if answer.error is not None and not isinstance(answer.error, (StoreUnavailable, BusError)):
            raise answer.error  # it is not that it does not answer
        self.unknown[source] = answer.reason
        return None

    async def ask_all(self, questions: Mapping[str, Awaitable[T]], *, times: int = 1) -> dict[str, T]:
        """The answers there are, all asked at once: together they take no longer than one. `times` as `ask`."""
        asked = (self.ask(source, question, times=times) for source, question in questions.items())
        answers = await asyncio.gather(*asked)
        return {source: answer for source, answer in zip(questions, answers, strict=True) if answer is not None}

    async def lags(self, group: str | None = None) -> Sequence[GroupLag] | None:
        """Where groups stand; None = unknown."""
        return None if self.bus is None else await self.ask(BUS, self.bus.lag(group))

    def tell(self) -> int:
        """Say beside the data what is unknown; returns the exit code that follows."""
        for source, reason in sorted(self.unknown.items()):
            talk(f"unknown: {source}: {reason}")
        return UNREACHABLE if self.unknown else 0

    def as_json(self) -> list[dict[str, str]]:
        """What is unknown, for a JSON document."""
        return [{"source": source, "reason": reason} for source, reason in sorted(self.unknown.items())]


@asynccontextmanager
async def looking(
    app: App, data: Path, *, with_bus: bool = True, with_stores: bool = True, leave_out: Collection[str] = ()
) -> AsyncIterator[Sight]:
    """The databases and the bus of an app, all opened at once, each within the limit; nothing is created.
    `leave_out` are servers, by their URLs, of which it is known that they do not answer.

    Raises:
        NotFound: there is no data of this app. SettingsError, StoreMismatch: what is there is another's.
    """
    machine = app.machine or this_machine(folder=data)
    settings = replace(app.settings, data=data)
    settings.check_stores(service.name for service in app.services)
    sight = Sight(machine.clock, settings.ask_s)
    with closing(machine.wake(data / "wake")) as wake:
        async with AsyncExitStack() as closed:
            opening: dict[str, Awaitable[Store | Bus]] = {}
            bus = _bus(settings, machine, wake) if with_bus else None  # where there is none, nothing is opened
            if with_stores:
                opening |= {
                    name: _opened(store, closed)
                    for name, store in _stores(app, settings, machine, wake, leave_out).items()
                }
            if bus is not None:
                opening[BUS] = _opened(bus, closed)
            for source, found in (await sight.ask_all(opening)).items():
                if source == BUS:
                    sight.bus = found  # type: ignore[assignment]  # the one that is no store
                else:
                    sight.stores[source] = found  # type: ignore[assignment]  # all others are
            yield sight


def _stores(app: App, settings: Settings, machine: Machine, wake: Wake, leave_out: Collection[str]) -> dict[str, Store]:
    places = {service: settings.store_place(service.name) for service in app.services}
    there = {s: place for s, place in places.items() if isinstance(place, str) or place.exists()}
    if not there:
        raise NotFound(
            f"{settings.data}: no data of this app there.",
            hint="Name the folder with --data, or start the app first: partita run MODULE:APP.",
        )
    return {
        service.name: connect_store(
            hurried(place, settings.ask_s),
            machine,
            service=service.name,
            tables=service.tables,
            wake=wake,
            create=False,
            migrate=settings.migrate,
        )
        for service, place in there.items()
        if place not in leave_out
    }


def _bus(settings: Settings, machine: Machine, wake: Wake) -> Bus:
    place = settings.bus_place()
    if isinstance(place, Path) and not place.exists():
        raise NotFound(
            f"{settings.data}: no log there.",
            hint="Name the folder with --data, or start the app first: partita run MODULE:APP.",
        )
    where = hurried(place, settings.ask_s)
    return connect_bus(where, machine, wake, create=False, migrate=settings.migrate, ask_s=settings.ask_s)


async def _opened(source: Store | Bus, closed: AsyncExitStack) -> Store | Bus:
    await source.open()
    closed.push_async_callback(source.close)
    return source
