"""A storm: so many of the latest messages of one type fail that a dependency must be down, and no message is at fault.

While it lasts they go one at a time with growing pauses, none uses up its retries, and success ends it. Every kind of
failure counts, also one that no retry can heal: thousands of unreadable messages mean a broken deployment, a single one
is a poison message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from partita.clock import Clock
from partita.texts.cause import cause_of

FIRST_PAUSE_S = 0.1
WINDOW = 3
"""A storm begins when `limit` of the latest `WINDOW * limit` messages failed: a third of them."""
LULL = 10
"""A storm that begins within `LULL * limit` messages after another counts as the same one: it takes more successes in a
row to end."""


class Storm:
    """Whether there is a storm for one message type. `report` is called when it begins (with the last error) or ends."""

    def __init__(
        self, clock: Clock, *, limit: int, pause_s_max: float, report: Callable[[str | None], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._limit = limit
        self._pause_s_max = pause_s_max
        self._report = report
        self._turn = asyncio.Lock()
        self._pause_s = FIRST_PAUSE_S
        self._count = 0  # messages that failed or were handled
        self._failures: deque[int] = deque(maxlen=limit)  # the numbers of the latest failures among them
        self._in_a_row = 0  # successes
        self._ends_at = 1  # so many of them end it
        self._lull_from = -LULL * limit
        self._next_goes = 0.0
        self.raging = False

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The turn for a try: at once without a storm, one at a time and after a pause in a storm."""
        if not self.raging:
            yield
            return
        async with self._turn:
            if self.raging:
                await self._clock.sleep(min(self._pause_s, self._pause_s_max))
            yield

    async def failed(self, error: BaseException, *, permanent: bool) -> bool:
        """Record that a message failed all its tries in place, or one of them during a storm. Returns whether it waits until
        the storm is over; False = its retry policy decides.

        No retry heals a permanent error, and if others succeed between the failures the message itself may be at fault:
        such a message leaves the storm too, one in each `pause_s_max`, so that none waits for ever.
        """
        self._count += 1
        self._failures.append(self._count)
        self._in_a_row = 0
        now = self._clock.monotonic()
        if self.raging:
            self._pause_s = min(self._pause_s * 2, self._pause_s_max)
            goes = now >= self._next_goes and (permanent or self._ends_at > 1)
            self._next_goes = now + self._pause_s_max if goes else self._next_goes
            return not goes
        first = self._failures[0]
        if len(self._failures) == self._limit and self._count - first < WINDOW * self._limit:
            again = self._count - self._lull_from < LULL * self._limit
            self._ends_at = min(self._ends_at * 2, self._limit) if again else 1
            self.raging, self._next_goes = True, now + self._pause_s_max
            await self._report(cause_of(error)[:300])
        return self.raging

    async def succeeded(self, count: int = 1) -> None:
        """Record that so many messages were handled."""
        self._count += count
        self._in_a_row += count
        if self.raging:
            self._pause_s = FIRST_PAUSE_S
            if self._in_a_row >= self._ends_at:
                self.raging = False
                self._failures.clear()
                self._lull_from = self._count
                await self._report(None)
