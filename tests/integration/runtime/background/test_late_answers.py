"""Questions that are asked once a second beside the messages: no message waits for an answer that is a little late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.integration.conftest import Bank
from tests.proxy import Proxy, proxy_to
from tests.servers import postgres_url
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Service
from partita.bus.port import Bus
from partita.clock import Renewed, SystemClock
from partita.machine.port import Machine, Wake
from partita.machine.system import this_machine
from partita.machine.virtual import LoopClock
from partita.store.connect import connect_store
from partita.store.port import Session, Store
from partita.testing.conformance.rows import outbox_row


class Question:
    """Answered when the test lets it; a failure is the next answer."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.answered.set()
        self.asked = 0
        self.error: Exception | None = None

    async def __call__(self) -> None:
        """Ask."""
        self.asked += 1
        await self.answered.wait()
        if self.error is not None:
            error, self.error = self.error, None
            raise error


@virtually
async def test_an_answer_is_renewed_beside_its_users_until_it_is_too_old() -> None:
    question = Question()
    answer = Renewed(LoopClock(), question, every_s=1.0, old_s=3.0)
    await answer.have()
    question.answered.clear()
    for _ in range(2):
        await asyncio.sleep(1.3)
        await asyncio.wait_for(answer.have(), 0.1)  # though nothing answers
    assert question.asked == 2, "one at a time"
    await asyncio.sleep(0.5)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(answer.have(), 60)
    question.answered.set()
    await answer.have()
    assert question.asked == 2, "who gave up has not ended the question of the others"
    await answer.stop()


@virtually
async def test_a_failed_renewal_fails_for_its_next_user_alone() -> None:
    """Unseen, an error of every renewal would be found only when the answer is too old."""
    question = Question()
    answer = Renewed(LoopClock(), question, every_s=1.0, old_s=3.0)
    await answer.have()
    question.error = ValueError("away")
    await asyncio.sleep(1.1)
    await answer.have()
    await asyncio.sleep(0.1)
    with pytest.raises(ValueError, match="away"):
        await answer.have()
    await answer.have()
    await asyncio.sleep(0.1)
    await answer.have()
    assert question.asked == 3, "and it was asked again"


class LateStore:
    """A store that counts its parked messages when the test lets it."""

    def __init__(self, inner: Any, counted: asyncio.Event) -> None:
        self.inner = inner
        self.counted = counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    @asynccontextmanager
    async def reading(self, *, consistent: bool = True) -> AsyncIterator[Session]:
        """A view whose parking is late."""
        async with self.inner.reading(consistent=consistent) as session:
            session.parking = LateParking(session.parking, self.counted)
            yield session


class LateParking:
    """Its count waits."""

    def __init__(self, inner: Any, counted: asyncio.Event) -> None:
        self.inner = inner
        self.counted = counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def status(self, consumer: str) -> Any:
        """The count, late."""
        await self.counted.wait()
        return await self.inner.status(consumer)


class LateApp(App):
    """An app whose audit has such a store."""

    counted: asyncio.Event

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """Only the store of the audit is late."""
        store: Store = super().connect_store(service, bus, machine, wake)
        return LateStore(store, self.counted) if service.name == "audit" else store


@virtually
async def test_a_message_does_not_wait_while_the_room_of_the_parking_is_measured(bank: Bank) -> None:
    """The count was asked for in the consumer's step: a message that came then waited for it. One that is three seconds late
    is waited for: nothing is taken without room."""
    bank.app = LateApp(*bank.app.services, settings=bank.app.settings, machine=machine_here())
    counted = bank.app.counted = asyncio.Event()
    counted.set()
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="a", cents=1))
        await bank.app.settled()

        counted.clear()
        await asyncio.sleep(1.5)
        await bank.app.send(bank.Deposit(name="b", cents=1))
        await until(lambda: bank.calls == ["a", "b"], 1)

        await asyncio.sleep(3)
        await bank.app.send(bank.Deposit(name="c", cents=1))
        await asyncio.sleep(2)
        assert bank.calls == ["a", "b"], "the parking may be full by now"
        counted.set()
        await until(lambda: bank.calls == ["a", "b", "c"])


@pytest.fixture
def server() -> Iterator[tuple[Proxy, str]]:
    with postgres_url() as url, proxy_to(urlsplit(url).port or 0) as proxy:
        # Without prepared statements each question passes the proxy with its text.
        yield proxy, url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/") + "?statement_cache_size=0"


class Clock(SystemClock):
    """A clock that the test puts forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        """The machine's, and what the test says."""
        return super().monotonic() + self.ahead_s


@pytest.mark.slow
async def test_a_message_does_not_wait_while_the_server_is_asked_for_its_time(server: tuple[Proxy, str]) -> None:
    """The question was asked by the first message of each second. Time goes on meanwhile, and without any answer for three
    seconds the messages wait: the database may be another one by then."""
    proxy, url = server
    clock = Clock()
    store = connect_store(url, this_machine(clock), service="late", tables="")
    await store.open()
    try:
        before = await store.now_us()
        proxy.stall(b"pg_control_system")
        clock.ahead_s = 1.5
        between = await asyncio.wait_for(store.now_us(), 5)
        await until(lambda: proxy.stalls == 1)
        async with asyncio.timeout(5), store.transaction() as session:
            await session.outbox.add([outbox_row("o1", at_us=await store.now_us())])

        clock.ahead_s = 4.0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.now_us(), 0.2)
        proxy.heal()
        after = await asyncio.wait_for(store.now_us(), 5)
    finally:
        await store.close()
    assert between - before >= 1_500_000 and after >= between
