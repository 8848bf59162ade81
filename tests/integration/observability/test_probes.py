"""Probes are answered at once, with reasons, whatever state databases and bus are in."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.waiting import until

from partita import App, Service, StoreUnavailable
from partita.bus.port import Bus
from partita.errors import BusRefused, BusUnavailable
from partita.machine.port import Machine, Wake

PROBE_S = 1.0
"""As Kubernetes waits for a probe unless it is told otherwise."""


class Troubled:
    """A store or bus that fails, or does not answer, while a test says so."""

    def __init__(self, inner: Any, trouble: dict[str, Any]) -> None:
        self.inner, self.trouble = inner, trouble

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def _come(self) -> None:
        trouble = self.trouble.get("is")
        if "asked" in self.trouble:
            self.trouble["asked"].set()
        if trouble == "silent":
            await self.trouble.setdefault("go", asyncio.Event()).wait()
            return
        if trouble is not None:
            raise trouble

    async def answers(self) -> None:
        """Of a bus."""
        await self._come()
        await self.inner.answers()

    async def lag(self, group: str | None = None) -> Any:
        """Of a bus."""
        await self._come()
        return await self.inner.lag(group)

    async def publish(self, fingerprint: str, text: str) -> None:
        """Of a registry."""
        await self._come()
        await self.inner.publish(fingerprint, text)

    @asynccontextmanager
    async def reading(self, **how: Any) -> AsyncIterator[Any]:
        """Of a store."""
        await self._come()
        async with self.inner.reading(**how) as session:
            yield session


def over(trouble: dict[str, Any]) -> None:
    """End a probe in progress: a stop would wait for it as for any work."""
    go = trouble.pop("go", None)
    trouble.clear()
    if go is not None:
        go.set()


class TroubledApp(App):
    """An app on such stores and such a bus."""

    of_bus: dict[str, Any]
    of_stores: dict[str, dict[str, Any]]

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, troubled."""
        bus, registry = super().connect_bus(machine, wake)
        return Troubled(bus, self.of_bus), Troubled(registry, self.of_bus)

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """A store, troubled."""
        return Troubled(super().connect_store(service, bus, machine, wake), self.of_stores[service.name])


@pytest.fixture
def app(tmp_path: Path) -> TroubledApp:
    """A bank whose probes are served."""
    bank = Bank(tmp_path / "data")
    settings = replace(bank.app.settings, metrics="127.0.0.1:0", ask_s=0.3)
    made = TroubledApp(*bank.app.services, settings=settings)
    made.of_bus, made.of_stores = {}, {"bank": {}, "audit": {}}
    return made


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer; each test also checks that it comes in time."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PROBE_S * 10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def probe(app: App, path: str) -> tuple[int, dict[str, Any]]:
    """The answer of a running app."""
    page = app.system.page
    assert page is not None
    return await asyncio.to_thread(ask, page.port, path)


async def becomes(app: App, code: int, status: str) -> dict[str, Any]:
    """Wait until the answer is the expected one."""
    last: list[dict[str, Any]] = []

    async def so() -> bool:
        found, body = await probe(app, "/readyz")
        last.append(body)
        return found == code and body["status"] == status

    await until(so)
    return last[-1]


async def test_a_process_that_works_is_ready(app: TroubledApp) -> None:
    """Each database and the bus by name; the old address is the same."""
    async with app.running():
        for path in ("/readyz", "/ready", "/healthz", "/healthz?fail_on=degraded"):
            code, body = await probe(app, path)
            assert (code, body["status"], body["ready"]) == (200, "ok", True)
            assert [check["name"] for check in body["checks"]] == ["store of bank", "store of audit", "bus"]
        assert await probe(app, "/livez") == (200, {"status": "ok", "reason": ""})


TROUBLES: dict[str, Any] = {"away": BusUnavailable("No broker answers."), "silent": "silent"}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_without_the_bus_a_process_is_ready_and_degraded(app: TroubledApp, trouble: str) -> None:
    """Orders commit, and their messages wait in the outboxes."""
    async with app.running():
        app.of_bus["is"] = TROUBLES[trouble]
        body = await becomes(app, 200, "degraded")
        assert {c["name"]: c["status"] for c in body["checks"]}["bus"] == "degraded"
        assert any("No broker answers" in c["reason"] or "no answer" in c["reason"] for c in body["checks"])
        assert (await probe(app, "/healthz"))[0] == 200
        assert (await probe(app, "/healthz?fail_on=degraded"))[0] == 503
        assert (await probe(app, "/livez"))[0] == 200
        over(app.of_bus)
        await becomes(app, 200, "ok")


async def test_a_bus_that_was_away_at_the_start_is_told(app: TroubledApp) -> None:
    """The process starts nevertheless."""
    app.of_bus["is"] = BusUnavailable("No broker answers.")
    async with app.running():
        await becomes(app, 200, "degraded")
        over(app.of_bus)
        await becomes(app, 200, "ok")


