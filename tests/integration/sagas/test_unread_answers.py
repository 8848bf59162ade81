"""An answer that a saga's own service has not read does not count as silence of the participant, whatever the reason."""

import asyncio
from pathlib import Path

import pytest
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Saga, Service, Settings, seconds, step
from partita.operators.steering import pause_group, resume_group
from partita.runtime.background.timers import FIRST_LOOK_S
from partita.runtime.system import System

PATIENCE_S = 20.0
TIMEOUT_S = 0.5


def made(settings: Settings) -> tuple[App, type, asyncio.Event]:
    """A saga of one step; the event is set when its command was handled."""
    orders, stock = Service("orders", namespace="unread.orders"), Service("stock", namespace="unread.stock")
    handled = asyncio.Event()

    class Placed(Event, of=orders):
        id: Key[str]

    class Place(Command[Placed], of=orders):
        id: Key[str]

    class Cancelled(Event, of=orders):
        id: Key[str]

    class Reserved(Event, of=stock):
        id: Key[str]

    class Released(Event, of=stock):
        id: Key[str]

    class Reserve(Command[Reserved], of=stock):
        id: Key[str]

    class Release(Command[Released], of=stock):
        id: Key[str]

    class Order(Saga, start=Placed, of=orders, deadline=seconds(60), undone=Cancelled):
        reserve = step(Reserve, undo=Release, timeout=seconds(TIMEOUT_S))

    @orders.handles(Place)
    async def place(cmd: Place) -> Placed:
        return Placed(id=cmd.id)

    @stock.handles(Reserve)
    async def reserve(cmd: Reserve) -> Reserved:
        handled.set()
        return Reserved(id=cmd.id)

    @stock.handles(Release)
    async def release(cmd: Release) -> Released:
        return Released(id=cmd.id)

    return App(orders, stock, settings=settings, machine=machine_here()), Place, handled


async def statuses(app: App) -> list[str]:
    """The statuses of all sagas, sorted."""
    async with app.store("orders").reading() as session:
        return sorted(row.status for row in await session.sagas.find())


async def waits_on_the_bus(system: System) -> bool:
    """Whether the bus has an answer that the orders have not read."""
    return any(lag.topic == "unread.stock.events" and lag.lag for lag in await system.bus.lag("orders"))


@pytest.mark.parametrize("restarted", [False, True], ids=["paused", "started while paused"])
@virtually
async def test_a_service_that_is_paused_lets_no_step_time_out(tmp_path: Path, restarted: bool) -> None:
    """Its timers would undo a step that is done, and whose answer is on the bus."""
    app, Place, handled = made(Settings(data=tmp_path))

    async def over_time_and_resumed() -> None:
        assert await statuses(app) == ["running"]
        await asyncio.sleep(FIRST_LOOK_S + 2 * TIMEOUT_S)  # in which nothing happens
        assert await statuses(app) == ["running"]
        await resume_group(app.store("orders"), reason="looked", by="test")
        await app.settled(PATIENCE_S)
        assert await statuses(app) == ["completed"]

    async with app.running():
        await pause_group(app.store("orders"), reason="a look", by="test")
        await until(lambda: app.system.consumers["orders"]._paused)
        await app.send(Place(id="a"))
        await asyncio.wait_for(handled.wait(), PATIENCE_S)
        if not restarted:
            await over_time_and_resumed()
    if restarted:
        async with app.running():
            await over_time_and_resumed()


@virtually
async def test_an_answer_that_no_process_reads_is_no_silence_either(settings: Settings) -> None:
    """The timers may run in a process without consumers, or beside one that is stopped with the answer in hand."""
    app, Place, _ = made(settings)
    sending, answering, reading = (app.configured(settings) for _ in range(3))
    async with app.running():
        await app.send(Place(id="first"))  # from here on the group's position is known
        await app.settled(PATIENCE_S)
    async with (
        sending.running(services=["orders"], roles=["relay", "timers"]) as system,
        answering.running(services=["stock"]),
    ):
        await sending.send(Place(id="a"))
        await until(lambda: waits_on_the_bus(system))
        await asyncio.sleep(3 * TIMEOUT_S)  # in which nothing happens
        assert await statuses(sending) == ["completed", "running"]
        async with reading.running(services=["orders"], roles=["consumers"]):
            await until(lambda: statuses(sending), holds=lambda found: found == ["completed", "completed"])
