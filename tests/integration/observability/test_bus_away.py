"""A bus that does not report the positions of groups: everything else is still reported, and no group is shown at the
head."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.virtual_time import machine_here, virtually

from partita import App, PartitaError
from partita.alerts import reading
from partita.alerts.alarms import Alarm, evaluate, fingerprint
from partita.bus.port import Fence, GroupLag, Outgoing, TopicSpec
from partita.errors import BusUnavailable
from partita.machine.port import Machine, Wake
from partita.observability import metrics
from partita.outbox.relay import RESOURCES
from partita.runtime.background.watch import Watch
from partita.runtime.system import Introduction


class SilentBus:
    """Passes every call on, except the query for the positions of groups."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """No answer."""
        raise BusUnavailable("No broker answers.")


class SilentApp(App):
    """An app on such a bus."""

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, silent."""
        connected = super().connect_bus(machine, wake)
        return connected._replace(bus=SilentBus(connected.bus))


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A bank on such a bus."""
    bank = Bank(tmp_path / "data")
    bank.app = SilentApp(*bank.app.services, settings=bank.app.settings)
    return bank


class LateBus(SilentBus):
    """Notes the topics that were declared to it."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.told: list[str] = []

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Note the topics."""
        self.told += [topic.name for topic in topics]
        await self.inner.ensure_topics(topics)


class LateRegistry:
    """Accepts no schema, as the registry of a broker that is away."""

    def __init__(self, inner: Any) -> None:
        self.find = inner.find

    async def publish(self, fingerprint: str, text: str) -> None:
        """No answer."""
        raise BusUnavailable("No broker answers.")


class LateApp(App):
    """An app on such a bus."""

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, late."""
        bus, registry = super().connect_bus(machine, wake)
        return LateBus(bus), LateRegistry(registry)


class AbsentBus(SilentBus):
    """Makes no topics while it is `away`, and keeps the records that came before the schemas."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.away, self.has_schemas = True, False
        self.taken: list[bool] = []

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """No answer at first."""
        if self.away:
            raise BusUnavailable("No broker answers.")
        await self.inner.ensure_topics(topics)

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Note whether the schemas were there."""
        self.taken.append(self.has_schemas)
        found: Sequence[str | None] = await self.inner.append(records, fences)
        return found

    async def publish(self, fingerprint: str, text: str) -> None:
        """As a registry: note that there are schemas."""
        self.has_schemas = True

    async def find(self, fingerprint: str) -> str | None:
        """As a registry: none."""
        return None


