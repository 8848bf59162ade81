"""Metrics: what each database says now, and what this process has counted since its start.

Names follow Prometheus' naming rules: one prefix, base units, `_total` on counters, and no label that a key, an id or an
error text could fill. Every process of a system says the same of a database; take `max by (...)` over the instances.
"""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

from partita.bus.port import Bus
from partita.clock import US, Clock
from partita.errors import BusUnavailable
from partita.observability.question import Unanswered, answered
from partita.observability.workers import behind, merged
from partita.store.dead_letters import LetterFilter
from partita.store.port import Store
from partita.store.workers import WorkerState


class Signal(NamedTuple):
    """One metric: its kind, what it means, its labels."""

    kind: Literal["gauge", "counter"]
    meaning: str
    labels: tuple[str, ...]


SIGNALS: Mapping[str, Signal] = {
    "partita_build_info": Signal("gauge", "Always 1; the versions are labels.", ("version", "python")),
    "partita_store_up": Signal(
        "gauge", "1 where the service's database answered; else nothing else is known.", ("service",)
    ),
    "partita_bus_up": Signal("gauge", "1 where the log or broker answered; else no lag is known.", ()),
    "partita_outbox_pending_rows": Signal("gauge", "Committed messages not on the bus yet.", ("service",)),
    "partita_outbox_oldest_pending_seconds": Signal("gauge", "Age of the oldest of them.", ("service",)),
    "partita_outbox_refused_rows": Signal("gauge", "Messages the bus refused, with those of their keys.", ("service",)),
    "partita_outbox_relayed": Signal("counter", "Messages this process brought to the bus.", ("service",)),
    "partita_outbox_reader_connected": Signal(
        "gauge", "Where the outbox was handed to another reader: 1 while it is connected.", ("service", "slot")
    ),
    "partita_outbox_reader_behind_bytes": Signal(
        "gauge", "How much of the database's log that reader has not confirmed.", ("service", "slot")
    ),
    "partita_consumer_lag_messages": Signal("gauge", "Messages a group is behind.", ("group", "topic")),
    "partita_consumer_oldest_seconds": Signal(
        "gauge", "How long the oldest message that a group has not handled waits; not said by Kafka.", ("group",)
    ),
    "partita_consumer_members": Signal("gauge", "Processes that work for a group.", ("group",)),
    "partita_worker_failing": Signal(
        "gauge", "Processes in which this worker fails and does nothing else.", ("service", "worker")
    ),
    "partita_worker_stuck": Signal("gauge", "Processes in which this worker is stuck.", ("service", "worker")),
    "partita_consumer_paused": Signal("gauge", "1 while a person has paused the group.", ("group",)),
    "partita_consumer_storm": Signal(
        "gauge", "Members that take this type one at a time: so many of it fail.", ("group", "event_type")
    ),
    "partita_consumer_type_not_known": Signal(
        "gauge",
        "Members that are sent this type and do not know it: a newer version sends it.",
        ("group", "event_type"),
    ),
    "partita_consumer_full": Signal(
        "gauge", "Members that take no new messages: too many wait for their turn.", ("group",)
    ),
    "partita_messages_handled": Signal(
        "counter",
        "Messages this process brought to an end, by outcome: handled, refused, tombstone, duplicate, stale, held, ...",
        ("group", "event_type", "outcome"),
    ),
    "partita_messages_failed": Signal(
        "counter", "Failures of a stage, by what followed: retry, dead, discard.", ("group", "decision")
    ),
    "partita_parked_messages": Signal("gauge", "Messages that wait in the group's database.", ("group", "state")),
    "partita_parked_keys": Signal("gauge", "Keys that are held by them.", ("group",)),
    "partita_dead_letters": Signal("gauge", "Open dead letters.", ("group",)),
    "partita_dead_letter_oldest_seconds": Signal("gauge", "Age of the oldest of them.", ("group",)),
    "partita_saga_active": Signal("gauge", "Instances that have not ended.", ("service", "saga")),
    "partita_saga_needs_attention": Signal("gauge", "Instances that wait for a person, 1,000 at most.", ("service",)),
}
"""Every metric; a counter's name gets `_total` on the page."""


