"""The metrics page shows the numbers in the databases, also while something fails."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import SCALE, letters
from tests.integration.sagas.test_saga_runs import Shop
from tests.waiting import until

from partita import Conflict, Retry, SettingsError
from partita.cli.main import cli
from partita.observability.health import Health
from partita.observability.metrics import METRICS
from partita.observability.metrics_page import MetricsPage
from partita.operators.steering import act_on_saga
from partita.signals import FIELDS, SAGA_STEPS, Sample


def get(port: int, path: str) -> str:
    """A page's text.

    Raises:
        HTTPError: it is not served, or not with 200.
    """
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
        return text


async def numbers(port: int) -> dict[str, float]:
    """The page as name{labels} -> number."""
    lines = (await asyncio.to_thread(get, port, "/metrics")).splitlines()
    return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))}


def served(bank: Bank) -> Bank:
    """A running app with a page on any free port."""
    bank.app = bank.app.configured(replace(bank.app.settings, metrics="127.0.0.1:0", time_scale=SCALE))
    return bank


async def test_the_page_equals_the_databases(bank: Any) -> None:
    """Handled, failed, dead, parked, relayed: the counts of a small day."""
    served(bank)

    def fail(event: Any) -> None:
        if event.name == "bad":
            raise ValueError("cannot")

    bank.on_deposit = fail
    async with bank.app.running() as system:
        port = system.page.port
        for name in ("a", "b", "bad"):
            await bank.app.send(bank.Deposit(name=name, cents=5))

        async def dead() -> bool:
            return bool(await letters(bank))

        await until(dead)
        await bank.app.send(bank.Deposit(name="bad", cents=6))
        await bank.app.settled(dead_letters=True)
        page = await numbers(port)
        deposited = 'event_type="test.bank.v1.Deposited",group="audit"'
        assert page[f'partita_messages_handled_total{{{deposited},outcome="handled"}}'] == 2
        assert page[f'partita_messages_handled_total{{{deposited},outcome="held"}}'] == 1
        assert page['partita_messages_failed_total{decision="retry",group="audit"}'] == 3
        assert page['partita_messages_failed_total{decision="dead",group="audit"}'] == 1
        assert page['partita_dead_letters{group="audit"}'] == 1
        assert page['partita_parked_messages{group="audit",state="dead"}'] == 1
        assert page['partita_parked_messages{group="audit",state="behind"}'] == 1
        assert page['partita_outbox_pending_rows{service="bank"}'] == 0
        assert page['partita_outbox_relayed_total{service="bank"}'] == 4
        assert page['partita_consumer_lag_messages{group="audit",topic="test.bank.events"}'] == 0
        metrics = {metric.name for metric in METRICS.values()}
        assert {name.partition("{")[0].removesuffix("_total") for name in page} <= metrics
        for sample in await system.samples():
            for name, value in zip(sample.signal.fields, sample.values, strict=True):
                assert not FIELDS[name].values or value in FIELDS[name].values


async def test_the_steps_of_sagas_are_counted_as_their_histories_have_them(tmp_path: Path) -> None:
    """By messages, timers and operators alike, and only committed ones: a step that is rolled back leaves no entry."""
    shop = Shop(tmp_path)
    async with shop.app.running() as system:
        await shop.app.send(shop.Place(id="o1"))
        await shop.app.settled()
        await act_on_saga(system.pipelines["orders"], "Checkout", "o1", "note", reason="seen", by="ann")
        with pytest.raises(Conflict):
            await act_on_saga(system.pipelines["orders"], "Checkout", "o1", "retry", reason="", by="ann")
        async with system.stores["orders"].reading() as session:
            history = await session.sagas.history("Checkout", "o1")
        samples = {s.values: s.value for s in await system.samples() if s.signal is SAGA_STEPS}
    counted = Counter(entry.kind for entry in history)
    assert counted["note"] == counted["completed"] == 1 and counted["done"] > 1
    assert samples == {("orders", "Checkout", entry): count for entry, count in counted.items()}


async def test_a_storm_is_on_the_page_while_it_lasts(tmp_path: Path) -> None:
    """A handler's dependency is down: the group reports the type that it takes one at a time."""
    bank = served(Bank(tmp_path / "data", retry=Retry(in_place=0, storm=3, storm_pause_s=0.1)))
    down = True

    def fail(event: Any) -> None:
        if down:
            raise ConnectionError("down")

    bank.on_deposit = fail
    storm = 'partita_consumer_storm{event_type="test.bank.v1.Deposited",group="audit"}'
    async with bank.app.running() as system:
        assert system.page is not None
        port = system.page.port
        for n in range(6):
            await bank.app.send(bank.Deposit(name=f"n{n}", cents=5))

        async def raging() -> bool:
            return (await numbers(port)).get(storm) == 1

        await until(raging)
        down = False

        async def calm() -> bool:
            return storm not in await numbers(port)

        await until(calm)
        assert not await letters(bank)


async def test_ready_is_said_while_the_metrics_wait() -> None:
    """A probe that hangs on a server would stop a process that could go on without the server."""
    asked, answered = asyncio.Event(), asyncio.Event()

    async def of_a_broker_that_is_down() -> list[Sample]:
        asked.set()
        await answered.wait()
        return []

    page = MetricsPage("127.0.0.1:0", of_a_broker_that_is_down, lambda: Health("ok", ()), limit_s=60.0)
    metrics = asyncio.create_task(asyncio.to_thread(get, page.port, "/metrics"))
    await asked.wait()
    try:
        # Asked in the loop's own thread, which this blocks: a query that needs the loop would get no answer.
        assert json.loads(get(page.port, "/ready"))["ready"]
        assert not metrics.done()
    finally:
        answered.set()
        await metrics
        page.close()


async def test_an_address_that_is_taken_or_none_is_a_clear_error(bank: Any) -> None:
    """Before a message is handled."""
    served(bank)
    async with bank.app.running() as system:
        taken = f"127.0.0.1:{system.page.port}"
        second = bank.app.configured(replace(bank.app.settings, metrics=taken))
        with pytest.raises(SettingsError, match="cannot be served"):
            async with second.running(services=["bank"]):
                pass
    with pytest.raises(SettingsError, match="not an address"):
        replace(bank.app.settings, metrics="here")


def test_the_command_prints_the_gauges_of_a_folder(tmp_path: Path) -> None:
    """Without a process that serves them."""
    printed = CliRunner().invoke(cli, ["metrics", "--data", str(tmp_path / "none")])
    assert printed.exit_code != 0
