"""A shop whose code kills the process that calls it, at a place that the test names, for the orders whose id begins with "bad"."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

from tests.processes.counting import end_with_parent

from partita import (
    App,
    Command,
    Event,
    Key,
    Rejection,
    Retry,
    Saga,
    Service,
    Settings,
    minutes,
    retriable,
    seconds,
    step,
)
from partita.catalog.retry import Counters

PLACE = os.environ.get("DEADLY", "")


def passes(place: str, key: str) -> None:
    if place == PLACE and key.startswith("bad"):
        os._exit(9)


def policy(error: BaseException, counters: Counters, message: Any) -> None:
    passes("policy", message.id)


orders = Service("orders", namespace="deadly.order", retry=Retry(policy=policy, first_wait_s=0.01, delays=(5.0,)))
stock = Service("stock", namespace="deadly.stock")


class Placed(Event, of=orders):
    id: Key[str]


class Cancelled(Event, of=orders):
    id: Key[str]
    reason: str


class Place(Command[Placed], of=orders):
    id: Key[str]


class Noted(Event, of=orders):
    id: Key[str]


class Note(Command[Noted], of=orders):
    id: Key[str]


class Paid(Event, of=orders):
    id: Key[str]


class Unpaid(Event, of=orders):
    id: Key[str]
    reason: str


class Pay(Command[Paid], of=orders):
    id: Key[str]


class Refunded(Event, of=orders):
    id: Key[str]


class Refund(Command[Refunded], of=orders):
    id: Key[str]


class Shipped(Event, of=orders):
    id: Key[str]


class ShippingRefused(Rejection):
    id: str


class Ship(Command[Shipped, ShippingRefused], of=orders):
    id: Key[str]


class Reserved(Event, of=stock):
    id: Key[str]


class Released(Event, of=stock):
    id: Key[str]


class Packed(Event, of=stock):
    id: Key[str]


class Reserve(Command[Reserved], of=stock):
    id: Key[str]


class Release(Command[Released], of=stock):
    id: Key[str]


class Pack(Command[Packed], of=stock):
    id: Key[str]


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=orders):
    """`stock` does not run, so that the reservation times out."""

    reserve = step(Reserve, undo=Release, timeout=seconds(20))
    pack = retriable(Pack)

    @reserve.command
    def _(self) -> Reserve:
        passes("message", self.start.id)
        return Reserve(id=self.start.id)

    @reserve.undo_command
    def _(self) -> Release:
        passes("timer", self.start.id)
        return Release(id=self.start.id)


class Noting(Saga, start=Placed, deadline=minutes(15), of=orders):
    """Its step belongs to the service itself, and may be done in the transaction that sends it. It is sent again
    every second of the test."""

    note = retriable(Note, timeout=seconds(100))


class Paying(Saga, start=Placed, deadline=minutes(15), undone=Unpaid, of=orders):
    """Its second step is refused, so that the first is undone; the undo is sent again every second of the test."""

    pay = step(Pay, undo=Refund, timeout=seconds(100))
    ship = step(Ship, no_effect=True)


@orders.handles(Place)
async def place(cmd: Place) -> Placed:
    return Placed(id=cmd.id)


@orders.handles(Note)
async def note(cmd: Note) -> Noted:
    passes("at once", cmd.id)
    if PLACE == "policy" and cmd.id.startswith("bad"):
        raise ValueError("a failure for the policy")
    return Noted(id=cmd.id)


@orders.handles(Pay)
async def pay(cmd: Pay) -> Paid:
    return Paid(id=cmd.id)


@orders.handles(Refund)
async def refund(cmd: Refund) -> Refunded:
    passes("undo", cmd.id)
    return Refunded(id=cmd.id)


@orders.handles(Ship)
async def ship(cmd: Ship) -> Shipped:
    raise ShippingRefused(id=cmd.id)


@stock.handles(Reserve)
async def reserve(cmd: Reserve) -> Reserved:
    return Reserved(id=cmd.id)


@stock.handles(Release)
async def release(cmd: Release) -> Released:
    return Released(id=cmd.id)


@stock.handles(Pack)
async def pack(cmd: Pack) -> Packed:
    return Packed(id=cmd.id)


app = App(orders, stock)


async def main(data: Path, roles: tuple[str, ...], send: list[str]) -> None:
    # A process that sends leaves the other work to the others.
    mine = app.configured(Settings.from_environment(data=data, time_scale=0.01, at_once=not send))
    async with mine.running(services=["orders"], roles=roles):
        await asyncio.gather(*(mine.send(Place(id=key)) for key in send))
        os.write(1, b"ready\n")
        if not send:
            await asyncio.Event().wait()


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), tuple(sys.argv[2].split(",")) if sys.argv[2] else (), sys.argv[3:]))
