"""The only doors to time, ids and dice: everything else asks a `Clock` or an `Ids`."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from typing import Protocol

US = 1_000_000


class Clock(Protocol):
    """What tells the time: `now_us` for records (microseconds since 1970, UTC), `monotonic` for waiting (seconds)."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC; never runs backwards within a process."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that only moves forward; for timeouts and leases."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`."""
        ...


class SystemClock:
    """The machine's clock, read once and carried on by the monotonic one.

    A wall clock that is set back (by hand, by NTP, by a resumed snapshot) would hold every timer for
    as long; so the wall is read at the start and only ever followed forward.
    """

    def __init__(self) -> None:
        self._floor_us = 0
        self._wall_us = time.time_ns() // 1000
        self._mono_ns = time.monotonic_ns()

    def not_before(self, us: int) -> None:
        """Never answer less than `us`: the newest time a database of ours has already written."""
        self._floor_us = max(self._floor_us, us)
        if self._wall_us < us:
            self._wall_us = us
            self._mono_ns = time.monotonic_ns()

    def now_us(self) -> int:
        """Microseconds since 1970 UTC: the start plus the time elapsed, or the wall where that is ahead."""
        carried = self._wall_us + (time.monotonic_ns() - self._mono_ns) // 1000
        wall = time.time_ns() // 1000
        if wall > carried + US:
            # A suspended machine stops the monotonic clock but not the world's: follow it forward.
            self._wall_us, self._mono_ns = wall, time.monotonic_ns()
            return wall
        return carried

    def monotonic(self) -> float:
        """Seconds on the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


def wall_us() -> int:
    """The machine's wall clock as it is, even when it was set back; only `partita doctor` compares with it."""
    return time.time_ns() // 1000


class Ids(Protocol):
    """What makes ids and rolls dice."""

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


def duration_us(seconds: float) -> int:
    """Seconds as whole microseconds."""
    return round(seconds * US)
