"""A storm: messages of one type fail one after the other, so what they need is down, and none of them is to blame.

While it lasts they go one at a time with growing pauses, none uses up its retries, and the first success ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from partita.cause import cause_of
from partita.clock import Clock

FIRST_PAUSE_S = 0.1


class Storm:
    """Whether a storm rages over one message type. `told` is called when it begins (with the last error) or ends."""

    def __init__(
        self, clock: Clock, *, limit: int, pause_s_max: float, told: Callable[[str | None], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._pause_s_max = pause_s_max
        self._told = told
        self._turn = asyncio.Lock()
        self._pause_s = FIRST_PAUSE_S
        self._in_a_row = 0
        self.raging = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One's turn to try: at once in calm weather, one at a time and after a pause in a storm."""
        if not self.raging:
            yield
            return
        async with self._turn:
            if self.raging:
                await self._clock.sleep(self._pause_s)
            yield

    async def failed(self, error: BaseException) -> None:
        """A message failed all its tries in place, or one of them during a storm."""
        self._in_a_row += 1
        if self.raging:
            self._pause_s = min(self._pause_s * 2, self._pause_s_max)
        elif self._in_a_row >= self._limit:
            self.raging = True
            await self._told(cause_of(error)[:300])

    async def succeeded(self) -> None:
        """A message was handled."""
        self._in_a_row = 0
        if self.raging:
            self.raging = False
            self._pause_s = FIRST_PAUSE_S
            await self._told(None)
