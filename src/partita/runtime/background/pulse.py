"""The pulse: asks each database and the bus of this process repeatedly, so that a probe gets an answer at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from partita.bus.port import Bus
from partita.clock import Clock
from partita.errors import BusRefused
from partita.observability.health import Fact
from partita.observability.question import Unanswered, answered
from partita.store.port import Store

EVERY_S = 1.0
BUS = "bus"


class Pulse:
    """The last answer of each source. Made after the stores were opened: each has answered once by then."""

    name = "pulse"

    def __init__(self, stores: Mapping[str, Store], bus: Bus, clock: Clock, ask_s: float, *, introduced: bool) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._ask_s = ask_s
        self._questions: dict[str, Callable[[], Awaitable[None]]] = {
            f"store of {name}": _of_store(store) for name, store in stores.items()
        }
        self.facts = {source: Fact(source, True, "", False, now, now) for source in self._questions}
        self._questions[BUS] = bus.answers
        self.facts[BUS] = Fact(BUS, False, "" if introduced else "it has not answered yet", False, now, now)
        self._open: dict[str, asyncio.Future[None]] = {}

    @property
    def stale_s(self) -> float:
        """The age from which a fact no longer counts."""
        return 3 * (EVERY_S + self._ask_s)

    async def step(self, now: float) -> float:
        """Ask all of them once."""
        await asyncio.gather(*map(self._ask, self._questions))
        return self._clock.monotonic() + EVERY_S

    async def stop(self) -> None:
        """Do nothing: it holds nothing."""

    async def _ask(self, source: str) -> None:
        answer: None | Unanswered
        before = self._open.get(source)
        if before is not None and not before.done():
            # One query at a time: a server that hangs would get one more connection each second.
            answer = Unanswered(source, self.facts[source].reason or "no answer")
        else:
            asked = self._open[source] = asyncio.ensure_future(self._questions[source]())
            answer = await answered(self._clock, self._ask_s, source, lambda: asked)
        reason, refused = "", False
        if answer is not None:
            reason, refused = answer.reason, isinstance(answer.error, BusRefused)
        self.facts[source] = self.facts[source].heard(self._clock.monotonic(), reason, refused=refused)


def _of_store(store: Store) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        await store.now_us()
        async with store.reading() as session:
            await session.groups.paused(store.name)

    return ask
