"""The page of metrics, in Prometheus' text format: printed, or served on an address of its own, beside `/ready`.

Imported only by who asks for it: the client library takes a tenth of a second, which every process would pay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from partita.errors import SettingsError
from partita.foreign_text import shown
from partita.observability.metrics import SIGNALS, Sample

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATIENCE_S = 10.0
READY = "/ready"
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
            signal = SIGNALS[sample.name]
            family = families.get(sample.name)
            if family is None:
                family = families[sample.name] = FAMILIES[signal.kind](
                    sample.name, signal.meaning, labels=signal.labels
                )
            family.add_metric(list(map(shown, sample.labels)), sample.value)
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


def _with_ready(metrics: WSGIApplication) -> WSGIApplication:
    """Answers `/ready` from the server's own thread: a probe that waited for the broker would have processes killed that
    go on without it."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != READY:
            return metrics(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"ready\n"]

    return answer


class MetricsPage:
    """`/metrics` on an address of its own, read anew at every request; and `/ready`, which asks nobody: who makes the page
    has opened the stores before."""

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
        served = self._server.get_app()
        assert served is not None
        self._server.set_app(_with_ready(served))
        self.port: int = self._server.server_address[1]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