class Sample(NamedTuple):
    """One number; `labels` in the order of its signal."""

    name: str
    labels: tuple[str, ...]
    value: float


async def read_all(
    stores: Mapping[str, Store], bus: Bus | None, clock: Clock, ask_s: float, own: Sequence[WorkerState] = ()
) -> list[Sample]:
    """What the databases and the bus say now, all asked at once, each for so many seconds. Of a source that does not answer
    there is no number but that it does not: none is not 0. `own` is what this process knows of its own workers."""
    asked = [answered(clock, ask_s, name, partial(read_store, store)) for name, store in stores.items()]
    telling = [answered(clock, ask_s, name, store.workers.told) for name, store in stores.items()]
    of_bus, of_stores, told = await asyncio.gather(
        answered(clock, ask_s, "bus", lambda: _behind(stores, bus, clock)),
        asyncio.gather(*asked),
        asyncio.gather(*telling),
    )
    found = [Sample("partita_bus_up", (), float(not isinstance(of_bus, Unanswered)))]
    for name, samples in zip(stores, of_stores, strict=True):
        found.append(Sample("partita_store_up", (name,), float(not isinstance(samples, Unanswered))))
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
        found += [Sample("partita_consumer_lag_messages", (name, topic), count) for topic, count in topics.items()]
        if where.members is not None:
            found.append(Sample("partita_consumer_members", (name,), where.members))
        if where.oldest_s is not None:
            found.append(Sample("partita_consumer_oldest_seconds", (name,), where.oldest_s))
    return found


def _workers(states: Sequence[WorkerState]) -> list[Sample]:
    counts = Counter((f"partita_worker_{state.state}", (state.service, state.worker)) for state in states)
    return [Sample(name, labels, count) for (name, labels), count in counts.items()]


async def read_store(store: Store) -> list[Sample]:
    """What a service's database says of it now."""
    name, now_us = store.name, await store.now_us()
    found: list[Sample] = []

    def say(signal: str, value: float, *labels: str) -> None:
        found.append(Sample(signal, (name, *labels), value))

    async with store.reading() as session:
        outbox = await session.outbox.status()
        oldest = await session.dead_letters.find(name, 1, LetterFilter())
        say("partita_dead_letters", await session.dead_letters.count(name, LetterFilter()))
        say("partita_dead_letter_oldest_seconds", (now_us - oldest[0].at_us) / US if oldest else 0.0)
        parked = await session.parking.status(name)
        say("partita_consumer_paused", float(await session.groups.paused(name) is not None))
        said = await session.groups.said(name)
        storms = [each.subject for each in said if each.what == "storm"]
        not_known = [each.subject for each in said if each.what == "unknown"]
        say("partita_consumer_full", sum(each.what == "full" for each in said))
        active: dict[str, int] = {}
        for saga, _, _, unfinished in await session.sagas.versions_in_flight():
            active[saga] = active.get(saga, 0) + unfinished
        attention = await session.sagas.find(status="needs_attention", limit=1_000)
    say("partita_outbox_pending_rows", outbox.pending)
    say("partita_outbox_oldest_pending_seconds", outbox.oldest_us / US)
    say("partita_outbox_refused_rows", outbox.parked)
    if outbox.reader is not None:
        say("partita_outbox_reader_connected", float(outbox.reader.active), outbox.reader.slot)
        say("partita_outbox_reader_behind_bytes", outbox.reader.behind, outbox.reader.slot)
    for state in ("waiting", "behind", "gap", "ready", "dead"):
        say("partita_parked_messages", getattr(parked, state), state)
    say("partita_parked_keys", parked.keys)
    for type_name in sorted(set(storms)):
        say("partita_consumer_storm", storms.count(type_name), type_name)
    for type_name in sorted(set(not_known)):
        say("partita_consumer_type_not_known", not_known.count(type_name), type_name)
    for saga, count in active.items():
        say("partita_saga_active", count, saga)
    if active:
        say("partita_saga_needs_attention", len(attention))
    return found


def build_info() -> Sample:
    """Which Partita and which Python this process is."""
    from importlib.metadata import version  # late: it takes as long to import as a small framework

    return Sample("partita_build_info", (version("partita"), platform.python_version()), 1.0)
