"""The condition of a worker: since when it fails without a success, how often, and for what cause."""

from __future__ import annotations

CALM_S = 5.0
SURE_S = 2.0
VOID_S = 120.0


class Condition:
    """The results of its owner's tries. Of several tries in parallel (`CALM_S`) some may succeed while others fail: the worker
    is well again only when none has failed for a while."""

    __slots__ = ("_calm_s", "cause", "failed_at", "failures", "since")

    def __init__(self, *, calm_s: float = 0.0) -> None:
        self._calm_s = calm_s
        self.failures = 0
        self.cause = ""
        self.since = self.failed_at = 0.0

    def well(self, now: float | None = None) -> None:
        """Record a success."""
        if now is None or now - self.failed_at >= self._calm_s:
            self.failures = 0
            self.cause = ""
            self.since = self.failed_at = 0.0

    def failed(self, now: float, cause: str) -> None:
        """Record a failure."""
        if not self.failures:
            self.since = now
        self.failures += 1
        self.failed_at = now
        self.cause = cause

    def is_failing(self, now: float) -> bool:
        """Whether it fails for longer than a short disturbance. A failure long ago without a new try is over."""
        return (
            bool(self.failures) and now - self.since >= SURE_S and (not self._calm_s or now - self.failed_at < VOID_S)
        )
