"""The runtime as it is, on a virtual loop: two services of one saga, orders from two processes, and a digest of all that
was left behind. Run as a program it prints a line for each seed: `python virtual_checkouts.py SEEDS ORDERS`."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from partita import App, Command, Event, Key, Rejection, Saga, Service, Settings, Tx, minutes, retriable, seconds, step
from partita.machine.virtual import LoopClock, World
from partita.testing.virtual_loop import run_virtually

STOCK = "CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, free BIGINT NOT NULL);"
orders = Service("orders", namespace="virtual.order")
stock = Service("stock", namespace="virtual.stock", tables=STOCK)


class OrderPlaced(Event, of=orders):
    order_id: Key[str]


class OrderConfirmed(Event, of=orders):
    order_id: Key[str]


class OrderCancelled(Event, of=orders):
    order_id: Key[str]


class PlaceOrder(Command[OrderPlaced], of=orders):
    order_id: Key[str]


class ConfirmOrder(Command[OrderConfirmed], of=orders):
    order_id: Key[str]


class StockTaken(Event, of=stock):
    order_id: Key[str]


class StockReturned(Event, of=stock):
    order_id: Key[str]


class OutOfStock(Rejection):
    sku: str


class TakeStock(Command[StockTaken, OutOfStock], of=stock):
    order_id: Key[str]


class ReturnStock(Command[StockReturned], of=stock):
    order_id: Key[str]


class Purchase(Saga, start=OrderPlaced, deadline=minutes(15), undone=OrderCancelled, of=orders):
    take = step(TakeStock, undo=ReturnStock, timeout=seconds(30))
    confirm = retriable(ConfirmOrder)


@orders.handles(PlaceOrder)
async def place(cmd: PlaceOrder) -> OrderPlaced:
    return OrderPlaced(order_id=cmd.order_id)


@orders.handles(ConfirmOrder)
async def confirm(cmd: ConfirmOrder) -> OrderConfirmed:
    return OrderConfirmed(order_id=cmd.order_id)


@stock.handles(TakeStock)
async def take(cmd: TakeStock, tx: Tx) -> StockTaken:
    if int(cmd.order_id) % 10 == 0:
        raise OutOfStock(sku="a")
    await tx.execute("INSERT INTO stock VALUES ('a', 1) ON CONFLICT (sku) DO UPDATE SET free = stock.free + 1")
    return StockTaken(order_id=cmd.order_id)


@stock.handles(ReturnStock)
async def give_back(cmd: ReturnStock) -> StockReturned:
    return StockReturned(order_id=cmd.order_id)


def digest_of(data: Path) -> str:
    """The digest of every row of every database, in all tables."""
    found = hashlib.sha256()
    for path in sorted(data.glob("*.db")):
        with closing(sqlite3.connect(path)) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
                for row in sorted(repr(row) for row in db.execute(f"SELECT * FROM {table}")):
                    found.update(f"{path.name} {table} {row}".encode())
    return found.hexdigest()[:16]


async def checkouts(data: Path, seed: int, count: int) -> None:
    """Two processes of one world share the folder and take orders in turn."""
    world = World(seed=seed, clock=LoopClock())
    apps = [App(orders, stock, settings=Settings(data=data), machine=world.machine()) for _ in range(2)]
    async with apps[0].running(), apps[1].running():
        for number in range(0, count, 2):
            await asyncio.gather(*(app.send(PlaceOrder(order_id=str(number + n))) for n, app in enumerate(apps)))
        for app in apps:
            await app.settled(3_600)


def digest(seed: int, count: int) -> str:
    """The digest of one run."""
    with tempfile.TemporaryDirectory() as folder:
        run_virtually(checkouts(Path(folder), seed, count))
        return digest_of(Path(folder))


if __name__ == "__main__":
    for each in range(int(sys.argv[1])):
        print(each, digest(each, int(sys.argv[2])), flush=True)
