"""Waiting for a state: the one place in which a test lets time pass, and looks until the state is there."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_S = 60.0
"""A quiet machine needs a moment, a busy one seconds; only a test that fails waits so long."""
LOOK_S = 0.01
LOOK_OUTSIDE_S = 0.05
"""A look at another process costs more than a look at this one."""


async def until(
    look: Callable[[], Any],
    within_s: float = PATIENCE_S,
    *,
    holds: Callable[[Any], Any] = bool,
    why: Callable[[], Any] | None = None,
) -> Any:
    """Look until the found value holds, and return it. `look` and `why` may be coroutine functions; a failure says what
    `why` finds, else the last found value."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within_s
    while not holds(found := await _answer(look)):
        if loop.time() >= end:
            raise AssertionError(f"not within {within_s:g} s: {await _answer(why) if why else found}")
        await asyncio.sleep(LOOK_S)
    return found


async def until_answered(ask: Callable[[], Awaitable[T]], *errors: type[Exception], within_s: float = PATIENCE_S) -> T:
    """Ask until there is an answer in place of one of these errors."""
    answers: list[T] = []

    async def answered() -> bool:
        with contextlib.suppress(*errors):
            answers.append(await ask())
        return bool(answers)

    await until(answered, within_s)
    return answers[0]


async def the_time(after_s: float) -> None:
    """Wait for the time at which a person of a test acts. An expected result is a state: see `until`."""
    await asyncio.sleep(max(after_s, 0.0))


def until_blocking(look: Callable[[], Any], within_s: float = PATIENCE_S, *, holds: Callable[[Any], Any] = bool) -> Any:
    """`until`, for code without an event loop."""
    found = last_found(look, within_s, holds=holds)
    assert holds(found), f"not within {within_s:g} s: {found}"
    return found


def last_found(look: Callable[[], Any], within_s: float, *, holds: Callable[[Any], Any]) -> Any:
    """Look until the found value holds or the time is over, and return the last one."""
    end = time.monotonic() + within_s
    while not holds(found := look()) and time.monotonic() < end:
        time.sleep(LOOK_OUTSIDE_S)
    return found


async def _answer(question: Callable[[], Any]) -> Any:
    found = question()
    return await found if inspect.isawaitable(found) else found
