"""A shop in one of two deployments, as a process that is killed: `python -m tests.processes.upgrading DATA STORE BUS VERSION FIRST
[MOMENT]`.

Version 1 of its messages has the total as a text, version 2 in cents. Of ten orders, the books of version 1 put one into the retry
topics and make a dead letter of another. The process prints the number of each order that was acknowledged, from FIRST on. With a
moment it sends one order, replays the dead letters, and kills itself at that moment.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Saga, Service, Settings, Tx, minutes, seconds, step
from partita.observability.letters import letters
from partita.operators.replaying import Pace, Replay
from partita.runtime.system import ROLES
from partita.store.dead_letters import LetterFilter

CENTS = 1250
BOOKED = "CREATE TABLE IF NOT EXISTS booked (number TEXT NOT NULL, cents BIGINT NOT NULL);"
CHARGED = "CREATE TABLE IF NOT EXISTS charged (number TEXT NOT NULL, cents BIGINT NOT NULL, shelf BIGINT NOT NULL);"


PLACED_V1 = "load.order.v1.OrderPlaced"


class Moment(NamedTuple):
    """A moment in the life of a message: the process dies behind (or just before) the commit in which a service's database has
    such a row, or behind the append to the bus where no service is named. `order` has what it needs, `roles` run until then."""

    order: int
    service: str = ""
    row: str = ""
    before: bool = False
    roles: Sequence[str] = ROLES


MOMENTS = {
    "in the outbox": Moment(
        0, "orders",
        f"SELECT 1 AS one FROM outbox_queue AS q JOIN outbox AS o ON o.seq = q.seq WHERE o.type = '{PLACED_V1}'",
        roles=(),
    ),
    "on the topic": Moment(1, roles=("relay",)),
    "in the parking": Moment(3, "books", f"SELECT 1 AS one FROM parked WHERE type = '{PLACED_V1}' AND state = 'waiting'"),
    "among the dead letters": Moment(7, "books", f"SELECT 1 AS one FROM dead_letter WHERE type = '{PLACED_V1}'"),
    "in the state of a saga": Moment(5, "orders", "SELECT 1 AS one FROM saga WHERE step = 'charge'"),
    "before it is booked": Moment(-1, "books", "SELECT 1 AS one FROM booked", before=True),
    "behind its booking": Moment(-1, "books", "SELECT 1 AS one FROM booked"),
    "before it is charged": Moment(-1, "desk", "SELECT 1 AS one FROM charged", before=True),
    "behind its charge": Moment(-1, "desk", "SELECT 1 AS one FROM charged"),
}  # fmt: skip


class Wrong(Exception):
    """The books of version 1 cannot handle this order, now or later."""


def cents_of(text: str) -> int:
    return round(float(text) * 100)


class Deployed:
    """The shop: an event that books and a saga hear, and a desk that serves the saga."""

    def __init__(self, data: Path, store: str, bus: str, version: int) -> None:
        self.version = version
        orders = Service("orders", namespace="load.order")
        desk = Service("desk", namespace="load.desk", tables=CHARGED)
        retry = Retry(delays=(1,), in_place=0, permanent=(Wrong,), storm=10**9)
        self.books = Service("books", namespace="load.books", tables=BOOKED, retry=retry)
        names = self._first(orders, desk) if version == 1 else self._second(orders, desk)
        self.Placed, self.Reserved, self.Reserve, self.Charged, self.Charge = names
        self._serve(orders, desk)
        self.app = App(orders, desk, self.books, settings=Settings(data=data, store=store, bus=bus))

    def _first(self, orders: Service, desk: Service) -> tuple[Any, ...]:
        class OrderPlaced(Event, of=orders):
            number: Key[str]
            total: str
            note: str

        class Reserved(Event, of=desk):
            number: Key[str]
            shelf: str

        class Reserve(Command[Reserved], of=desk):
            number: Key[str]
            total: str

        class Charged(Event, of=desk):
            number: Key[str]

        class Charge(Command[Charged], of=desk):
            number: Key[str]
            total: str
            shelf: str

        return OrderPlaced, Reserved, Reserve, Charged, Charge

    def _second(self, orders: Service, desk: Service) -> tuple[Any, ...]:
        class OrderPlacedV1(Event, of=orders, name="OrderPlaced", version=1):
            number: Key[str]
            total: str
            note: str

        class OrderPlaced(Event, of=orders, version=2):
            number: Key[str]
            cents: int
            note: str

        class ReservedV1(Event, of=desk, name="Reserved", version=1):
            number: Key[str]
            shelf: str

        class Reserved(Event, of=desk, version=2):
            number: Key[str]
            place: int

        class ReserveV1(Command[ReservedV1], of=desk, name="Reserve", version=1):
            number: Key[str]
            total: str

        class Reserve(Command[Reserved], of=desk, version=2):
            number: Key[str]
            cents: int

        class Charged(Event, of=desk):
            number: Key[str]

        class ChargeV1(Command[Charged], of=desk, name="Charge", version=1):
            number: Key[str]
            total: str
            shelf: str

        class Charge(Command[Charged], of=desk, version=2):
            number: Key[str]
            cents: int
            place: int

        @orders.upcast
        def order_placed_v2(old: OrderPlacedV1) -> OrderPlaced:
            return OrderPlaced(number=old.number, cents=cents_of(old.total), note=old.note)

        @desk.upcast
        def reserved_v2(old: ReservedV1) -> Reserved:
            return Reserved(number=old.number, place=int(old.shelf))

        @desk.upcast
        def reserve_v2(old: ReserveV1) -> Reserve:
            return Reserve(number=old.number, cents=cents_of(old.total))

        @desk.upcast
        def charge_v2(old: ChargeV1) -> Charge:
            return Charge(number=old.number, cents=cents_of(old.total), place=int(old.shelf))

        return OrderPlaced, Reserved, Reserve, Charged, Charge

    def _serve(self, orders: Service, desk: Service) -> None:
        Placed: Any = self.Placed
        Reserved: Any = self.Reserved
        Reserve: Any = self.Reserve
        Charged: Any = self.Charged
        Charge: Any = self.Charge
        first = self.version == 1

        class PlaceOrder(Command[Placed], of=orders):
            number: Key[str]

        class Ended(Event, of=orders):
            number: Key[str]

        class Undone(Event, of=desk):
            number: Key[str]

        class Undo(Command[Undone], of=desk):
            number: Key[str]

        class Checkout(Saga, start=Placed, deadline=minutes(60), undone=Ended, of=orders):
            reserve = step(Reserve, undo=Undo, timeout=seconds(1200))
            charge = step(Charge, undo=Undo, timeout=seconds(1200))

        self.PlaceOrder = PlaceOrder

        @orders.handles(PlaceOrder)
        async def place(cmd: PlaceOrder) -> Placed:
            more = {"total": f"{CENTS / 100:.2f}"} if first else {"cents": CENTS}
            return Placed(number=cmd.number, note="", **more)

        @desk.handles(Reserve)
        async def reserve(cmd: Reserve) -> Reserved:
            return Reserved(number=cmd.number, **({"shelf": "7"} if first else {"place": 7}))

        @desk.handles(Charge)
        async def charge(cmd: Charge, tx: Tx) -> Charged:
            cents, shelf = (cents_of(cmd.total), int(cmd.shelf)) if first else (cmd.cents, cmd.place)
            await tx.execute("INSERT INTO charged VALUES (:n, :c, :s)", n=cmd.number, c=cents, s=shelf)
            return Charged(number=cmd.number)

        @desk.handles(Undo)
        async def undo(cmd: Undo) -> Undone:
            return Undone(number=cmd.number)

        @self.books.on
        async def book(event: Placed, tx: Tx) -> None:
            if first and event.number[-1] == "3":
                raise ValueError("not now")
            if first and event.number[-1] == "7":
                raise Wrong
            await tx.execute(
                "INSERT INTO booked VALUES (:n, :c)", n=event.number, c=cents_of(event.total) if first else event.cents
            )

    async def replay(self) -> int:
        """Replay the dead letters of the deployment of before; returns their number."""
        system = self.app.system
        found = await letters(system.stores, LetterFilter())
        if found:
            job = Replay(self.books, system.stores["books"], system.clock, system.ids, "op")
            await job.run((await job.begin(LetterFilter(), Pace(), "upgraded")).id)
        return len(found)

    async def rows(self, service: str, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a service's database."""
        async with self.app.store(service).reading() as session:
            return [tuple(row.values()) for row in await session.fetch(sql, {})]


