"""How often and when a failing message is tried again before it becomes a dead letter, and what a policy may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Counters:
    """How often a message was tried: `tries` in a row now, `tiers` retry tiers behind it."""

    tries: int
    tiers: int


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Try again in place, after this many seconds."""

    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again later: in the first tier that waits at least so many seconds, else in the longest."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter, for this reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Discard:
    """Let it go for this reason, which is kept; nobody is told."""

    reason: str


Decision = RetryNow | RetryAfter | GiveUp | Discard
Policy = Callable[[BaseException, Counters, Any], Decision | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Retries of a service: (1 + `in_place`) x (1 + number of `tiers`) tries, then a dead letter and an alert.

    Args:
        in_place: tries more at once, with waits of `first_wait_s` doubling up to `wait_s_max` seconds.
        jitter: a part of the wait that is added at random; it never shortens one.
        tiers: seconds to wait in each retry topic, one after the other.
        permanent: exceptions no retry can heal; they make a dead letter at once.
        storm: after so many messages of one type in a row that failed, with no success between them, something they
            need is down: they go one at a time with pauses of up to `storm_pause_s` seconds until one succeeds.
        parked_max: so many messages may wait for their turn (in tiers, behind others of their key); at that the group
            takes no new ones until a tenth is through. Nothing is dropped.
        policy: asked first: (exception, counters, message) -> what to do, or None for the rules above. Pure.
    """

    in_place: int = 3
    first_wait_s: float = 0.02
    wait_s_max: float = 0.5
    jitter: float = 0.25
    tiers: tuple[float, ...] = (60.0, 300.0, 1_800.0)
    permanent: tuple[type[BaseException], ...] = ()
    storm: int = 20
    storm_pause_s: float = 5.0
    parked_max: int = 100_000
    policy: Policy | None = None
