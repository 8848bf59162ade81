"""A database that does not answer for a moment, in the middle of a step: a report that the bus makes only once is not
lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import failing, parked
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Service, StoreUnavailable
from partita.bus.port import Bus
from partita.machine.port import Machine, Wake
from partita.store.port import Session, Store

SCALE = 0.001  # 60 ms instead of 1m


class Around:
    """Passes every call on; an operation in `away` fails the given number of times."""

    def __init__(self, inner: Any, away: dict[str, int]) -> None:
        self.inner = inner
        self.away = away

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not self.away.get(name):
            return found

        async def fail(*_: Any, **__: Any) -> None:
            self.away[name] -= 1
            raise StoreUnavailable("The database is away.")

        return fail


class AwayStore(Around):
    """A store whose claims and parking are sometimes away."""

    @asynccontextmanager
    async def transaction(self, **how: Any) -> AsyncIterator[Session]:
        """A transaction in which the claims or the parking may be away."""
        async with self.inner.transaction(**how) as session:
            session.claims = Around(session.claims, self.away)
            session.parking = Around(session.parking, self.away)
            yield session


class AwayApp(App):
    """An app whose audit has such a database."""

    away: dict[str, int]

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """Only the store of the audit is ever away."""
        store: Store = super().connect_store(service, bus, machine, wake)
        return AwayStore(store, self.away) if service.name == "audit" else store


@pytest.fixture
def away() -> dict[str, int]:
    """How often each operation fails."""
    return {}


@pytest.fixture
def bank(tmp_path: Path, away: dict[str, int]) -> Bank:
    """A bank whose audit's database is away when a test says so."""
    bank = Bank(tmp_path / "data")
    settings = replace(bank.app.settings, time_scale=SCALE)
    bank.app = AwayApp(*bank.app.services, settings=settings, machine=machine_here())
    bank.app.away = away
    return bank


async def nothing_waits(bank: Bank) -> None:
    """Every group is at the head of every partition, also of the retry topics."""

    async def at_the_head() -> bool:
        return not any(each.lag for each in await bank.app.bus.lag())

    await until(at_the_head)


@virtually
async def test_records_that_came_with_a_partition_wait_for_its_claim(bank: Any, away: dict[str, int]) -> None:
    """The bus reports partition and records once. When they were forgotten after a failed claim, they waited for the
    next start."""
    async with bank.app.running(services=["bank"]):
        for name in "abcdefgh":
            await bank.app.send(bank.Deposit(name=name, cents=1))
        await bank.app.settled()
    away["claim"] = 2

    async with bank.app.running():

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 8

        await until(handled)
        await nothing_waits(bank)

    assert away["claim"] == 0
    assert sorted(bank.calls) == list("abcdefgh")


@virtually
async def test_a_retry_whose_time_has_come_waits_for_the_database(bank: Any, away: dict[str, int]) -> None:
    """Its record left the retry topic's queue before the database knew: the record stayed unhandled for ever, and the
    message waited for the periodic query, which comes after half a minute."""
    failing(bank, "bad", 4)
    away["make_ready"] = 2
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="bad", cents=5))

        async def handled() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 1

        await until(handled)
        await nothing_waits(bank)
        assert (await parked(bank)).keys == 0

    assert away["make_ready"] == 0
