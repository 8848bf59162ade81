"""Overdue commands: by the time of their step, whatever the version of the saga or the item of a list."""

from __future__ import annotations

from tests.unit.sagas.machine import Checkout
from tests.unit.sagas.test_timers import Deciding

from partita import days
from partita.clock import US
from partita.observability.overdue import oldest_alone_s, overdue_s, step_limits
from partita.store.pending import PendingAge

LIMITS = step_limits([Checkout.__definition__, Deciding.__definition__])
NOW = round(days(100) * US)


def age(saga: str, step: str, age_s: float) -> PendingAge:
    return PendingAge("type", saga, step, 1, NOW - round(age_s * US))


def test_a_command_is_over_its_time_by_the_step_of_its_saga() -> None:
    assert LIMITS["Deciding", "decide"] == days(20) and LIMITS["Checkout", "reserve"] == 30
    assert overdue_s([age("Deciding", "decide", days(19)), age("Checkout", "reserve", 29)], LIMITS, NOW) == 0
    assert overdue_s([age("Deciding", "decide", days(19)), age("Checkout", "reserve", 31)], LIMITS, NOW) == 1
    assert overdue_s([age("Checkout", "reserve/7", 40)], LIMITS, NOW) == 10
    assert overdue_s([age("Elsewhere", "decide", days(99)), age("", "", days(99))], LIMITS, NOW) == 0


def test_times_are_scaled_as_those_of_the_sagas_are() -> None:
    fast = step_limits([Deciding.__definition__], 0.01)
    assert overdue_s([age("Deciding", "decide", days(1))], fast, NOW) == days(0.8)


def test_the_oldest_of_no_saga() -> None:
    assert oldest_alone_s([], NOW) == oldest_alone_s([age("Deciding", "decide", 9)], NOW) == 0
    assert oldest_alone_s([age("", "", 5), age("", "", 9)], NOW) == 9
