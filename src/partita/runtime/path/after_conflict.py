"""Running a transaction again after a conflict with another: it was rolled back for certain, so the caller need not know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from partita.clock import Clock
from partita.errors import StoreContended

T = TypeVar("T")
# With growing pauses: three seconds at most.
TRIES_MAX = 60
PAUSE_S = 0.002
PAUSE_MAX_S = 0.05


def pause_after(tries: int) -> float:
    """Seconds to wait after so many tries."""
    return min(PAUSE_S * 2.0**tries, PAUSE_MAX_S)


async def run_again(clock: Clock, work: Callable[[], Awaitable[T]]) -> T:
    """Run a whole transaction, and again after each conflict.

    Raises:
        StoreContended: every try had a conflict.
    """
    for tries in range(1, TRIES_MAX):
        try:
            return await work()
        except StoreContended:
            await clock.sleep(pause_after(tries))
    return await work()