class AbsentApp(App):
    """An app on such a bus, which is its registry too."""

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, absent."""
        connected = super().connect_bus(machine, wake)
        bus = AbsentBus(connected.bus)
        return connected._replace(bus=bus, registry=bus)


class SlowBus(SilentBus):
    """Accepts records when the test says so."""

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """After a while."""
        self.asked.set()
        await self.go.wait()
        found: Sequence[str | None] = await self.inner.append(records, fences)
        return found


class SlowApp(App):
    """An app on such a bus."""

    def connect_bus(self, machine: Machine, wake: Wake) -> Any:
        """The bus, slow."""
        connected = super().connect_bus(machine, wake)
        return connected._replace(bus=SlowBus(connected.bus))


@virtually
async def test_a_slow_bus_does_not_cost_a_relay_its_slots(bank: Any) -> None:
    """Another relay would append its whole backlog again, and then the next, for as long as the bus is slow."""
    app = bank.app = SlowApp(*bank.app.services, settings=bank.app.settings, machine=machine_here())
    async with bank.app.running(services=["bank"], roles=("relay",)) as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await system.bus.asked.wait()
        another: Any = machine_here()
        with closing(another.wake(bank.app.settings.data / "wake")) as wake:
            other = app.connect_store(app.services[0], system.bus, another, wake)
            await other.open()
            try:
                for _ in range(16):
                    assert not await other.leases.tick("relay", RESOURCES, "other")
                    await asyncio.sleep(0.25)  # longer than a member's heartbeat may be missing
            finally:
                system.bus.go.set()
                await other.close()


async def test_a_bus_that_is_away_is_told_of_topics_nevertheless(bank: Any) -> None:
    """When the bus comes back, the relay's first append may come first: it must not make the topics with other
    settings."""
    bank.app = LateApp(*bank.app.services, settings=bank.app.settings)
    async with bank.app.running(services=["bank"], roles=()) as system:
        assert "test.bank.events" in system.bus.told


@virtually
async def test_records_wait_for_the_schemas_where_the_bus_was_away_at_the_start(bank: Any) -> None:
    """The bus may come back between two tries of the introduction. A record that left then would go to Kafka without the
    frame of its schema, and every later one of its type."""
    bank.app = AbsentApp(*bank.app.services, settings=bank.app.settings, machine=machine_here())
    async with bank.app.running(services=["bank"], roles=("relay",)) as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await asyncio.sleep(5)
        assert system.bus.taken == []
        system.bus.away = False
        await asyncio.sleep(5)
        assert set(system.bus.taken) == {True}


async def test_a_bus_that_goes_away_in_the_middle_of_its_introduction_is_introduced_to_the_end() -> None:
    """Otherwise messages in a partition that no longer exists, or sent to another log, would wait until the next
    start."""

    class Late:
        introduced = False
        done: Any = ()

        async def introduce(self) -> None:
            self.introduced = True
            self.done += ("introduce",)

        async def join(self) -> None:
            self.done += ("join",)

        async def fit_to_the_bus(self) -> None:
            self.done += ("fit",)
            if self.done.count("fit") == 1:
                raise BusUnavailable("No broker answers.")

    system: Any = Late()
    introduction = Introduction(system)
    again = await introduction.step(0.0)
    assert again < 60.0
    assert await introduction.step(again) == float("inf")
    assert await introduction.step(again) == float("inf")
    assert system.done == ("introduce", "join", "fit", "join", "fit")


async def test_metrics_leave_out_what_the_bus_does_not_say(bank: Any) -> None:
    """A missing number is not 0. The outbox, which grows while the broker is away, must be visible then."""
    async with bank.app.running(services=["bank"], roles=()) as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        read = await metrics.read_all(system.stores, system.bus, system.clock, ask_s=60.0)
    found = {sample.signal.name: sample.value for sample in read}
    assert found["outbox.pending"] == 1
    assert "consumer.lag" not in found
    assert found["bus.up"] == 0 and found["store.up"] == 1


async def test_the_other_alarms_ring_while_the_bus_is_silent(bank: Any) -> None:
    """The watch continues: an outbox that does not drain is the very alarm of a broker that is away."""
    async with bank.app.running(services=["bank"], roles=()) as system:
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        store = system.stores["bank"]
        read = await reading.read(store, system.bus, system.clock, 60.0)
        watch = Watch(store, system.bus, "me/watch", (), every_s=60.0, clock=system.clock, ask_s=60.0)
        assert await watch.step(0.0) == 60.0
        await watch.stop()
    assert read.outbox_oldest_s > 0 and read.lag is None
    alarms, _ = evaluate(read, {}, 0)
    assert "BusUnanswered" in {alarm.name for alarm in alarms.values()}
    lagging = Alarm(fingerprint("ConsumerLag", "bank"), "ConsumerLag", "bank", "warning", "behind", "", 1, 1)
    alarms, told = evaluate(read, {lagging.fingerprint: lagging}, 2)
    assert alarms[lagging.fingerprint] == lagging, "what is unknown neither rings nor is called well"
    assert all(each.alarm.name != "ConsumerLag" for each in told)


async def test_who_waits_for_the_end_is_told_that_the_bus_is_silent(bank: Any) -> None:
    """It is not settled, because the messages on the bus are unknown."""
    async with bank.app.running(services=["bank"], roles=()):
        with pytest.raises(PartitaError, match="the records on the bus, which does not answer"):
            await bank.app.settled(timeout_s=0.0)
