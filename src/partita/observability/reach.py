"""Sight: the databases and the bus of an app that answer a question within the limit, and those that do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from partita.assembly.adapters import Adapters
from partita.assembly.existing import Parts, existing_bus, existing_stores
from partita.bus.port import Bus, GroupLag
from partita.clock import Clock
from partita.codec.port import Codec
from partita.errors import BusError, NotFound, StoreUnavailable
from partita.machine.system import this_machine
from partita.observability.question import Unanswered, answered
from partita.store.port import Store

T = TypeVar("T")
Stores = Mapping[str, Store]
"""Open databases, by the names of their services."""
BUS = "bus"


@dataclass(slots=True)
class Sight:
    """The parts that answered when they were opened: `stores` and `bus`. `unknown` has the reason for each other part. `codec`
    learns a schema when a message needs it."""

    clock: Clock
    ask_s: float
    codec: Codec
    stores: dict[str, Store] = field(default_factory=dict)
    bus: Bus | None = None
    unknown: dict[str, str] = field(default_factory=dict)

    async def ask(self, source: str, question: Awaitable[T], *, times: int = 1) -> T | None:
        """The answer of a service's database or of the bus; None = no answer, and `unknown` has the reason. An answer made of
        several questions may take `times` as long; it ends at the first question without an answer."""
        answer = await answered(self.clock, self.ask_s * times, source, lambda: question)
        if not isinstance(answer, Unanswered):
            return answer
        if answer.error is not None and not isinstance(answer.error, (StoreUnavailable, BusError)):
            raise answer.error  # the source did answer
        self.unknown[source] = answer.reason
        return None

    async def ask_all(self, questions: Mapping[str, Awaitable[T]], *, times: int = 1) -> dict[str, T]:
        """The answers that come. All sources are asked at once, so together they take no longer than one. `times` as in `ask`."""
        asked = (self.ask(source, question, times=times) for source, question in questions.items())
        answers = await asyncio.gather(*asked)
        return {source: answer for source, answer in zip(questions, answers, strict=True) if answer is not None}

    async def lags(self, group: str | None = None) -> Sequence[GroupLag] | None:
        """The positions of groups; None = unknown."""
        return None if self.bus is None else await self.ask(BUS, self.bus.lag(group))


@asynccontextmanager
async def looking(
    app: Parts,
    data: Path,
    *,
    with_bus: bool = True,
    some: bool = False,
    leave_out: Collection[str] = (),
) -> AsyncIterator[Sight]:
    """The databases and the bus of an app, all opened at once, each within the limit; nothing is created.
    `leave_out` are the URLs of servers that are known not to answer. With `some`, databases without a log
    are enough, and a log without databases.

    Raises:
        NotFound: there is no data of this app. SettingsError, StoreMismatch: the data belongs to another app.
    """
    machine = app.machine or this_machine(folder=data)
    settings = replace(app.settings, data=data)
    settings.check_stores(service.name for service in app.services)
    with closing(machine.wake(data / "wake")) as wake:
        async with AsyncExitStack() as closed:
            opening: dict[str, Awaitable[Store | Bus]] = {}
            adapters = Adapters(settings, machine, wake, create=False, in_haste=True)
            sight = Sight(machine.clock, settings.ask_s, adapters.codec())
            bus, stores = _existing(adapters, app, leave_out, with_bus, some)
            opening |= {name: _opened(store, closed) for name, store in stores.items()}
            if isinstance(bus, NotFound):
                sight.unknown[BUS] = bus.what
            elif bus is not None:
                opening[BUS] = _opened(bus, closed)
            for source, found in (await sight.ask_all(opening)).items():
                if source == BUS:
                    sight.bus = found  # type: ignore[assignment]  # the one that is not a store
                else:
                    sight.stores[source] = found  # type: ignore[assignment]  # all others are
            yield sight


def _existing(
    adapters: Adapters, app: Parts, leave_out: Collection[str], with_bus: bool, some: bool
) -> tuple[Bus | NotFound | None, Stores]:
    """The bus and the databases; without a log none is made."""
    bus: Bus | NotFound | None = None
    try:
        bus = existing_bus(adapters) if with_bus else None
    except NotFound as error:
        if not some:
            raise
        bus = error
    try:
        return bus, existing_stores(adapters, app.services, leave_out)
    except NotFound:
        if not some or bus is None or isinstance(bus, NotFound):
            raise
        return bus, {}


async def _opened(source: Store | Bus, closed: AsyncExitStack) -> Store | Bus:
    await source.open()
    closed.push_async_callback(source.close)
    return source
