"""The page of metrics, in Prometheus' text format: printed, or served on an address of its own, beside the probes.

Import it only to serve or print the page: the client library takes a tenth of a second to import.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from partita.errors import SettingsError
from partita.observability.health import Health
from partita.observability.metrics import METRICS
from partita.settings.address import check_listening
from partita.signals import Sample
from partita.texts.foreign_text import shown

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MARGIN_S = 1.0
LIVE, HEALTH = "/livez", "/healthz"
READY = ("/readyz", "/ready")
STANDS = "the event loop hangs"
FAMILIES = {"gauge": GaugeMetricFamily, "counter": CounterMetricFamily}


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
            metric = METRICS[sample.signal.name]
            family = families.get(metric.name)
            if family is None:
                family = families[metric.name] = FAMILIES[metric.kind](
                    metric.name, metric.meaning, labels=metric.labels
                )
            family.add_metric(list(map(shown, sample.values)), sample.value)
        return families.values()


class _Asking(Collector):
    """Asks the event loop for each page: the HTTP server has a thread of its own."""

    def __init__(self, read_now: Callable[[], Awaitable[Sequence[Sample]]], limit_s: float) -> None:
        self._read_now = read_now
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()

    def describe(self) -> Iterable[Metric]:
        """Return no metrics in advance: at registration it would wait for the very loop that registers it."""
        return ()

    def collect(self) -> Iterable[Metric]:
        async def now() -> Sequence[Sample]:
            return await self._read_now()

        asked = asyncio.run_coroutine_threadsafe(now(), self._loop)
        return _Fixed(asked.result(self._limit_s)).collect()


class _Probes:
    """Answers `/livez`, `/readyz` (also `/ready`) and `/healthz` beside the metrics, in the server's own threads, from facts
    learned before, so that no probe hangs while a server does."""

    def __init__(self, metrics: WSGIApplication, health: Callable[[], Health], limit_s: float) -> None:
        self._metrics = metrics
        self._health = health
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == LIVE:
            turns = self._turns()
            body = {"status": "ok" if turns else "down", "reason": "" if turns else STANDS}
            return _json(start_response, body, good=turns)
        if path in READY:
            health = self._health()
            return _json(start_response, health.as_json(), good=health.is_ready)
        if path == HEALTH:
            health = self._health()
            strict = "degraded" in parse_qs(environ.get("QUERY_STRING", "")).get("fail_on", [])
            return _json(start_response, health.as_json(), good=health.status == "ok" if strict else health.is_ready)
        try:
            return self._metrics(environ, start_response)
        except TimeoutError:
            return _json(start_response, {"status": "down", "reason": STANDS}, good=False)

    def _turns(self) -> bool:
        turned = threading.Event()
        try:
            self._loop.call_soon_threadsafe(turned.set)
        except RuntimeError:  # the loop is closed
            return False
        return turned.wait(self._limit_s)


def _json(start_response: StartResponse, body: Mapping[str, Any], *, good: bool) -> Iterable[bytes]:
    status = "200 OK" if good else "503 Service Unavailable"
    start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode() + b"\n"]


class MetricsPage:
    """`/metrics` on an address of its own, read again at every request, and the probes. A query takes `limit_s` at most;
    numbers without an answer by then are not on the page."""

    def __init__(
        self,
        address: str,
        read_now: Callable[[], Awaitable[Sequence[Sample]]],
        health: Callable[[], Health],
        *,
        limit_s: float,
    ) -> None:
        host, port = check_listening(f"metrics={address!r}", address)
        registry = CollectorRegistry()
        registry.register(_Asking(read_now, limit_s + MARGIN_S))
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise SettingsError(
                f"Metrics cannot be served on {address}: {error.strerror}.", hint="Choose another address or port."
            ) from error
        served = self._server.get_app()
        assert served is not None
        self._server.set_app(_Probes(served, health, limit_s))
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
