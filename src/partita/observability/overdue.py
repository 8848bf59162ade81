"""Overdue commands: those that wait for an answer longer than the step of their saga gives them; and those that no saga sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from partita.clock import US
from partita.sagas.definition import SagaDefinition
from partita.store.pending import PendingAge

Limits = Mapping[tuple[str, str], float]
"""The seconds that a step gives its command, by (saga, step)."""


def step_limits(sagas: Iterable[SagaDefinition], time_scale: float = 1.0) -> dict[tuple[str, str], float]:
    """The time of each step; of several versions of a saga the longest."""
    found: dict[tuple[str, str], float] = {}
    for definition in sagas:
        for spec in definition.steps:
            place = (definition.name, spec.name)
            found[place] = max(found.get(place, 0.0), spec.timeout_s * time_scale)
    return found


def limit_of(age: PendingAge, limits: Limits) -> float | None:
    """The time of a command's step; None = it is none of these sagas. A step for each item is named with the item's number."""
    found = limits.get((age.saga, age.step))
    return limits.get((age.saga, age.step.rpartition("/")[0])) if found is None else found


def overdue_s(ages: Sequence[PendingAge], limits: Limits, now_us: int) -> float:
    """The longest time by which a command waits beyond its step; 0 = none does."""
    longest = 0.0
    for age in ages:
        limit_s = limit_of(age, limits) if age.saga else None
        if limit_s is not None:
            longest = max(longest, (now_us - age.oldest_us) / US - limit_s)
    return longest


def oldest_alone_s(ages: Sequence[PendingAge], now_us: int) -> float:
    """The age of the oldest command that no saga has sent, so that nothing ends its wait; 0 = there is none."""
    return max(((now_us - age.oldest_us) / US for age in ages if not age.saga), default=0.0)
