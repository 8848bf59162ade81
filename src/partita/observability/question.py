"""A question to a database or to the bus: its answer within a limit, or the reason why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from partita.clock import Clock, all_done
from partita.errors import NotFound, PartitaError

T = TypeVar("T")
GRACE_S = 0.5
"""The asked source has the same limit, and its own error says more."""
_LATE: set[asyncio.Future[Any]] = set()
"""Late questions without a waiting caller, until they have ended. Any: their answers have many types."""


class Unanswered(NamedTuple):
    """No answer of `source` (a service's name, or "bus"), and the reason, in the source's own words if it answered."""

    source: str
    reason: str
    error: PartitaError | None = None


async def answered(clock: Clock, within_s: float, source: str, question: Callable[[], Awaitable[T]]) -> T | Unanswered:
    """The answer, or `Unanswered` after so many seconds.

    A late question is cancelled and left to end by itself: releasing a connection to a server that hangs takes longer
    than the limit.

    Raises:
        NotFound: the requested object does not exist, which is an answer.
    """
    asked = asyncio.ensure_future(
        question()
    )  # called here, because a task that is cancelled before its start asks nothing
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
        asked.exception()  # mark the exception as retrieved
