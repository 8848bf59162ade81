"""The retry policy: a pure decision over a failure and its counters.

Walk 12: a handler raised; what happens next is decided here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from partita.catalog.retry import Retry
from partita.errors import Malformed, UnknownSchema


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again in place after a wait in seconds."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter, for this reason."""

    reason: str


PERMANENT = (Malformed, UnknownSchema, RecursionError)


def decide(retry: Retry, error: BaseException, tries: int, dice: float) -> RetryAfter | GiveUp:
    """What to do after `tries` failed tries; `dice` in [0, 1) is the jitter, which only ever adds."""
    if isinstance(error, (*PERMANENT, *retry.permanent)):
        return GiveUp(f"{type(error).__name__} is permanent")
    if tries > retry.in_place:
        return GiveUp(f"failed {tries} times")
    wait = min(retry.wait_s_max, retry.first_wait_s * 2 ** max(tries - 1, 0))
    return RetryAfter(wait * (1 + retry.jitter * dice))