async def test_with_credentials_that_the_bus_refuses_nothing_starts(app: TroubledApp) -> None:
    """Seen once: ready, with a wrong password. If they are refused later, the process is not ready."""
    app.of_bus["is"] = BusRefused("The password is not accepted.")
    with pytest.raises(BusRefused, match="not accepted") as told:
        async with app.running():
            pass
    assert told.value.exit_code == 2

    over(app.of_bus)
    async with app.running():
        app.of_bus["is"] = BusRefused("The password is not accepted.")
        body = await becomes(app, 503, "down")
        assert any("not accepted" in check["reason"] for check in body["checks"])
        over(app.of_bus)
        await becomes(app, 200, "ok")


TROUBLES_OF_STORES: dict[str, Any] = {"away": StoreUnavailable("The server cannot be reached."), "silent": "silent"}


@pytest.mark.parametrize("trouble", TROUBLES_OF_STORES)
async def test_without_one_of_its_databases_a_process_is_not_ready(app: TroubledApp, trouble: str) -> None:
    """The error names the database. The event loop runs meanwhile, so that no supervisor kills the process."""
    async with app.running():
        app.of_stores["audit"]["is"] = TROUBLES_OF_STORES[trouble]
        body = await becomes(app, 503, "down")
        found = {check["name"]: check for check in body["checks"]}
        assert found["store of audit"]["status"] == "down" and found["store of audit"]["reason"]
        assert found["store of bank"]["status"] == found["bus"]["status"] == "ok"
        assert (await probe(app, "/healthz"))[0] == 503
        assert (await probe(app, "/livez"))[0] == 200
        over(app.of_stores["audit"])
        await becomes(app, 200, "ok")


async def test_an_answer_does_not_wait_for_a_silent_server(app: TroubledApp) -> None:
    """A late probe is a failed one, and a process that is removed because of it commits nothing."""
    async with app.running():
        app.of_bus["is"] = app.of_stores["bank"]["is"] = "silent"
        for _ in range(5):
            began = asyncio.get_running_loop().time()
            await probe(app, "/readyz")
            assert asyncio.get_running_loop().time() - began < PROBE_S * 5, "a busy machine is given five times as long"
        over(app.of_bus)
        over(app.of_stores["bank"])


async def test_a_process_that_stops_is_not_ready(app: TroubledApp) -> None:
    """While it finishes the work in hand, it gets no new work."""
    app.settings = replace(app.settings, ask_s=20.0)
    asked = app.of_bus["asked"] = asyncio.Event()
    async with AsyncExitStack() as running:
        system = await running.enter_async_context(app.running())
        assert system.page is not None
        port = system.page.port
        app.of_bus["is"] = "silent"
        asked.clear()
        await asked.wait()  # the pulse is the work in hand here
        stopping = asyncio.create_task(running.aclose())

        async def told() -> bool:
            code, body = await asyncio.to_thread(ask, port, "/readyz")
            return code == 503 and any("it is stopping" in check["reason"] for check in body["checks"])

        await until(told)
        assert (await asyncio.to_thread(ask, port, "/livez"))[0] == 200
        app.of_bus["go"].set()
        await stopping


async def test_a_loop_that_stands_still_is_not_alive(app: TroubledApp) -> None:
    """It is not ready either, once the last answers are old: a thread that needs no loop answers `/readyz`."""
    async with app.running() as system:
        assert system.page is not None
        port, answers = system.page.port, {}
        # In the loop's own thread, which this blocks.
        answers["/livez"] = ask(port, "/livez")[0]
        ready = 200
        while ready == 200:
            ready = ask(port, "/readyz")[0]
        answers["/readyz"] = ready
        answers["/metrics"] = ask(port, "/metrics")[0]
        assert answers == {"/livez": 503, "/readyz": 503, "/metrics": 503}
    await _nothing()


async def _nothing() -> None:
    """Let the loop run again."""


@pytest.mark.parametrize("of", ["bank", "bus", "both"])
async def test_metrics_say_what_is_known(app: TroubledApp, of: str) -> None:
    """Seen once: a 500 after ten seconds, for all metrics."""
    async with app.running():
        for each, trouble in (("bank", app.of_stores["bank"]), ("bus", app.of_bus)):
            if of in (each, "both"):
                trouble["is"] = "silent"
        page = app.system.page
        assert page is not None
        url = f"http://127.0.0.1:{page.port}/metrics"
        text = (await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=30).read())).decode()
        over(app.of_bus)
        over(app.of_stores["bank"])

    up = 0.0 if of in ("bank", "both") else 1.0
    assert f'partita_store_up{{service="bank"}} {up}' in text and 'partita_store_up{service="audit"} 1.0' in text
    assert f"partita_bus_up {0.0 if of in ('bus', 'both') else 1.0}" in text
    assert ('partita_outbox_pending_rows{service="bank"}' in text) is bool(up)
    assert 'partita_outbox_pending_rows{service="audit"} 0.0' in text
    assert ("partita_consumer_lag_messages{" in text) is (of == "bank")
    assert 'partita_outbox_relayed_total{service="bank"}' in text, "what the process counts itself is always known"
