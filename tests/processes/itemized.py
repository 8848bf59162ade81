"""The system of the tests that kill processes of sagas with lists: orders whose lines are held, paid, and sent parcel by parcel."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import msgspec
from tests.processes.counting import end_with_parent

from partita import (
    App,
    Command,
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
    seconds,
    step,
)
from partita.sagas import each

orders = Service("orders", namespace="itemized.orders")
stock = Service(
    "stock",
    namespace="itemized.stock",
    tables="""
    CREATE TABLE IF NOT EXISTS held (id TEXT NOT NULL, number BIGINT NOT NULL, delta BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS paid (id TEXT NOT NULL, delta BIGINT NOT NULL);
    CREATE TABLE IF NOT EXISTS parcel (id TEXT NOT NULL, number BIGINT NOT NULL);
    """,
)


class Line(msgspec.Struct):
    number: int
    has: bool


class Placed(Event, of=orders):
    id: Key[str]
    lines: list[Line]
    parcels: list[int]


class Cancelled(Event, of=orders):
    id: Key[str]
    reason: str


class Place(Command[Placed], of=orders):
    id: Key[str]
    lines: list[Line]
    parcels: list[int]


class Held(Event, of=stock):
    id: Key[str]


class Freed(Event, of=stock):
    id: Key[str]


class Gone(Rejection):
    number: int


class Hold(Command[Held, Gone], of=stock):
    id: Key[str]
    number: int
    has: bool


class Free(Command[Freed], of=stock):
    id: Key[str]
    number: int


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


class Sent(Event, of=stock):
    id: Key[str]


class SendParcel(Command[Sent], of=stock):
    id: Key[str]
    number: int


class Checkout(Saga, start=Placed, deadline=minutes(10), undone=Cancelled, of=orders):
    hold = each("lines", step(Hold, undo=Free, timeout=seconds(3), on_timeout="undo"))
    pay = pivot(Pay, undo=Repay, timeout=minutes(1), on_timeout="retry")
    parcel = each("parcels", retriable(SendParcel, timeout=seconds(5)))


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(id=cmd.id, lines=cmd.lines, parcels=cmd.parcels)


@stock.handles(Hold)
async def hold(cmd: Hold, tx: Tx) -> Held:
    await tx.execute("INSERT INTO held VALUES (:i, :n, 1)", i=cmd.id, n=cmd.number)
    if not cmd.has:
        raise Gone(number=cmd.number)
    return Held(id=cmd.id)


@stock.handles(Free)
async def free(cmd: Free, tx: Tx) -> Freed:
    held = "SELECT coalesce(sum(delta), 0) AS n FROM held WHERE id = :i AND number = :n"
    (row,) = await tx.fetch_all(held, i=cmd.id, n=cmd.number)
    if row["n"]:
        await tx.execute("INSERT INTO held VALUES (:i, :n, -1)", i=cmd.id, n=cmd.number)
    return Freed(id=cmd.id)


@stock.handles(Pay)
async def pay(cmd: Pay, tx: Tx) -> Paid:
    await tx.execute("INSERT INTO paid VALUES (:i, 1)", i=cmd.id)
    return Paid(id=cmd.id)


@stock.handles(Repay)
async def repay(cmd: Repay, tx: Tx) -> Repaid:
    await tx.execute("DELETE FROM paid WHERE id = :i", i=cmd.id)
    return Repaid(id=cmd.id)


@stock.handles(SendParcel)
async def send_parcel(cmd: SendParcel, tx: Tx) -> Sent:
    await tx.execute("INSERT INTO parcel VALUES (:i, :n)", i=cmd.id, n=cmd.number)
    return Sent(id=cmd.id)


app = App(orders, stock)


async def main(data: Path, services: list[str], roles: tuple[str, ...]) -> None:
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=services, roles=roles):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2].split(","), tuple(sys.argv[3].split(","))))
