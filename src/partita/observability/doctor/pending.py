"""The commands of a service that wait for an answer from outside: how many, for which people, and since when."""

from __future__ import annotations

from collections.abc import Sequence

from partita.clock import US
from partita.observability.declarations import Declarations, sagas_of
from partita.observability.overdue import limit_of, step_limits
from partita.observability.tasks import owner_of
from partita.observability.why import since
from partita.store.pending import PendingAge
from partita.topics.health import Finding


def check_pending(app: Declarations, service: str, ages: Sequence[PendingAge], now_us: int) -> list[Finding]:
    """The findings of one service; none while no command waits. Commands that wait longer than their saga's step are bad: the
    saga has given them up, or sends them again and again."""
    if not ages:
        return []
    carried_out = app.catalog.service(service).carried_out
    limits = step_limits(sagas_of(app), app.settings.time_scale)
    people: dict[str, tuple[int, int]] = {}
    late: list[str] = []
    for age in ages:
        contract = app.catalog.contracts.get(age.type)
        owner = owner_of(app.catalog, contract) if contract is not None else ""
        party = carried_out.get(age.type, "") or owner or age.type.rpartition(".")[2]
        count, oldest_us = people.get(party, (0, age.oldest_us))
        people[party] = count + age.waiting, min(oldest_us, age.oldest_us)
        limit_s = limit_of(age, limits) if age.saga else None
        over_us = 0 if limit_s is None else now_us - age.oldest_us - round(limit_s * US)
        if over_us > 0:
            late.append(f"{age.step} of {age.saga} is over its time by {since(over_us)}")
    counts = ", ".join(
        f"{count:,} of {name}, the oldest waits {since(now_us - oldest_us)}"
        for name, (count, oldest_us) in sorted(people.items(), key=lambda each: each[1][1])
    )
    said = "; ".join([f"wait for an answer: {counts}", *late])
    fix = "partita task list; partita why" if late else ""
    return [Finding("bad" if late else "ok", f"commands of {service}", said, fix)]
