"""A step for each item of a list on the real runtime: of every item the effect exists or none does, on each tier."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from tests.entries import entries_in
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import (
    App,
    Command,
    DeclarationError,
    Event,
    Key,
    Rejection,
    Saga,
    Service,
    Settings,
    Tx,
    minutes,
    pivot,
    retriable,
    step,
)
from partita.observability.reach import looking
from partita.observability.stuck import stuck
from partita.sagas import each

TABLES = """
CREATE TABLE IF NOT EXISTS held (id TEXT, number INTEGER, sku TEXT, PRIMARY KEY (id, number));
CREATE TABLE IF NOT EXISTS parcel (id TEXT, address TEXT, PRIMARY KEY (id, address));
"""


class Line(msgspec.Struct):
    number: int
    sku: str


def stock_of_items(dedupe_by: str | None = None) -> Any:
    """A service that holds lines of orders, is paid, and sends parcels."""
    stock = Service("stock", namespace="each.stock", tables=TABLES)

    class Held(Event, of=stock):
        id: Key[str]

    class Freed(Event, of=stock):
        id: Key[str]

    class Gone(Rejection):
        sku: str

    class Hold(Command[Held, Gone], of=stock):
        id: Key[str]
        number: int
        sku: str

    class Free(Command[Freed], of=stock):
        id: Key[str]
        number: int

    @stock.handles(Hold, dedupe_by=dedupe_by)
    async def hold(cmd: Hold, tx: Tx) -> Held:
        if cmd.sku == "gone":
            raise Gone(sku=cmd.sku)
        await tx.execute("INSERT INTO held VALUES (:i, :n, :s)", i=cmd.id, n=cmd.number, s=cmd.sku)
        return Held(id=cmd.id)

    @stock.handles(Free)
    async def free(cmd: Free, tx: Tx) -> Freed:
        await tx.execute("DELETE FROM held WHERE id = :i AND number = :n", i=cmd.id, n=cmd.number)
        return Freed(id=cmd.id)

    return SimpleNamespace(stock=stock, Hold=Hold, Held=Held, Free=Free)


def till_of_parcels(stock: Service) -> Any:
    """The commands behind the list of lines: a payment, and a parcel for each address."""

    class Paid(Event, of=stock):
        id: Key[str]

    class Repaid(Event, of=stock):
        id: Key[str]

    class Poor(Rejection):
        why: str

    class Pay(Command[Paid, Poor], of=stock):
        id: Key[str]

    class Repay(Command[Repaid], of=stock):
        id: Key[str]

    class Parcelled(Event, of=stock):
        id: Key[str]

    class Parcel(Command[Parcelled], of=stock):
        id: Key[str]
        address: str

    @stock.handles(Pay)
    async def pay(cmd: Pay) -> Paid:
        return Paid(id=cmd.id)

    @stock.handles(Repay)
    async def repay(cmd: Repay) -> Repaid:
        return Repaid(id=cmd.id)

    @stock.handles(Parcel)
    async def parcel(cmd: Parcel, tx: Tx) -> Parcelled:
        await tx.execute("INSERT INTO parcel VALUES (:i, :a)", i=cmd.id, a=cmd.address)
        return Parcelled(id=cmd.id)

    return SimpleNamespace(Pay=Pay, Repay=Repay, Parcel=Parcel)


def shop(settings: Settings | None = None, *, dedupe_by: str | None = None) -> Any:
    """An app that holds each line of an order, is paid, and sends a parcel to each address."""
    orders, made = Service("orders", namespace="each.orders"), stock_of_items(dedupe_by)
    till = till_of_parcels(made.stock)

    class Placed(Event, of=orders):
        id: Key[str]
        lines: list[Line]
        addresses: list[str] = []

    class Cancelled(Event, of=orders):
        id: Key[str]
        reason: str

    class Place(Command[Placed], of=orders):
        id: Key[str]
        lines: list[Line]
        addresses: list[str] = []

    class Checkout(Saga, start=Placed, deadline=minutes(10), undone=Cancelled, of=orders):
        hold = each("lines", step(made.Hold, undo=made.Free, timeout=minutes(2)), at_most=4)
        pay = pivot(till.Pay, undo=till.Repay, timeout=minutes(2))
        parcel = each("addresses", retriable(till.Parcel, timeout=minutes(2)), at_most=4)

    @orders.handles(Place)
    async def place(cmd: Place) -> Placed:
        return Placed(id=cmd.id, lines=cmd.lines, addresses=cmd.addresses)

    app = App(orders, made.stock, settings=settings, machine=machine_here() if settings else None)
    return SimpleNamespace(app=app, Place=Place, Checkout=Checkout, Cancelled=Cancelled, **vars(made))


def lines(*skus: str) -> list[Line]:
    return [Line(number, sku) for number, sku in enumerate(skus)]


async def test_every_item_has_its_effect_and_its_entries_in_the_history() -> None:
    made = shop()
    async with made.app.testing() as t:
        await t.send(made.Place(id="o1", lines=lines("a", "b", "a"), addresses=["x", "yy"]))
        assert await t.saga(made.Checkout, "o1") == "completed"
        assert [row["number"] for row in await t.fetch("stock", "SELECT number FROM held ORDER BY number")] == [0, 1, 2]
        assert [row["address"] for row in await t.fetch("stock", "SELECT address FROM parcel ORDER BY address")] == [
            "x",
            "yy",
        ]
        done = await entries_in(t, "orders", "done")
        assert sorted(entry.step for entry in done) == ["hold/0", "hold/1", "hold/2", "parcel/0", "parcel/1", "pay"]


async def test_an_item_that_is_silent_takes_the_others_back() -> None:
    """Its command is refused when it comes after its undo, and those of the other items are distinguished from it."""
    made = shop()
    async with made.app.testing() as t:
        t.stub(made.Hold).answers_late(minutes(5))
        await t.send(made.Place(id="o1", lines=lines("a", "b")))
        await t.advance(minutes(12))
        assert await t.saga(made.Checkout, "o1") == "undone"
        assert await t.fetch("stock", "SELECT number FROM held") == []
        assert [event.reason for event in t.published(made.Cancelled)] == ["hold/0 timed out"]


async def test_a_list_that_is_too_long_undoes_the_saga() -> None:
    made = shop()
    async with made.app.testing() as t:
        await t.send(made.Place(id="o1", lines=lines(*"abcde")))
        await t.send(made.Place(id="o2", lines=lines("a"), addresses=list("abcde")))
        assert [await t.saga(made.Checkout, key) for key in ("o1", "o2")] == ["undone", "undone"]
        assert t.sent(made.Hold) == []
        reasons = [event.reason for event in t.published(made.Cancelled)]
        assert reasons == ["lines has 5 items, and 4 are the most", "addresses has 5 items, and 4 are the most"]


async def test_why_names_the_items_that_are_awaited(tmp_path: Path) -> None:
    """The participant does not run, so the command of each item waits on the bus."""
    made = shop(Settings(data=tmp_path))
    async with made.app.running(services=["orders"]):
        await made.app.send(made.Place(id="o1", lines=lines("a", "b")))
        async with looking(made.app, tmp_path) as sight:
            found = [each.why for each in await stuck(made.app, sight, "o1") if each.kind == "saga"]
    assert found and all("Held" in why for why in found)


async def test_a_field_that_is_the_same_for_all_items_distinguishes_no_commands() -> None:
    assert shop(dedupe_by="number").app
    with pytest.raises(DeclarationError, match="dedupe_by='id' is the same for all") as refused:
        shop(dedupe_by="id")
    assert "number, sku" in refused.value.hint


@virtually
async def test_on_each_tier_all_items_are_held_or_none(settings: Settings) -> None:
    made = shop(settings)
    orders = {
        "o1": lines("a", "b", "c"),
        "o2": lines("a", "gone", "c"),
        "o3": [],
        "o4": lines("a"),
        "o5": lines("gone"),
        "o6": lines(*"abcde"),
        "o7": lines("a", "a", "gone", "gone"),
    }
    ends = {"o1": "completed", "o3": "completed", "o4": "completed"}
    async with made.app.running():
        for key, each_line in orders.items():
            await made.app.send(made.Place(id=key, lines=each_line, addresses=["x"] if key == "o1" else []))

        async def over() -> bool:
            async with made.app.store("orders").reading() as session:
                rows = await session.sagas.load("Checkout", list(orders))
            return {key: row.status for key, row in rows.items()} == {key: ends.get(key, "undone") for key in orders}

        await until(over)
        async with made.app.store("stock").reading() as session:
            held = await session.fetch("SELECT id, number FROM held ORDER BY id, number", {})
        assert [(row["id"], row["number"]) for row in held] == [("o1", 0), ("o1", 1), ("o1", 2), ("o4", 0)]
