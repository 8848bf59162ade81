"""A question to a database or to the bus: answered within a limit, or it is said why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from partita.clock import Clock, all_done
from partita.errors import NotFound, PartitaError

T = TypeVar("T")
GRACE_S = 0.5
"""Who is asked has the same limit, and says more of what is wrong."""
_LATE: set[asyncio.Future[Any]] = set()
"""Questions that nobody waits for any more, until they have ended. Any: whatever they would have answered."""


class Unanswered(NamedTuple):
    """No answer of `source` (a service's name, or "bus"), and why; in the words of the one who was asked, if it spoke."""

    source: str
    reason: str
    error: PartitaError | None = None


async def answered(clock: Clock, within_s: float, source: str, question: Callable[[], Awaitable[T]]) -> T | Unanswered:
    """The answer, or that there was none within so many seconds.

    A question that comes too late is cancelled and left to end by itself: giving back a connection to a server that
    stands still takes longer than anybody waits here.

    Raises:
        NotFound: what was asked for does not exist, which is an answer.
    """
    asked = asyncio.ensure_future(question())  # asked here: a task that ends before it begins has asked nothing
    try:
        in_time = await all_done(clock, [asked], within_s + GRACE_S)
    except asyncio.CancelledError:
        _leave(asked)
        raise
    if not in_time:
        _leave(asked)
        return Unanswered(source, f"no answer within {within_s:g} s")
    try:
        return asked.result()
    except NotFound:
        raise
    except PartitaError as error:
        return Unanswered(source, error.what, error)


def _leave(asked: asyncio.Future[T]) -> None:
    asked.cancel()
    _LATE.add(asked)
    asked.add_done_callback(_forget)


def _forget(asked: asyncio.Future[T]) -> None:
    _LATE.discard(asked)
    if not asked.cancelled():
        asked.exception()  # looked at: nobody else will
