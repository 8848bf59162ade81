"""How often and how a failing message is tried again before it becomes a dead letter."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Retries of a service: `in_place` tries more at once, waits of `first_wait_s` doubling up to `wait_s_max`.

    Jitter is additive only: it never shortens a wait. `permanent` lists exceptions no retry can heal.
    """

    in_place: int = 3
    first_wait_s: float = 0.02
    wait_s_max: float = 0.5
    jitter: float = 0.25
    permanent: tuple[type[BaseException], ...] = ()
