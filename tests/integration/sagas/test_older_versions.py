"""Instances of an older version of a saga finish, also by messages that only that version knows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Saga, Service, Settings, hours, step
from partita.sagas import on


def deployment(settings: Settings, version: int) -> Any:  # Any: the messages of this deployment
    """Orders whose saga packs and hears a withdrawal in version 1. Version 2 ships, hears nothing, and keeps version 1."""
    orders, depot = Service("orders", namespace="older.orders"), Service("depot", namespace="older.depot")

    class Placed(Event, of=orders):
        id: Key[str]

    class Withdrawn(Event, of=orders):
        id: Key[str]

    class Cancelled(Event, of=orders):
        id: Key[str]
        reason: str

    class Place(Command[Placed], of=orders):
        id: Key[str]

    class Withdraw(Command[Withdrawn], of=orders):
        id: Key[str]

    class Packed(Event, of=depot):
        id: Key[str]

    class Unpacked(Event, of=depot):
        id: Key[str]

    class Shipped(Event, of=depot):
        id: Key[str]

    class Returned(Event, of=depot):
        id: Key[str]

    class Pack(Command[Packed], of=depot):
        id: Key[str]

    class Unpack(Command[Unpacked], of=depot):
        id: Key[str]

    class Ship(Command[Shipped], of=depot):
        id: Key[str]

    class Return(Command[Returned], of=depot):
        id: Key[str]

    class CheckoutV1(Saga, start=Placed, deadline=hours(9), undone=Cancelled, of=orders, name="Checkout"):
        pack = step(Pack, undo=Unpack, timeout=hours(9))
        withdrawn = on(Withdrawn, then="cancel")

    if version == 2:

        class Checkout(Saga, start=Placed, deadline=hours(9), undone=Cancelled, of=orders, version=2):
            ship = step(Ship, undo=Return, timeout=hours(9))

    @orders.handles(Place)
    async def place(cmd: Place) -> Placed:
        return Placed(id=cmd.id)

    @orders.handles(Withdraw)
    async def withdraw(cmd: Withdraw) -> Withdrawn:
        return Withdrawn(id=cmd.id)

    for command, reply in ((Pack, Packed), (Unpack, Unpacked), (Ship, Shipped), (Return, Returned)):
        _answer(depot, command, reply)
    app = App(orders, depot, settings=settings, machine=machine_here())
    return SimpleNamespace(app=app, Place=Place, Withdraw=Withdraw)


def _answer(service: Service, command: Any, reply: Any) -> None:
    @service.handles(command)
    async def answer(cmd: Any) -> Any:
        return reply(id=cmd.id)


async def _status(made: Any, key: str) -> str:
    async with made.app.store("orders").reading() as session:
        rows = await session.sagas.load("Checkout", [key])
    return f"{rows[key].status} {rows[key].definition_version}" if key in rows else ""


@pytest.mark.parametrize("withdrawn", [False, True], ids=["answered", "withdrawn"])
@virtually
async def test_an_older_instance_takes_messages_that_the_newest_version_does_not_know(
    settings: Settings, withdrawn: bool
) -> None:
    """The reply to its step, and the event that cancels it, reach it. Lost, they would leave it waiting until its deadline."""
    first = deployment(settings, 1)
    async with first.app.running(services=["orders"]):
        await first.app.send(first.Place(id="o1"))
        await until(lambda: _status(first, "o1"), holds=lambda now: now == "running 1")
    second = deployment(settings, 2)
    async with second.app.running(services=["orders"] if withdrawn else ["orders", "depot"]):
        if withdrawn:
            await second.app.send(second.Withdraw(id="o1"))
        done = "compensating 1" if withdrawn else "completed 1"
        await until(lambda: _status(second, "o1"), holds=lambda now: now == done)
    async with second.app.running():
        await second.app.send(second.Place(id="o2"))
        await until(lambda: _status(second, "o2"), holds=lambda now: now == "completed 2")
        ended = "undone 1" if withdrawn else "completed 1"
        await until(lambda: _status(second, "o1"), holds=lambda now: now == ended)
