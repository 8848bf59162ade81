"""A ration of log lines: each cause is logged once a minute, with its count."""

from __future__ import annotations

from partita.clock import Clock

SAY_AGAIN_AFTER_S = 60.0
CAUSES_MAX = 1_000


class Ration:
    """For a failure that happens two hundred times a second, two hundred lines a second would hide all others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def take(self, cause: str) -> str | None:
        """The end of the line to log; None = the cause was logged within the minute, and is counted."""
        now = self._clock.monotonic()
        if now - self._said.get(cause, float("-inf")) < SAY_AGAIN_AFTER_S:
            self._kept_back[cause] = self._kept_back.get(cause, 0) + 1
            return None
        if len(self._said) >= CAUSES_MAX:
            self._said.clear()
            self._kept_back.clear()
        self._said[cause] = now
        before = self._kept_back.pop(cause, 0)
        return f" ({before:,} times more since this was said last)" if before else ""