async def load(deployed: Deployed, first: int) -> None:
    """Send orders for ever, a few at a time."""
    numbers = itertools.count(first)

    async def one() -> None:
        for number in numbers:
            await deployed.app.send(deployed.PlaceOrder(number=f"o{number}"), idempotency_key=f"k{number}")
            print(number, flush=True)

    async with deployed.app.running():
        await asyncio.gather(*(one() for _ in range(4)))


async def until_killed(deployed: Deployed, number: int, moment: Moment) -> None:
    """Send one order, unless the number is -1, replay the dead letters, and work until the moment has come."""
    async with deployed.app.running(roles=moment.roles):
        system = deployed.app.system
        _kill_behind(system.stores[moment.service] if moment.service else system.bus, moment)
        if number >= 0:
            await deployed.app.send(deployed.PlaceOrder(number=f"o{number}"), idempotency_key=f"k{number}")

        async def is_over() -> bool:
            await deployed.replay()  # again and again: a letter may come later
            return False

        await until(is_over)


def _kill_behind(port: Any, moment: Moment) -> None:
    """Have the process killed at that moment, by a store's transactions or a bus's appends."""
    append, transaction = getattr(port, "append", None), getattr(port, "transaction", None)

    async def appending(records: Any, *more: Any) -> Any:
        answers = await append(records, *more)
        if any(PLACED_V1.encode() in record.headers for record in records):
            os.kill(os.getpid(), signal.SIGKILL)
        return answers

    @asynccontextmanager
    async def committing(*more: Any, **named: Any) -> AsyncIterator[Any]:
        async with transaction(*more, **named) as session:
            yield session
            is_there = bool(await session.fetch(moment.row, {}))
            if is_there and moment.before:
                os.kill(os.getpid(), signal.SIGKILL)
        if is_there:
            os.kill(os.getpid(), signal.SIGKILL)

    if moment.service:
        port.transaction = committing
    else:
        port.append = appending


if __name__ == "__main__":
    deployed = Deployed(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
    if len(sys.argv) > 6:
        asyncio.run(until_killed(deployed, int(sys.argv[5]), MOMENTS[sys.argv[6]]))
    else:
        asyncio.run(load(deployed, int(sys.argv[5])))
