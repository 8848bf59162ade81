"""The only sources of time, ids and dice: everything else asks a `Clock` or an `Ids`."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeVar

from partita.bell import Bell

T = TypeVar("T")
US = 1_000_000


class Clock(Protocol):
    """A source of time: `now_us` for records (microseconds since 1970, UTC), `monotonic` for waiting (seconds)."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC; never runs backwards within a process."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that only moves forward; for timeouts and leases."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`."""
        ...

    async def rest(self, bell: Bell, seconds: float) -> None:
        """Wait until the bell is rung; after `seconds` the clock rings it. A test's clock may let a worker rest longer, since
        the bell rings whenever there is work."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the event loop after `seconds`; returns a function that cancels it."""
        ...


class SystemClock:
    """The machine's clock: one reading of the wall clock, advanced by `elapsed_ns`, which counts sleep and no steps.

    `us` is the time at the moment when `elapsed_ns` was `at_ns`; by default the wall clock now.
    """

    def __init__(
        self, us: int | None = None, at_ns: int | None = None, elapsed_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._elapsed_ns = elapsed_ns
        self._at_ns = elapsed_ns() if at_ns is None else at_ns
        self._us = time.time_ns() // 1000 if us is None else us

    def not_before(self, us: int) -> None:
        """Never answer less than `us`: the newest time that a database of ours already contains."""
        self._us += max(0, us - self.now_us())

    def now_us(self) -> int:
        """Microseconds since 1970 UTC: the time at the start plus the time that has passed since."""
        return self._us + (self._elapsed_ns() - self._at_ns) // 1000

    def monotonic(self) -> float:
        """Seconds on the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    async def rest(self, bell: Bell, seconds: float) -> None:
        """Wait for the bell, which the loop's timer rings at the latest."""
        timer = asyncio.get_running_loop().call_later(seconds, bell.ring, "time")
        try:
            await bell.wait()
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Callable[[], None]:
        """Use the loop's timer."""
        return asyncio.get_running_loop().call_later(seconds, callback).cancel


def wall_us() -> int:
    """The machine's wall clock, even if it was set back; only `partita doctor` compares with it."""
    return time.time_ns() // 1000


class Ids(Protocol):
    """A source of ids and dice."""

    def new(self) -> str:
        """A new id, unique, roughly ordered by time (UUID version 7)."""
        ...

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class SystemIds:
    """UUID version 7 (RFC 9562) in text: 48 bits of milliseconds, 12 bits of counter, 62 random bits.

    Ordered by time, because random ids into a large unique index cost twice as much (measured).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_ms = 0
        self._counter = 0
        self._prefix = ""
        self._roll_anew()
        _OF_THIS_PROCESS.add(self)

    def _roll_anew(self) -> None:
        self._dice = random.Random(os.urandom(16))
        self._getrandbits = self._dice.getrandbits

    def new(self) -> str:
        """A new UUID version 7; strictly increasing within this process."""
        with self._lock:
            ms = self._clock.now_us() // 1000
            if ms > self._last_ms:
                self._turn_to(ms)
            else:
                self._counter += 1
                if self._counter > 0xFFF:
                    self._turn_to(self._last_ms + 1)
            low = f"{self._getrandbits(62) | 1 << 63:016x}"
            return f"{self._prefix}{self._counter:03x}-{low[:4]}-{low[4:]}"

    def _turn_to(self, ms: int) -> None:
        text = f"{ms:012x}"
        self._last_ms, self._counter, self._prefix = ms, 0, f"{text[:8]}-{text[8:]}-7"

    def random(self) -> float:
        """A number in [0, 1) from this process's own generator."""
        return self._dice.random()


_OF_THIS_PROCESS: weakref.WeakSet[SystemIds] = weakref.WeakSet()


def _after_fork() -> None:
    """Reseed: the workers of a server that forks after the import would all roll the same dice."""
    for ids in list(_OF_THIS_PROCESS):
        ids._roll_anew()


os.register_at_fork(after_in_child=_after_fork)


@asynccontextmanager
async def within(clock: Clock, seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Leave the block after `seconds` at the latest. The yielded timeout knows afterwards whether they ran out (`expired()`).

    Raises:
        TimeoutError: the block was not finished by then; what it awaited is cancelled.
    """
    loop = asyncio.get_running_loop()
    # The loop's own timeout cancels; `clock` decides when.
    async with asyncio.timeout(None) as limit:
        cancel = clock.call_later(seconds, lambda: limit.reschedule(loop.time()))
        try:
            yield limit
        finally:
            cancel()


async def all_done(clock: Clock, tasks: Collection[asyncio.Future[Any]], seconds: float) -> bool:
    """Wait until all of these are done, at most `seconds`; returns whether they are. None is cancelled."""
    waiting = asyncio.gather(*(_ended(task) for task in tasks))
    try:
        async with within(clock, seconds):
            await waiting
    except TimeoutError:
        return False
    return True


async def seen_through(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Finish work even when the caller is cancelled, also twice: it is never left half done.

    Raises:
        CancelledError: after the work has ended, whatever its result.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()  # mark it as retrieved: the caller gets only its cancellation
        raise cancelled
    return task.result()


class Renewed:
    """An answer that `ask` keeps, renewed beside its users: they go on with the former one, and wait where that is older than
    `old_s`. A renewal that fails fails for its next user."""

    def __init__(
        self, clock: Clock, ask: Callable[[], Coroutine[Any, Any, None]], *, every_s: float, old_s: float
    ) -> None:
        self._clock = clock
        self._ask = ask
        self._every_s = every_s
        self._old_s = old_s
        self._asked_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def have(self) -> None:
        """Return at once if the answer is young enough."""
        age_s = self._clock.monotonic() - self._asked_at
        if age_s > self._old_s:
            await self.renew()
        elif age_s > self._every_s:
            asking = self._asking = self._asking or self._begun()
            if asking.done():  # it failed
                self._asking = None
                asking.result()

    async def renew(self) -> None:
        """Wait for a new answer, or for the one on its way."""
        if self._asking is None or self._asking.done():
            self._asking = self._begun()
        asking = self._asking
        try:
            await asyncio.shield(asking)
        finally:
            if asking.done() and self._asking is asking:
                self._asking = None

    async def stop(self) -> None:
        """Ask no more."""
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()
            await asyncio.wait([asking])

    def _begun(self) -> asyncio.Task[None]:
        asking = asyncio.create_task(self._asked())
        asking.add_done_callback(self._done)
        return asking

    def _done(self, asking: asyncio.Task[None]) -> None:
        failed = not asking.cancelled() and asking.exception() is not None
        if self._asking is asking and not failed:
            self._asking = None

    async def _asked(self) -> None:
        began = self._clock.monotonic()
        await self._ask()
        self._asked_at = began


async def _ended(task: asyncio.Future[Any]) -> None:
    await asyncio.wait([task])


def duration_us(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * US)
