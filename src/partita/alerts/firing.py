"""The alerts that fire now, evaluated by the caller: without a running process of an app no watch evaluates them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from partita.alerts.alarms import Alarm, evaluate
from partita.alerts.reading import placed, read_store
from partita.alerts.rules import Reading
from partita.bus.port import GroupLag
from partita.observability.declarations import Declarations, sagas_of
from partita.observability.overdue import Limits, step_limits
from partita.observability.reach import Sight
from partita.observability.workers import behind, nobody
from partita.store.port import Store


@dataclass(frozen=True, slots=True)
class Firing:
    """The alerts that fire, and a sentence for each group that no process runs."""

    alarms: tuple[Alarm, ...]
    nobody: tuple[str, ...]


class _Kept(NamedTuple):
    """The reading of a service from its database, and the alarms that are kept there."""

    reading: Reading
    known: dict[str, Alarm]
    now_us: int


async def firing(app: Declarations, sight: Sight) -> Firing:
    """All alerts that fire now. `sight.unknown` names each source that does not answer."""
    limits = step_limits(sagas_of(app), app.settings.time_scale)
    questions = {name: _of_service(store, limits) for name, store in sight.stores.items()}
    of_stores, lags = await asyncio.gather(sight.ask_all(questions), sight.lags())
    absent = [nobody(name, behind(lags, name, kept.now_us)) for name, kept in of_stores.items()]
    alarms = [alarm for kept in of_stores.values() for alarm in _alarms(kept, lags)]
    return Firing(tuple(alarms), tuple(text for text in absent if text))


async def _of_service(store: Store, limits: Limits) -> _Kept:
    reading = await read_store(store, limits=limits)
    async with store.reading() as session:
        known = {each.fingerprint: each for each in map(Alarm._make, await session.groups.alarms())}
    return _Kept(reading, known, await store.now_us())


def _alarms(kept: _Kept, lags: Sequence[GroupLag] | None) -> list[Alarm]:
    """The present alarms of a service. A kept alarm knows when it began; where a number is unknown, the kept alarm holds."""
    reading = placed(kept.reading, lags, kept.now_us)
    alarms, _ = evaluate(reading, kept.known if lags is None else {}, kept.now_us)
    return [kept.known.get(name, alarm) for name, alarm in alarms.items() if alarm.severity != "none"]
