"""A world for processes that run in one event loop: time, chance, locks and wake-ups without the system.

The decisions of a system (which process gets a lock first, which thread runs when, the value of a dice) are the same on
each run, so two runs with one seed are equal to the last byte.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from partita.bell import Bell
from partita.clock import US, Clock
from partita.machine.port import Machine

T = TypeVar("T")
BEGINNING_US = 1_767_225_600_000_000
"""2026-01-01 00:00 UTC: the time at which a world begins, so that no run depends on its real date."""


class World:
    """The shared state of a world's machines. `clock` is one that a test owns by default; `seed` decides every dice."""

    def __init__(self, *, seed: int = 0, clock: Clock | None = None) -> None:
        self.held = HeldClock()
        self.clock: Clock = clock or self.held
        self.turns = 0  # how often the turn at a file changed hands: a sign of work
        self._dice = random.Random(seed)
        self._queues: dict[Path, deque[asyncio.Future[None]]] = {}
        self._busy: set[Path] = set()
        self._channels: dict[tuple[Path, str], dict[int, Callable[[], None]]] = {}
        self._tokens: dict[str, str] = {}
        self._numbers = count(1)

    def machine(self) -> Machine:
        """A machine in this world: one more process on the same host."""
        return Machine(
            clock=self.clock,
            ids=SeededIds(self.clock, self._dice.getrandbits(64)),
            threads=NoThreads(),
            process=f"process-{next(self._numbers)}",
            wake=lambda folder: WorldWake(self._channels, folder, self._numbers),
            turn=lambda path: WorldTurn(self, path, self._queues, self._busy),
            alive=lambda folder, token: WorldAlive(self._tokens, token),
        )


class HeldClock:
    """A clock that does not move until a test moves it. `waits` counts the begins and ends of waits."""

    def __init__(self) -> None:
        self._us = BEGINNING_US
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._cancelled: set[int] = set()
        self._numbers = count()
        self._resting: dict[int, Bell] = {}
        self.waits = 0

    def now_us(self) -> int:
        """Microseconds since 1970, as far as the clock was moved."""
        return self._us

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return (self._us - BEGINNING_US) / US

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was moved so far."""
        done = asyncio.get_running_loop().create_future()
        cancel = self.call_later(seconds, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            cancel()

    async def rest(self, bell: Bell, seconds: float) -> None:
        """Wait for the bell, which each move rings."""
        number = next(self._numbers)
        self._resting[number] = bell
        self.waits += 1
        try:
            await bell.wait()
        finally:
            del self._resting[number]
            self.waits += 1

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the clock was moved so far."""
        number = next(self._numbers)
        self.waits += 1
        heapq.heappush(self._timers, (self._us + max(round(seconds * US), 0), number, callback))
        return lambda: self._cancelled.add(number)

    def next_us(self) -> int | None:
        """When the next timer is due."""
        while self._timers and self._timers[0][1] in self._cancelled:
            self._cancelled.discard(heapq.heappop(self._timers)[1])
        return self._timers[0][0] if self._timers else None

    def move(self, to_us: int) -> None:
        """Move the clock forward: timers fire in order at their times, then each resting worker looks once."""
        while (due := self.next_us()) is not None and due <= to_us:
            self._us = max(self._us, due)
            self.waits += 1
            heapq.heappop(self._timers)[2]()
        self._us = max(self._us, to_us)
        for bell in list(self._resting.values()):
            bell.ring("time")


class LoopClock:
    """The time of the event loop, counted from the beginning of the world: for a loop with a time of its own."""

    def now_us(self) -> int:
        """Microseconds since 1970."""
        return BEGINNING_US + round(asyncio.get_running_loop().time() * US)

    def monotonic(self) -> float:
        """The loop's own time."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop."""
        await asyncio.sleep(seconds)  # this is the clock

    async def rest(self, bell: Bell, seconds: float) -> None:
        """Wait for the bell, which the loop's timer rings at the latest."""
        cancel = self.call_later(seconds, lambda: bell.ring("time"))
        try:
            await bell.wait()
        finally:
            cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """By the loop's timer."""
        return asyncio.get_running_loop().call_later(seconds, callback).cancel


