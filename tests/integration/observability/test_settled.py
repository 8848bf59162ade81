"""`app.settled()` waits, or says which work is left; and the doctor knows the reasons of `partita why`."""

import asyncio
import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.waiting import until

from partita import App, Command, Event, Key, PartitaError, Retry, Service, Settings, minutes
from partita.bus.port import Outgoing
from partita.machine.virtual import LoopClock, World
from partita.observability.doctor.services import check_services
from partita.testing.virtual_loop import run_virtually

source = Service("settled-source", namespace="settled.source")


class Rung(Event, of=source):
    id: Key[str]


class Ring(Command[Rung], of=source):
    id: Key[str]


@source.handles(Ring)
async def ring(cmd: Ring) -> Rung:
    return Rung(id=cmd.id)


async def test_a_consumer_that_has_not_joined_its_group_is_work_that_is_left(settings: Settings) -> None:
    """The bus counts no record for a group that it does not know: on a slow machine an app was settled before it began."""
    app = App(source, settings=settings)
    async with app.running():
        await app.settled()
        consumers: Any = app.system.consumers  # Any: a stand-in for a consumer comes in
        late = consumers["dies"] = SimpleNamespace(name="consumer of dies", joined=False, busy=False)
        assert await app.system.outstanding() == "consumer of dies, which has not joined its group"
        late.joined = True
        assert await app.system.outstanding() == ""
        del consumers["dies"]


async def test_a_message_that_died_is_no_settled_app(settings: Settings) -> None:
    """A user's test passed, although each of its messages had died."""
    dies = Service("dies", namespace="settled.dies", retry=Retry(permanent=(KeyError,)))

    @dies.on
    async def note(event: Rung) -> None:
        raise KeyError("my typo")

    app = App(source, dies, settings=settings)
    async with app.running():
        await app.send(Ring(id="k1"))
        with pytest.raises(PartitaError, match=r"1 messages of dies died, the last Rung of key k1: KeyError.*my typo"):
            await app.settled()
        await app.settled()  # this one is known now
        await app.send(Ring(id="k2"))
        await app.settled(dead_letters=True)
    async with app.running():
        await app.settled()  # it died in an earlier run
        await app.send(Ring(id="k1"))
        with pytest.raises(PartitaError, match=r"1 messages of dies behind others of their key"):
            await app.settled()


def test_what_is_handled_does_not_wait_for_the_next_heartbeat(tmp_path: Path) -> None:
    """Each test that settles took half a second, because consumers write their positions with their heartbeats."""
    hears = Service("hears", namespace="settled.hears")

    @hears.on
    async def note(event: Rung) -> None:
        pass

    async def settling_s() -> float:
        app = App(source, hears, settings=Settings(data=tmp_path), machine=World(clock=LoopClock()).machine())
        loop = asyncio.get_running_loop()
        async with app.running():
            began = loop.time()
            for number in range(10):
                await app.send(Ring(id=f"k{number}"))
                await app.settled()
            return loop.time() - began

    assert run_virtually(settling_s()) < 1.0


async def test_a_message_in_a_tier_is_waited_for(settings: Settings) -> None:
    """Only the result matters to a test, after a fraction of a second."""
    heals = Service("heals", namespace="settled.heals", retry=Retry(in_place=0, delays=(0.3,)))
    tries: list[str] = []

    @heals.on
    async def note(event: Rung) -> None:
        tries.append(event.id)
        if len(tries) == 1:
            raise ValueError("not yet")

    app = App(source, heals, settings=settings)
    async with app.running():
        await app.send(Ring(id="k1"))
        await app.send(Ring(id="k1"))
        await app.settled()
        assert tries == ["k1"] * 3


async def test_a_message_that_waits_longer_is_named(settings: Settings) -> None:
    """With the number, the place and the time of the next try."""
    waits = Service("waits", namespace="settled.waits", retry=Retry(in_place=0, delays=(600.0,)))

    @waits.on
    async def note(event: Rung) -> None:
        raise ValueError("not yet")

    app = App(source, waits, settings=settings)
    async with app.running():
        await app.send(Ring(id="k1"))
        said = ""
        async with asyncio.timeout(60):
            while "next try" not in said:  # on a busy machine it may not have failed yet
                with pytest.raises(PartitaError) as left:
                    await app.settled(0.2)
                said = str(left.value)
    assert re.search(r"1 messages of waits for their next try, the first at \d\d:\d\d:\d\d", said)


async def test_under_test_the_same_holds() -> None:
    """`t.settled()` does not let time pass: it names the call that does."""
    service = Service("under-test", namespace="settled.test", retry=Retry(in_place=0, delays=(60,)))

    @service.on
    async def note(event: Rung) -> None:
        raise ValueError("never")

    async with App(source, service).testing() as t:
        await t.send(Ring(id="k1"))
        with pytest.raises(PartitaError, match=r"Not settled: 1 messages of under-test for their next try"):
            await t.settled()
        await t.advance(minutes(2))
        with pytest.raises(PartitaError, match=r"1 messages of under-test died"):
            await t.settled()
        await t.settled()


async def test_a_gap_is_left_for_a_person_and_the_doctor_knows_it(settings: Settings) -> None:
    """It said "0 parked, nothing to do" beside a gap that `partita why` explained. A relay brings the messages to a log in a
    file: in the database of the bank no message of it could be missing."""
    bank = Bank(settings.data)
    settings = dataclasses.replace(settings, bus="")
    bank.app = bank.app.configured(settings)
    async with bank.app.running(services=["bank"], roles=()):
        for cents in (1, 2, 3):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        store = bank.app.store("bank")
        async with store.reading() as session:
            unsent = await session.outbox.unsent(range(4), 10)
        await store.sent([(slot, row.seq) for slot, row in unsent])
        out = [Outgoing(r.topic, r.key, r.headers, r.payload, r.id) for _, r in unsent]
        await bank.app.bus.append([out[0], out[2]])
    async with bank.app.running() as system:

        async def gap() -> int:
            async with system.stores["audit"].reading() as session:
                return (await session.parking.status("audit")).gap

        await until(gap)
        with pytest.raises(PartitaError, match=r"1 messages of audit for one of their key that has not come"):
            await bank.app.settled()
        found = await check_services(bank.app, bank.app.settings.data, ())
        (finding,) = [each for each in found if each.what == "parking of audit"]
        assert finding.level == "bad" and "number 2 of its key" in finding.found and "accept-gap" in finding.fix
