"""Declarations that must type-check under strict mypy and pyright, without a plugin and without a cast."""

from __future__ import annotations

import sqlite3
from typing import NewType

import psycopg
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from partita import (
    App,
    Command,
    Event,
    Key,
    Outbox,
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

OrderId = NewType("OrderId", str)
orders = Service("typing-orders", namespace="typing.order")


class Placed(Event, of=orders, version=1, name="OrderPlaced"):
    """An order was placed."""

    order_id: Key[OrderId]
    total_cents: int = 0


class Reserved(Event, of=orders):
    """Stock was set aside."""

    order_id: Key[OrderId]


class Released(Event, of=orders):
    """Stock was put back."""

    order_id: Key[OrderId]


class SoldOut(Rejection, name="NoStock"):
    """There is no stock."""

    sku: str


class Reserve(Command[Reserved, SoldOut], of=orders):
    """Set stock aside, or say why not."""

    order_id: Key[OrderId]


class Release(Command[Reserved], of=orders, name="PutBack"):
    """Put stock back; cannot be refused."""

    order_id: Key[OrderId]


class Count(Command[Released], of=orders):
    """Count the stock."""

    order_id: Key[OrderId]


@orders.handles(Reserve)
async def reserve(command: Reserve, tx: Tx) -> Reserved:
    """Reply with the declared event, or raise the declared refusal."""
    if not await tx.execute("UPDATE stock SET on_hand = on_hand - 1"):
        raise SoldOut(sku="A1")
    return Reserved(order_id=command.order_id)


@orders.on
async def tell(event: Placed | Reserved) -> None:
    """A union subscribes to both."""
    order_id: OrderId = event.order_id
    assert order_id


@orders.on(emits=Released, name="by-class")
async def by_class(event: Placed, tx: Tx) -> Reserved | None:
    """One event besides those that it returns."""
    tx.publish(Released(order_id=event.order_id))
    return None


@orders.on(emits=(Reserved, Released), name="several")
async def several(event: Placed, tx: Tx) -> None:
    """Several."""
    tx.publish(Reserved(order_id=event.order_id), Released(order_id=event.order_id))


@orders.on(emits=Reserved | Released, name="by-union")
async def by_union(event: Placed) -> list[Event]:
    """A union, and a result that names no event."""
    return [Reserved(order_id=event.order_id)]


@orders.handles(Count, emits=[Reserved])
async def count(command: Count, tx: Tx) -> Released:
    """Besides the reply."""
    tx.publish(Reserved(order_id=command.order_id))
    return Released(order_id=command.order_id)


class Checkout(Saga, start=Placed, deadline=minutes(15), undone=Reserved, of=orders):
    """A step that can be undone, the point of no return, and a step that is tried until it succeeds."""

    hold = step(Reserve, undo=Release, timeout=seconds(30))
    charge = pivot(Reserve, undo=Release, timeout=seconds(30))
    confirm = retriable(Release)


outbox = Outbox(orders)


def in_a_transaction_that_blocks(
    session: Session, connection: Connection, plain: psycopg.Connection, file: sqlite3.Connection, placed: Placed
) -> None:
    """The event commits with the transaction of each library."""
    outbox.add(session, placed)
    outbox.add(connection, placed, placed, correlation_id="request-1")
    outbox.add(plain, placed)
    outbox.add(file, placed)


async def in_a_transaction_that_is_awaited(
    session: AsyncSession, connection: AsyncConnection, plain: psycopg.AsyncConnection, placed: Placed
) -> None:
    """The type checker sees the awaited value."""
    with outbox.caused_by("request-1"):
        await outbox.add(session, placed)
        await outbox.add(connection, placed)
        await outbox.add(plain, placed)


async def in_a_test(app: App, placed: Placed) -> list[Placed]:
    """A stub answers with what the command declares, and what was published has its type."""
    async with app.testing() as t:
        t.stub(Reserve).replies(Reserved(order_id=placed.order_id))
        t.stub(Reserve).replies(lambda command: Reserved(order_id=placed.order_id))
        await t.advance(minutes(15))
        return t.published(Placed)
