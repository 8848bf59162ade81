"""Cancelling a saga from outside: by an event of another service, which may come before the start, and from code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.entries import entries_in
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import (
    App,
    Command,
    Conflict,
    Event,
    Key,
    NotFound,
    Saga,
    Service,
    Settings,
    minutes,
    pivot,
    retriable,
    step,
)
from partita.errors import WithinHandler
from partita.sagas import on


def contracts(orders: Service, stock: Service, customers: Service) -> Any:
    """The messages, and a checkout that hears when the customer withdraws the order: an event of another topic."""

    class Withdrawn(Event, of=customers):
        id: Key[str]

    class Withdraw(Command[Withdrawn], of=customers):
        id: Key[str]

    class Placed(Event, of=orders):
        id: Key[str]

    class Closed(Event, of=orders):
        id: Key[str]
        reason: str

    class Place(Command[Placed], of=orders):
        id: Key[str]

    class Confirmed(Event, of=orders):
        id: Key[str]

    class Confirm(Command[Confirmed], of=orders):
        id: Key[str]

    class Reserved(Event, of=stock):
        id: Key[str]

    class Released(Event, of=stock):
        id: Key[str]

    class Reserve(Command[Reserved], of=stock):
        id: Key[str]

    class Release(Command[Released], of=stock):
        id: Key[str]

    class Packed(Event, of=stock):
        id: Key[str]

    class Unpacked(Event, of=stock):
        id: Key[str]

    class Pack(Command[Packed], of=stock):
        id: Key[str]

    class Unpack(Command[Unpacked], of=stock):
        id: Key[str]

    class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Closed, of=orders):
        reserve = step(Reserve, undo=Release, timeout=minutes(5))
        pack = pivot(Pack, undo=Unpack, timeout=minutes(5))
        confirm = retriable(Confirm)
        withdrawn = on(Withdrawn, then="cancel")

    return SimpleNamespace(**{k: v for k, v in locals().items() if isinstance(v, type)})


def shop(settings: Settings | None = None) -> Any:
    """An app of three services with that checkout."""
    orders, stock = Service("orders", namespace="cancelled.orders"), Service("stock", namespace="cancelled.stock")
    customers = Service("customers", namespace="cancelled.customers")
    m = contracts(orders, stock, customers)
    made = SimpleNamespace(inside=None, messages=m)

    @orders.handles(m.Place)
    async def place(cmd: Any) -> Any:
        if made.inside is not None:
            await made.inside()
        return m.Placed(id=cmd.id)

    customers.handles(m.Withdraw)(answering(m.Withdrawn))
    orders.handles(m.Confirm)(answering(m.Confirmed))
    for command, reply in (
        (m.Reserve, m.Reserved),
        (m.Release, m.Released),
        (m.Pack, m.Packed),
        (m.Unpack, m.Unpacked),
    ):
        stock.handles(command)(answering(reply))
    made.app = App(orders, stock, customers, settings=settings, machine=machine_here() if settings else None)
    return made


def answering(reply: type[Any]) -> Any:
    """A handler that answers with this event."""

    async def handle(cmd: Any) -> Any:
        return reply(id=cmd.id)

    handle.__name__ = f"answer_with_{reply.__name__}"
    return handle


async def row(app: App, key: str = "o1") -> Any:
    """The row of the order's checkout; None before its start."""
    async with app.store("orders").reading() as session:
        return (await session.sagas.load("Checkout", [key])).get(key)


async def test_an_event_of_another_service_undoes_the_saga_while_it_waits() -> None:
    made = shop()
    m = made.messages
    async with made.app.testing() as t:
        t.stub(m.Pack).is_silent()
        await t.send(m.Place(id="o1"))
        await t.send(m.Withdraw(id="o1"))
        assert await t.saga(m.Checkout, "o1") == "undone"
        assert [each.reason for each in t.published(m.Closed)] == ["Withdrawn"]
        assert len(t.sent(m.Release)) == 1 and len(t.sent(m.Unpack)) == 1


