"""Running again what another transaction was in the way of: rolled back for certain, so that nobody need hear of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from partita.clock import Clock
from partita.errors import StoreContended

T = TypeVar("T")
# With longer and longer pauses: three seconds at most.
TRIES_MAX = 60
PAUSE_S = 0.002
PAUSE_MAX_S = 0.05


def pause_after(tries: int) -> float:
    """Seconds to wait after so many tries."""
    return min(PAUSE_S * 2.0**tries, PAUSE_MAX_S)


async def run_again(clock: Clock, work: Callable[[], Awaitable[T]]) -> T:
    """Run a whole transaction, and again while another is in its way.

    Raises:
        StoreContended: another one was each time.
    """
    for tries in range(1, TRIES_MAX):
        try:
            return await work()
        except StoreContended:
            await clock.sleep(pause_after(tries))
    return await work()