class SeededIds:
    """UUID version 7 in text, like the real ones, from a seed."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._number = 0

    def new(self) -> str:
        """A new id; increasing within this machine."""
        self._number += 1
        ms = f"{self._clock.now_us() // 1000:012x}"
        low = f"{self._dice.getrandbits(62) | 1 << 63:016x}"
        return f"{ms[:8]}-{ms[8:]}-7{self._number & 0xFFF:03x}-{low[:4]}-{low[4:]}"

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._dice.random()


class NoThreads:
    """Runs work in the calling thread: the order of two threads would be decided by the system."""

    async def run(self, function: Callable[..., T], *args: Any) -> T:  # Any: the function's own parameters
        """Call it now."""
        return function(*args)

    def one(self, name: str) -> NoThreads:
        """No thread either."""
        return self

    def submit(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Run it when the loop comes to it."""
        return asyncio.ensure_future(self.run(work))

    def close(self) -> None:
        """Nothing runs."""


class WorldTurn:
    """The turn at a file among the processes of a world, first come first served."""

    def __init__(
        self, world: World, path: Path, queues: dict[Path, deque[asyncio.Future[None]]], busy: set[Path]
    ) -> None:
        self._world = world
        self._path = path
        self._waiting = queues.setdefault(path, deque())
        self._busy = busy

    def take_now(self) -> bool:
        """Take it if it is free."""
        if self._path in self._busy:
            return False
        self._busy.add(self._path)
        self._world.turns += 1
        return True

    async def take(self) -> None:
        """Queue for it."""
        if self.take_now():
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:
                self.give()  # it was handed over at the very moment of the cancellation
            raise

    def give(self) -> None:
        """Hand it to the next."""
        self._world.turns += 1
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._busy.discard(self._path)

    def holder(self) -> str:
        """Empty: processes of a world have no names that people know."""
        return ""

    @property
    def is_gone(self) -> bool:
        """False: there is no lock file that could be removed."""
        return False

    def close(self) -> None:
        """Do nothing: no file is open."""


class WorldWake:
    """Wake-ups within a world; none is lost."""

    def __init__(
        self, channels: dict[tuple[Path, str], dict[int, Callable[[], None]]], folder: Path, numbers: count[int]
    ) -> None:
        self._channels = channels
        self._folder = folder
        self._numbers = numbers
        self._stops: list[Callable[[], None]] = []

    def listen(self, channels: Iterable[str], callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever one of the channels is signalled."""
        number = next(self._numbers)
        named = [(self._folder, channel) for channel in channels]
        for name in named:
            self._channels.setdefault(name, {})[number] = callback

        def stop() -> None:
            for name in named:
                self._channels[name].pop(number, None)

        self._stops.append(stop)
        return stop

    def signal(self, channels: Iterable[str]) -> None:
        """Wake the listeners now."""
        for channel in channels:
            for callback in list(self._channels.get((self._folder, channel), {}).values()):
                callback()

    def close(self) -> None:
        """Stop listening."""
        for stop in self._stops:
            stop()


class WorldAlive:
    """Signs of life within a world, where it is certain which processes live."""

    def __init__(self, tokens: dict[str, str], token: str) -> None:
        self._tokens = tokens
        self.token = token
        tokens[token] = ""

    def is_dead(self, token: str) -> bool:
        """Whether no process has that token."""
        return token not in self._tokens

    def is_living(self, token: str) -> bool:
        """Whether a process has that token."""
        return token in self._tokens

    def announce(self, text: str) -> None:
        """Store it with the token."""
        self._tokens[self.token] = text

    def announced(self) -> list[str]:
        """The texts of all processes of the world."""
        return [text for text in self._tokens.values() if text]

    def close(self) -> None:
        """Withdraw it."""
        self._tokens.pop(self.token, None)
