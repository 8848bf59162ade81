"""The retry policy: how often and when a failing message is tried again before it becomes a dead letter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from partita.catalog.place import caller_place
from partita.errors import DeclarationError
from partita.settings.amount import SECONDS_MAX, check_count, check_number, check_seconds

COUNT_MAX = 1_000_000_000
JITTER_MAX = 10.0
DELAY_S_MIN = 0.001
"""The name of a retry topic contains its delay, in milliseconds at least."""


@dataclass(frozen=True, slots=True)
class Counters:
    """The tries of a message: `tries` in a row now, `delays` of its retry topics behind it."""

    tries: int
    delays: int


@dataclass(frozen=True, slots=True)
class RetryNow:
    """Try again in place, after this many seconds."""

    wait_s: float = 0.0

    def __post_init__(self) -> None:
        check_seconds(DeclarationError, "RetryNow(wait_s)", self.wait_s, positive=False)


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again later: in the first retry topic that waits at least that long, else in the longest."""

    wait_s: float

    def __post_init__(self) -> None:
        check_seconds(DeclarationError, "RetryAfter(wait_s)", self.wait_s, positive=False)

    def __str__(self) -> str:
        return f"retry in {self.wait_s:g} s"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Make it a dead letter, for this reason."""

    reason: str

    def __str__(self) -> str:
        return "dead letter"


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop it for this reason, which is stored; no alert is sent."""

    reason: str

    def __str__(self) -> str:
        return "discard"


Decision = RetryNow | RetryAfter | GiveUp | Discard
Policy = Callable[[BaseException, Counters, Any], Decision | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Retries of a service: (1 + `in_place`) x (1 + number of `delays`) tries, then a dead letter and an alert.

    Args:
        in_place: more tries at once, with waits of `first_wait_s` doubling up to `wait_s_max` seconds.
        jitter: a random part added to the wait; it never shortens one.
        delays: seconds to wait in each retry topic, one after the other.
        permanent: exceptions that no retry can heal; they make a dead letter at once, except in a storm.
        storm: when this many of the latest messages of one type failed, with any error, a third of them or more,
            a dependency is down: they go one at a time with pauses of up to `storm_pause_s` seconds until one succeeds.
        parked_max: the most messages that may wait for their turn (in retry topics, behind others of their key); then the group
            takes no new ones until a tenth is handled. Nothing is dropped.
        policy: asked first: (exception, counters, message) -> a decision, or None for the rules above. Pure.

    Raises:
        DeclarationError: a value is not valid.
    """

    in_place: int = 3
    first_wait_s: float = 0.02
    wait_s_max: float = 0.5
    jitter: float = 0.25
    delays: tuple[float, ...] = (60.0, 300.0, 1_800.0)
    permanent: tuple[type[BaseException], ...] = ()
    storm: int = 20
    storm_pause_s: float = 5.0
    parked_max: int = 100_000
    policy: Policy | None = None

    def __post_init__(self) -> None:
        place = f"{caller_place(2)}: Retry"
        for name in ("in_place", "storm", "parked_max"):
            least = 0 if name == "in_place" else 1
            check_count(DeclarationError, f"{place}: {name}", getattr(self, name), least=least, most=COUNT_MAX)
        for name in ("first_wait_s", "wait_s_max", "storm_pause_s"):
            check_seconds(DeclarationError, f"{place}: {name}", getattr(self, name), positive=False)
        check_number(DeclarationError, f"{place}: jitter", self.jitter, least=0, most=JITTER_MAX)
        if not isinstance(self.delays, (tuple, list)):
            raise DeclarationError(
                f"{place}: delays={self.delays!r} cannot be.", hint="Seconds in brackets: delays=(60.0,)."
            )
        for wait_s in self.delays:
            check_number(DeclarationError, f"{place}: delays", wait_s, least=DELAY_S_MIN, most=SECONDS_MAX, unit=" s")
        kinds = self.permanent if isinstance(self.permanent, tuple) else (None,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
            raise DeclarationError(
                f"{place}: permanent={self.permanent!r} cannot be.",
                hint="Exceptions in brackets: permanent=(ValueError,).",
            )
        if self.policy is not None and not callable(self.policy):
            raise DeclarationError(
                f"{place}: policy={self.policy!r} cannot be called.", hint="A function of three values."
            )
