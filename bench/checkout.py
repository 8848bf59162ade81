"""The checkout of the benchmarks: three services, one statement a handler, one in ten cards declined. `BENCH_HEADERS` says which
headers its records carry on Kafka."""

from __future__ import annotations

import os
from typing import Any, NewType

from partita import (
    App,
    Command,
    Event,
    Key,
    Rejection,
    Saga,
    Service,
    Tx,
    minutes,
    pivot,
    retriable,
    seconds,
    step,
)
from partita.topics import Sizing, TopicPlan

OrderId = NewType("OrderId", str)
orders = Service(
    "orders",
    namespace="bench.order",
    tables="CREATE TABLE IF NOT EXISTS orders (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL, status TEXT NOT NULL);",
)
inventory = Service(
    "inventory",
    namespace="bench.inventory",
    tables="CREATE TABLE IF NOT EXISTS reservation (order_id TEXT PRIMARY KEY, state TEXT NOT NULL);",
)
payments = Service(
    "payments",
    namespace="bench.payment",
    tables="CREATE TABLE IF NOT EXISTS payment (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL);",
)


class Placed(Event, of=orders):
    order_id: Key[OrderId]
    cents: int


class Confirmed(Event, of=orders):
    order_id: Key[OrderId]


class Cancelled(Event, of=orders):
    order_id: Key[OrderId]


class Place(Command[Placed], of=orders):
    order_id: Key[OrderId]
    cents: int


class Confirm(Command[Confirmed], of=orders):
    order_id: Key[OrderId]


class Reserved(Event, of=inventory):
    order_id: Key[OrderId]


class Released(Event, of=inventory):
    order_id: Key[OrderId]


class Reserve(Command[Reserved], of=inventory):
    order_id: Key[OrderId]


class Release(Command[Released], of=inventory):
    order_id: Key[OrderId]


class Charged(Event, of=payments):
    order_id: Key[OrderId]


class Refunded(Event, of=payments):
    order_id: Key[OrderId]


class Declined(Rejection):
    reason: str


class Charge(Command[Charged, Declined], of=payments):
    order_id: Key[OrderId]
    cents: int


class Refund(Command[Refunded], of=payments):
    order_id: Key[OrderId]


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Cancelled, of=orders):
    reserve = step(Reserve, undo=Release, timeout=seconds(60))
    charge = pivot(Charge, undo=Refund, timeout=seconds(60))
    confirm = retriable(Confirm, timeout=seconds(60))


@orders.handles(Place)
async def place(cmd: Place, tx: Tx) -> Placed:
    await tx.execute("INSERT INTO orders VALUES (:o, :c, 'PLACED')", o=cmd.order_id, c=cmd.cents)
    return Placed(order_id=cmd.order_id, cents=cmd.cents)


@orders.handles(Confirm)
async def confirm(cmd: Confirm, tx: Tx) -> Confirmed:
    await tx.execute("UPDATE orders SET status = 'CONFIRMED' WHERE order_id = :o", o=cmd.order_id)
    return Confirmed(order_id=cmd.order_id)


@orders.on
async def cancelled(event: Cancelled, tx: Tx) -> None:
    await tx.execute("UPDATE orders SET status = 'CANCELLED' WHERE order_id = :o", o=event.order_id)


@inventory.handles(Reserve)
async def reserve(cmd: Reserve, tx: Tx) -> Reserved:
    await tx.execute("INSERT INTO reservation VALUES (:o, 'RESERVED')", o=cmd.order_id)
    return Reserved(order_id=cmd.order_id)


@inventory.handles(Release)
async def release(cmd: Release, tx: Tx) -> Released:
    await tx.execute("UPDATE reservation SET state = 'RELEASED' WHERE order_id = :o", o=cmd.order_id)
    return Released(order_id=cmd.order_id)


@payments.handles(Charge)
async def charge(cmd: Charge, tx: Tx) -> Charged:
    if cmd.cents % 10 == 0:
        raise Declined(reason="card")
    await tx.execute("INSERT INTO payment VALUES (:o, :c)", o=cmd.order_id, c=cmd.cents)
    return Charged(order_id=cmd.order_id)


@payments.handles(Refund)
async def refund(cmd: Refund, tx: Tx) -> Refunded:
    await tx.execute("DELETE FROM payment WHERE order_id = :o", o=cmd.order_id)
    return Refunded(order_id=cmd.order_id)


def carrying(headers: Any) -> TopicPlan:
    """The plan of topics whose records carry these headers on Kafka."""
    return TopicPlan(default=Sizing(headers=headers))


app = App(orders, inventory, payments, topics=carrying(os.environ.get("BENCH_HEADERS", "full")))
