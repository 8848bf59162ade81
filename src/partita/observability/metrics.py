"""Metrics: the present numbers of each database, and the counts of this process since its start.

Names follow Prometheus' naming rules: one prefix, base units, `_total` on counters, and no label with a key, an id or an
error text. Every process of a system reports the same numbers of a database; take `max by (...)` over the instances.
"""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

from partita import signals
from partita.bus.port import Bus
from partita.clock import US, Clock
from partita.errors import BusUnavailable
from partita.observability.question import Unanswered, answered
from partita.observability.workers import behind, merged
from partita.signals import FIELDS, SIGNALS, Sample, Signal
from partita.store.dead_letters import LetterFilter
from partita.store.port import Store
from partita.store.workers import WorkerState

Kind = Literal["gauge", "counter"]


class Metric(NamedTuple):
    """One metric: its kind, its meaning, its labels; a counter's name gets `_total` on the page."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...]


def metric_of(signal: Signal) -> Metric:
    """The metric of a signal: events are counters, states are gauges, the unit ends the name, the fields are the labels."""
    name = f"partita_{signal.name.replace('.', '_')}"
    if signal.unit and not name.endswith(f"_{signal.unit}"):
        name += f"_{signal.unit}"
    return Metric(name, "counter" if signal.kind == "event" else "gauge", signal.when, signal.fields)


METRICS: Mapping[str, Metric] = {name: metric_of(signal) for name, signal in SIGNALS.items()}
"""Every metric, by the name of its signal."""


async def read_all(
    stores: Mapping[str, Store], bus: Bus | None, clock: Clock, ask_s: float, own: Sequence[WorkerState] = ()
) -> list[Sample]:
    """The present numbers of the databases and the bus, all asked at once, each for so many seconds. A source that does
    not answer has only the number that says so, since unknown is not 0. `own` is this process's knowledge of its own workers."""
    asked = [answered(clock, ask_s, name, partial(read_store, store)) for name, store in stores.items()]
    telling = [answered(clock, ask_s, name, store.workers.reported) for name, store in stores.items()]
    of_bus, of_stores, told = await asyncio.gather(
        answered(clock, ask_s, "bus", lambda: _behind(stores, bus, clock)),
        asyncio.gather(*asked),
        asyncio.gather(*telling),
    )
    found = [signals.BUS_UP.of(not isinstance(of_bus, Unanswered))]
    for name, samples in zip(stores, of_stores, strict=True):
        found.append(signals.STORE_UP.of(not isinstance(samples, Unanswered), service=name))
        found += [] if isinstance(samples, Unanswered) else samples
    for name, states in zip(stores, told, strict=True):
        mine = [state._replace(service=name) for state in own if state.service in ("", name)]
        found += _workers(merged(() if isinstance(states, Unanswered) else states, mine))
    return [*found, *([] if isinstance(of_bus, Unanswered) else of_bus)]


async def _behind(groups: Iterable[str], bus: Bus | None, clock: Clock) -> list[Sample]:
    if bus is None:
        raise BusUnavailable("It could not be opened.")
    found: list[Sample] = []
    for name in groups:
        topics: dict[str, int] = {}
        lags = await bus.lag(name)
        for lag in lags:
            topics[lag.topic] = topics.get(lag.topic, 0) + lag.lag
        where = behind(lags, name, clock.now_us())
        found += [signals.CONSUMER_LAG.of(count, group=name, topic=topic) for topic, count in topics.items()]
        if where.members is not None:
            found.append(signals.CONSUMER_MEMBERS.of(where.members, group=name))
        if where.oldest_s is not None:
            found.append(signals.CONSUMER_OLDEST.of(where.oldest_s, group=name))
    return found


def _workers(states: Sequence[WorkerState]) -> list[Sample]:
    counts = Counter((state.state, state.service, state.worker) for state in states)
    of_state = {"failing": signals.WORKER_FAILING, "stuck": signals.WORKER_STUCK}
    return [
        of_state[state].of(count, service=service, worker=worker) for (state, service, worker), count in counts.items()
    ]


async def read_store(store: Store) -> list[Sample]:
    """The present numbers of a service's database."""
    name, now_us = store.name, await store.now_us()
    async with store.reading() as session:
        outbox = await session.outbox.status()
        oldest = await session.dead_letters.find(name, 1, LetterFilter())
        letters = await session.dead_letters.count(name, LetterFilter())
        parked = await session.parking.status(name)
        pending = await session.pending.status()
        paused = await session.groups.paused(name)
        said = await session.groups.said(name)
        versions = await session.sagas.versions_in_flight()
        attention = await session.sagas.find(status="needs_attention", limit=1_000)
    found = [
        signals.DEAD_LETTERS.of(letters, group=name),
        signals.DEAD_LETTER_OLDEST.of((now_us - oldest[0].at_us) / US if oldest else 0.0, group=name),
        signals.CONSUMER_PAUSED.of(paused is not None, group=name),
        signals.CONSUMER_FULL.of(sum(each.what == "full" for each in said), group=name),
        signals.OUTBOX_PENDING.of(outbox.pending, service=name),
        signals.OUTBOX_OLDEST.of(outbox.oldest_us / US, service=name),
        signals.OUTBOX_REFUSED.of(outbox.parked, service=name),
        signals.PARKED_KEYS.of(parked.keys, group=name),
        signals.PENDING_COMMANDS.of(pending.waiting, service=name),
        signals.PENDING_OLDEST.of((now_us - pending.oldest_us) / US if pending.waiting else 0.0, service=name),
    ]
    if outbox.reader is not None:
        slot = outbox.reader.slot
        found.append(signals.READER_CONNECTED.of(outbox.reader.active, service=name, slot=slot))
        found.append(signals.READER_BEHIND.of(outbox.reader.behind, service=name, slot=slot))
    for state in FIELDS["state"].values:
        found.append(signals.PARKED_MESSAGES.of(getattr(parked, state), group=name, state=state))
    for what, signal in (("storm", signals.STORM), ("unknown", signals.TYPE_NOT_KNOWN)):
        types = Counter(each.subject for each in said if each.what == what)
        found += [signal.of(types[each], group=name, event_type=each) for each in sorted(types)]
    active: Counter[str] = Counter()
    for saga, _, _, unfinished in versions:
        active[saga] += unfinished
    found += [signals.SAGA_ACTIVE.of(count, service=name, saga=saga) for saga, count in active.items()]
    if active:
        found.append(signals.SAGA_NEEDS_ATTENTION.of(len(attention), service=name))
    return found


def build_info() -> Sample:
    """The versions of Partita and Python in this process."""
    from importlib.metadata import version  # imported here, because the import is slow

    return signals.BUILD_INFO.of(1, version=version("partita"), python=platform.python_version())