async def test_behind_the_point_of_no_return_the_saga_goes_on() -> None:
    made = shop()
    m = made.messages
    async with made.app.testing() as t:
        await t.send(m.Place(id="o1"))
        assert await t.saga(m.Checkout, "o1") == "completed"
        await t.send(m.Withdraw(id="o1"))
        assert await t.saga(m.Checkout, "o1") == "completed"
        heard = await entries_in(t, "orders", "heard")
        assert [entry.note for entry in heard] == ["Withdrawn: it is completed already"]


@virtually
async def test_a_cancellation_that_comes_before_the_start_is_kept_for_it(settings: Settings) -> None:
    """No order holds between two topics: a withdrawal that overtakes the order must not be lost."""
    made = shop(settings)
    m = made.messages
    async with made.app.running() as system:
        for key in ("o1", "o1", "other"):
            await made.app.send(m.Withdraw(id=key))
        await made.app.settled()
        assert await row(made.app) is None
        await made.app.send(m.Place(id="o1"))
        await made.app.send(m.Place(id="o2"))

        async def over() -> bool:
            found = [await row(made.app, key) for key in ("o1", "o2")]
            return [each and each.status for each in found] == ["undone", "completed"]

        await until(over)
        async with system.stores["orders"].reading() as session:
            history = [(e.kind, e.note) for e in await session.sagas.history("Checkout", "o1")]
    assert ("heard", "Withdrawn, before the start") in history


@virtually
async def test_code_cancels_as_a_person_does(settings: Settings) -> None:
    made = shop(settings)
    m = made.messages
    async with made.app.running(services=["orders", "customers"]):
        await made.app.send(m.Place(id="o1"))
        status = await made.app.cancel(m.Checkout, "o1", reason="the shop closes", by="closing")
        assert status == "compensating"
        with pytest.raises(Conflict, match="being undone already"):
            await made.app.cancel(m.Checkout, "o1", reason="again")
        with pytest.raises(NotFound, match="no saga Checkout o9"):
            await made.app.cancel(m.Checkout, "o9", reason="what")
        async with made.app.store("orders").reading() as session:
            (entry,) = await session.operations.entries()
        assert (entry.actor, entry.verb, entry.reason) == ("closing", "saga cancel", "the shop closes")
    async with made.app.running():

        async def undone() -> bool:
            return (await row(made.app)).status == "undone"

        await until(undone)
        await made.app.send(m.Place(id="o2"))

        async def completed() -> bool:
            found = await row(made.app, "o2")
            return found is not None and found.status == "completed"

        await until(completed)
        with pytest.raises(Conflict, match="it is completed already"):
            await made.app.cancel(m.Checkout, "o2", reason="too late")


@virtually
async def test_a_process_without_workers_may_cancel_and_one_without_the_service_says_so(settings: Settings) -> None:
    made = shop(settings)
    m = made.messages
    async with made.app.running(services=["orders"]):
        await made.app.send(m.Place(id="o1"))
    async with made.app.running(services=["orders"], roles=()):
        assert await made.app.cancel(m.Checkout, "o1", reason="by hand") == "compensating"
    async with made.app.running(services=["stock"]):
        with pytest.raises(NotFound, match="orders does not run in this process"):
            await made.app.cancel(m.Checkout, "o1", reason="by hand")


async def test_a_handler_does_not_cancel() -> None:
    """Its transaction may hold the instance; it would wait for itself."""
    made = shop()
    m = made.messages

    async def inside() -> None:
        with pytest.raises(WithinHandler, match="cancels a saga in the middle of its own transaction"):
            await made.app.cancel(m.Checkout, "o1", reason="too soon")
        made.inside = None

    made.inside = inside
    async with made.app.testing() as t:
        await t.send(m.Place(id="o1"))
    assert made.inside is None
