"""Time limits of handlers: a handler over its time is a failed try, and a thread that still runs is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from partita.catalog.binding import Binding
from partita.clock import Clock, within
from partita.errors import OverTime
from partita.machine.port import Threads
from partita.runtime.path.users_code import settled

T = TypeVar("T")


async def in_time(clock: Clock, binding: Binding, seconds: float, work: Awaitable[T]) -> T:
    """The result of a handler within its time.

    Raises:
        OverTime: it did not end by then. It was cancelled; a later result or error of it does not count.
    """
    limit: asyncio.Timeout | None = None
    try:
        async with within(clock, seconds) as limit:
            result = await work
    except Exception as error:
        if limit is None or not limit.expired():
            raise
        raise _over(binding, seconds) from (None if isinstance(error, TimeoutError) else error)
    if limit.expired():
        raise _over(binding, seconds)
    return result


def _over(binding: Binding, seconds: float) -> OverTime:
    return OverTime(
        f"{binding.place}: {binding.name} did not end within its {seconds:g} s.",
        hint="It hangs, or a call of it does; if it needs longer: timeout= of the handler.",
    )


class LeftRunning:
    """Calls of plain functions that are over their time and whose threads still run: Python cannot end a thread.

    A second call for the same message could do the same thing at the same time, and threads that hang would use
    up the pool that all handlers share. So each counts against its handler's `concurrency` until it ends.
    """

    def __init__(self) -> None:
        self._calls: dict[Callable[..., Any], list[str]] = {}

    async def run(self, threads: Threads, binding: Binding, message_id: str, values: list[Any]) -> Any:
        """Call a plain function in a thread.

        Raises:
            OverTime: an earlier call that is over its time still runs and occupies this one's place.
        """
        running = self._calls.get(binding.function, [])
        if message_id in running or len(running) >= binding.concurrency:
            mine = "of this message " if message_id in running else ""
            raise OverTime(
                f"{binding.place}: {len(running)} calls of {binding.name} {mine}still run in their threads, over their time.",
                hint="No thread can be ended from outside: give its calls a time limit, or restart the process.",
            )
        asked = asyncio.ensure_future(threads.run(settled, binding.function, *values))
        try:
            result, error = await asyncio.shield(asked)
        except asyncio.CancelledError:
            if not asked.done():
                calls = self._calls.setdefault(binding.function, [])
                calls.append(message_id)
                asked.add_done_callback(lambda _: calls.remove(message_id))
            raise
        if error is not None:
            raise error
        return result
