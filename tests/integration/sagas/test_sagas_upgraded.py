"""Sagas in flight go on when their messages get a new version: their state, their waiting commands and replies are upcast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until
from tests.written import written

from partita import App, Command, Event, Key, Saga, Service, Settings, minutes, step
from partita.errors import StoreMismatch
from partita.observability.letters import letters
from partita.store.dead_letters import LetterFilter


def cents(text: str) -> int:
    return round(float(text) * 100)


class Deployment:
    """Orders with a saga, and a desk that serves it. Version 1 has the total as a text, version 2 in cents; `note` is a field
    that no command needs."""

    def __init__(self, data: Path, store: str, version: int, upcast: Callable[[Any, Any], Any] | None = None) -> None:
        orders = Service("orders", namespace="flight.order")
        desk = Service("desk", namespace="flight.desk")
        self.served = list[Any]()

        class Ended(Event, of=orders):
            number: Key[str]

        class Undone(Event, of=desk):
            number: Key[str]

        class OrderPlacedV1(Event, of=orders, name="OrderPlaced", version=1):
            number: Key[str]
            total: str
            note: str

        class ReservedV1(Event, of=desk, name="Reserved", version=1):
            number: Key[str]
            place: str

        class ReserveV1(Command[ReservedV1], of=desk, name="Reserve", version=1):
            number: Key[str]
            total: str

        class Charged(Event, of=desk):
            number: Key[str]

        class ChargeV1(Command[Charged], of=desk, name="Charge", version=1):
            number: Key[str]
            total: str
            place: str

        class Undo(Command[Undone], of=desk):
            number: Key[str]

        self.OrderPlaced: Any = OrderPlacedV1
        self.Reserve: Any = ReserveV1
        self.Charge: Any = ChargeV1
        self.Reserved: Any = ReservedV1
        if version == 2:
            self._second(orders, desk, OrderPlacedV1, ReservedV1, ReserveV1, ChargeV1, Charged, upcast)
        OrderPlaced: Any = self.OrderPlaced
        Reserve: Any = self.Reserve
        Charge: Any = self.Charge

        class PlaceOrder(Command[OrderPlaced], of=orders):
            number: Key[str]

        class Checkout(Saga, start=OrderPlaced, deadline=minutes(30), undone=Ended, of=orders):
            reserve = step(Reserve, undo=Undo, timeout=600)
            charge = step(Charge, undo=Undo, timeout=600)

        self.PlaceOrder, self.version = PlaceOrder, version
        self._serve(orders, desk, PlaceOrder, Undo, Undone, Charged)
        self.app = App(orders, desk, settings=Settings(data=data, store=store))

    def _second(self, orders: Service, desk: Service, *old: Any) -> None:
        OrderPlacedV1: Any = old[0]
        ReservedV1: Any = old[1]
        ReserveV1: Any = old[2]
        ChargeV1: Any = old[3]
        Charged: Any = old[4]
        upcast = old[5]

        class OrderPlaced(Event, of=orders, version=2):
            number: Key[str]
            total_cents: int
            note: str

        class Reserved(Event, of=desk, version=2):
            number: Key[str]
            shelf: int

        class Reserve(Command[Reserved], of=desk, version=2):
            number: Key[str]
            total_cents: int

        class Charge(Command[Charged], of=desk, version=2):
            number: Key[str]
            total_cents: int
            shelf: int

        @orders.upcast
        def order_placed_v2(old: OrderPlacedV1) -> OrderPlaced:
            if upcast is not None:
                made: OrderPlaced = upcast(OrderPlaced, old)
                return made
            return OrderPlaced(number=old.number, total_cents=cents(old.total), note=old.note)

        @desk.upcast
        def reserved_v2(old: ReservedV1) -> Reserved:
            return Reserved(number=old.number, shelf=int(old.place))

        @desk.upcast
        def reserve_v2(old: ReserveV1) -> Reserve:
            return Reserve(number=old.number, total_cents=cents(old.total))

        @desk.upcast
        def charge_v2(old: ChargeV1) -> Charge:
            return Charge(number=old.number, total_cents=cents(old.total), shelf=int(old.place))

        self.OrderPlaced, self.Reserve, self.Charge, self.Reserved = OrderPlaced, Reserve, Charge, Reserved

    def _serve(self, orders: Service, desk: Service, PlaceOrder: Any, Undo: Any, Undone: Any, Charged: Any) -> None:
        Reserve: Any = self.Reserve
        Charge: Any = self.Charge
        OrderPlaced: Any = self.OrderPlaced
        Reserved: Any = self.Reserved
        first = self.version == 1

        @orders.handles(PlaceOrder)
        async def place(cmd: PlaceOrder) -> OrderPlaced:
            more = {"total": "12.50"} if first else {"total_cents": 1250}
            return OrderPlaced(number=cmd.number, note="a gift", **more)

        @desk.handles(Reserve)
        async def reserve(cmd: Reserve) -> Reserved:
            self.served.append(cmd)
            return Reserved(number=cmd.number, **({"place": "7"} if first else {"shelf": 7}))

        @desk.handles(Charge)
        async def charge(cmd: Charge) -> Charged:
            self.served.append(cmd)
            return Charged(number=cmd.number)

        @desk.handles(Undo)
        async def undo(cmd: Undo) -> Undone:
            return Undone(number=cmd.number)

    async def status(self) -> list[str]:
        """The states of the instances."""
        async with self.app.store("orders").reading() as session:
            return [row.status for row in await session.sagas.find("Checkout")]

    async def sent(self, service: str) -> None:
        """Wait until a service has written messages, and has sent all of them."""

        async def is_sent() -> bool:
            if not await written(self.app.store(service)):
                return False
            async with self.app.store(service).reading() as session:
                return (await session.outbox.status()).pending == 0

        await until(is_sent)


async def place(deployed: Deployment) -> None:
    """Start an instance; its first command waits on its topic."""
    async with deployed.app.running(services=["orders"]):
        await deployed.app.send(deployed.PlaceOrder(number="a"))
        await deployed.sent("orders")


async def finished(new: Deployment) -> list[Any]:
    """The commands that the new deployment served until the instance was completed."""
    async with new.app.running():

        async def is_over() -> bool:
            return await new.status() == ["completed"]

        await until(is_over)
        await new.app.settled(30)
        assert await letters(new.app.system.stores, LetterFilter()) == []
    return new.served


async def test_a_saga_goes_on_whose_command_waits(tmp_path: Path, store: str) -> None:
    """Its state keeps the total as a text, its command has it as a text: the next command has it in cents."""
    await place(Deployment(tmp_path, store, 1))
    new = Deployment(tmp_path, store, 2)
    assert await finished(new) == [
        new.Reserve(number="a", total_cents=1250),
        new.Charge(number="a", total_cents=1250, shelf=7),
    ]


async def test_a_saga_goes_on_whose_reply_waits(tmp_path: Path, store: str) -> None:
    """The reply was written by a participant of before."""
    old = Deployment(tmp_path, store, 1)
    await place(old)
    async with old.app.running(services=["desk"]):
        await old.sent("desk")
    new = Deployment(tmp_path, store, 2)
    assert await finished(new) == [new.Charge(number="a", total_cents=1250, shelf=7)]


async def test_a_saga_goes_on_that_keeps_values_of_an_old_reply(tmp_path: Path, store: str) -> None:
    """The second command waits; after the upgrade it is sent again with what the first reply said."""
    old = Deployment(tmp_path, store, 1)
    await place(old)
    async with old.app.running(services=["desk"]):
        await old.sent("desk")
    async with old.app.running(services=["orders"]):

        async def is_charging() -> bool:
            async with old.app.store("orders").reading() as session:
                (row,) = await session.sagas.find("Checkout")
                return row.step == "charge" and (await session.outbox.status()).pending == 0

        await until(is_charging)
    new = Deployment(tmp_path, store, 2)
    assert await finished(new) == [new.Charge(number="a", total_cents=1250, shelf=7)]


async def test_a_value_that_the_state_does_not_keep_is_never_guessed(tmp_path: Path, store: str) -> None:
    """The saga needs the cents, and this upcaster makes them of the note: the start is refused before a message comes."""
    await place(Deployment(tmp_path, store, 1))

    def from_note(made: Any, old: Any) -> Any:
        return made(number=old.number, total_cents=len(old.note), note=old.note)

    new = Deployment(tmp_path, store, 2, from_note)
    with pytest.raises(StoreMismatch, match=r"(?s)Checkout a is in flight.*OrderPlacedV1\.note is not kept.*Mend"):
        async with new.app.running():
            pass
    assert len(await finished(Deployment(tmp_path, store, 2))) == 2


async def test_a_needed_value_that_is_passed_on_unknown_is_never_sent(tmp_path: Path, store: str) -> None:
    """A class checks no types when it is made, so the unknown value would travel into a command."""
    await place(Deployment(tmp_path, store, 1))
    new = Deployment(tmp_path, store, 2, lambda made, old: made(number="a", total_cents=old.note, note=""))
    with pytest.raises(
        StoreMismatch, match=r"it needs OrderPlaced\.total_cents, and of flight\.order\.v1\.OrderPlaced"
    ):
        async with new.app.running():
            pass


async def test_a_deployment_of_before_does_not_touch_a_newer_instance(tmp_path: Path) -> None:
    """A rollback would read cents as a text."""
    await place(Deployment(tmp_path, "", 2))
    with pytest.raises(StoreMismatch, match=r"keeps values of flight\.order\.v2\.OrderPlaced, and nothing leads"):
        async with Deployment(tmp_path, "", 1).app.running():
            pass
