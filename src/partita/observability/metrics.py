"""Metrics in Prometheus' text format: what each database says now, and what this process has counted since its start.

Names follow Prometheus' naming rules: one prefix, base units, `_total` on counters, and no label that a key, an id or an
error text could fill. Every process of a system says the same of a database; take `max by (...)` over the instances.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from partita.bus.port import Bus
from partita.clock import US
from partita.errors import SettingsError
from partita.store.port import Store
from partita.store.trouble import LetterFilter

PATIENCE_S = 10.0


class Signal(NamedTuple):
    """One metric: its kind, what it means, its labels."""

    kind: type[GaugeMetricFamily] | type[CounterMetricFamily]
    meaning: str
    labels: tuple[str, ...]


SIGNALS: Mapping[str, Signal] = {
    "partita_build_info": Signal(GaugeMetricFamily, "Always 1; the versions are labels.", ("version", "python")),
    "partita_outbox_pending_rows": Signal(GaugeMetricFamily, "Committed messages not on the bus yet.", ("service",)),
    "partita_outbox_oldest_pending_seconds": Signal(GaugeMetricFamily, "Age of the oldest of them.", ("service",)),
    "partita_outbox_refused_rows": Signal(
        GaugeMetricFamily, "Messages the bus refused, with those of their keys.", ("service",)
    ),
    "partita_outbox_relayed": Signal(CounterMetricFamily, "Messages this process brought to the bus.", ("service",)),
    "partita_consumer_lag_messages": Signal(GaugeMetricFamily, "Messages a group is behind.", ("group", "topic")),
    "partita_consumer_paused": Signal(GaugeMetricFamily, "1 while a person has paused the group.", ("group",)),
    "partita_consumer_storm": Signal(
        GaugeMetricFamily, "Members that take this type one at a time: what it needs is down.", ("group", "event_type")
    ),
    "partita_consumer_full": Signal(
        GaugeMetricFamily, "Members that take no new messages: too many wait for their turn.", ("group",)
    ),
    "partita_messages_handled": Signal(
        CounterMetricFamily,
        "Messages this process brought to an end, by outcome: handled, refused, tombstone, duplicate, stale, held, ...",
        ("group", "event_type", "outcome"),
    ),
    "partita_messages_failed": Signal(
        CounterMetricFamily, "Failures of a stage, by what followed: retry, dead, discard.", ("group", "decision")
    ),
    "partita_parked_messages": Signal(
        GaugeMetricFamily, "Messages that wait in the group's database.", ("group", "state")
    ),
    "partita_parked_keys": Signal(GaugeMetricFamily, "Keys that are held by them.", ("group",)),
    "partita_dead_letters": Signal(GaugeMetricFamily, "Open dead letters.", ("group",)),
    "partita_dead_letter_oldest_seconds": Signal(GaugeMetricFamily, "Age of the oldest of them.", ("group",)),
    "partita_saga_active": Signal(GaugeMetricFamily, "Instances that have not ended.", ("service", "saga")),
    "partita_saga_needs_attention": Signal(
        GaugeMetricFamily, "Instances that wait for a person, 1,000 at most.", ("service",)
    ),
}
"""Every metric; a counter's name gets `_total` on the page."""


class Sample(NamedTuple):
    """One number; `labels` in the order of its signal."""

    name: str
    labels: tuple[str, ...]
    value: float


async def read(store: Store, bus: Bus) -> list[Sample]:
    """What a service's database and the bus say of it now."""
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
        say("partita_consumer_full", sum(each.what == "full" for each in said))
        active: dict[str, int] = {}
        for saga, _, _, unfinished in await session.sagas.versions_in_flight():
            active[saga] = active.get(saga, 0) + unfinished
        attention = await session.sagas.find(status="needs_attention", limit=1_000)
    say("partita_outbox_pending_rows", outbox.pending)
    say("partita_outbox_oldest_pending_seconds", outbox.oldest_us / US)
    say("partita_outbox_refused_rows", outbox.parked)
    for state in ("waiting", "behind", "gap", "ready", "dead"):
        say("partita_parked_messages", getattr(parked, state), state)
    say("partita_parked_keys", parked.keys)
    for type_name in sorted(set(storms)):
        say("partita_consumer_storm", storms.count(type_name), type_name)
    for saga, count in active.items():
        say("partita_saga_active", count, saga)
    if active:
        say("partita_saga_needs_attention", len(attention))
    behind: dict[str, int] = {}
    for lag in await bus.lag(name):
        behind[lag.topic] = behind.get(lag.topic, 0) + lag.lag
    for topic, count in behind.items():
        say("partita_consumer_lag_messages", count, topic)
    return found


def build_info(version: str) -> Sample:
    """Which Partita and which Python this process is."""
    return Sample("partita_build_info", (version, platform.python_version()), 1.0)


def page(samples: Iterable[Sample]) -> str:
    """The numbers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Fixed(samples))
    return generate_latest(registry).decode()


class _Fixed(Collector):
    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = samples

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for sample in self._samples:
            signal = SIGNALS[sample.name]
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = signal.kind(sample.name, signal.meaning, labels=signal.labels)
            family.add_metric(sample.labels, sample.value)
        return families.values()


class _Asking(Collector):
    """Asks the event loop when a page is asked for: the HTTP server has a thread of its own."""

    def __init__(self, read_now: Callable[[], Awaitable[Sequence[Sample]]]) -> None:
        self._read_now = read_now
        self._loop = asyncio.get_running_loop()

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: asked while it is registered, it would wait for the very loop that registers it."""
        return ()

    def collect(self) -> Iterable[Metric]:
        async def now() -> Sequence[Sample]:
            return await self._read_now()

        asked = asyncio.run_coroutine_threadsafe(now(), self._loop)
        return _Fixed(asked.result(PATIENCE_S)).collect()


class MetricsPage:
    """`/metrics` on an address of its own, read anew at every request."""

    def __init__(self, address: str, read_now: Callable[[], Awaitable[Sequence[Sample]]]) -> None:
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit() or not 0 <= int(port) <= 65_535:
            raise SettingsError(f"{address!r} is no address for metrics.", hint="HOST:PORT, such as 127.0.0.1:9464")
        registry = CollectorRegistry()
        registry.register(_Asking(read_now))
        try:
            self._server, self._thread = start_http_server(int(port), host or "127.0.0.1", registry)
        except OSError as error:
            raise SettingsError(
                f"Metrics cannot be served on {address}: {error.strerror}.", hint="Choose another port."
            ) from error
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
