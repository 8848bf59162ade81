"""The cost of one event in a user's transaction on PostgreSQL, beside a bare INSERT of a row of the same size.

Transactions of each kind are made in turn, one after the other, so that whatever else the machine does meets all alike;
a ratio is that of the medians of one run, and the result is the median of the runs. fsync is on.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import postgres_url

from partita import App, Event, Key, Outbox, Service, Settings

orders = Service("orders", namespace="bench.order")


class Placed(Event, of=orders):
    order_id: Key[str]
    customer: str
    note: str
    total_cents: int


BARE = (
    "INSERT INTO bare (id, topic, key, type, payload, headers, correlation_id, slot, at_us) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
)
TABLES = """
CREATE TABLE bare (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id TEXT NOT NULL, topic TEXT NOT NULL, key TEXT,
    type TEXT NOT NULL, payload BYTEA NOT NULL, headers BYTEA NOT NULL, correlation_id TEXT NOT NULL,
    slot BIGINT NOT NULL, at_us BIGINT NOT NULL);
CREATE TABLE own (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what TEXT NOT NULL);
"""
OWN = "INSERT INTO own (what) VALUES ('an order')"
Work = Callable[[], Awaitable[Any]]


def placed(number: int) -> Placed:
    return Placed(order_id=f"order-{number}", customer="customer", note="x" * 150, total_cents=number)


def bare_row(number: int) -> tuple[Any, ...]:
    """The outbox row of that event."""
    name = f"01890000-0000-7000-8000-{number:012d}"
    return (
        name,
        "bench.order.events",
        f"order-{number}",
        "bench.order.v1.Placed",
        b"p" * 190,
        b"h" * 330,
        name,
        1,
        number,
    )


class Asyncpg:
    """The driver asyncpg."""

    async def open(self, url: str, outbox: Outbox) -> None:
        import asyncpg

        self.outbox, self.db = outbox, await asyncpg.connect(url)

    async def in_transaction(self, own: bool, work: Work) -> None:
        async with self.db.transaction():
            if own:
                await self.db.execute(OWN)
            await work()

    async def bare(self, number: int) -> None:
        await self.db.execute(BARE, *bare_row(number))

    async def add(self, events: list[Placed]) -> None:
        await self.outbox.add(self.db, *events)

    async def close(self) -> None:
        await self.db.close()


class Psycopg:
    """The driver psycopg, awaited."""

    async def open(self, url: str, outbox: Outbox) -> None:
        import psycopg

        self.outbox = outbox
        self.db: Any = await psycopg.AsyncConnection.connect(
            url, autocommit=True, cursor_factory=psycopg.AsyncRawCursor
        )

    async def in_transaction(self, own: bool, work: Work) -> None:
        async with self.db.transaction():
            if own:
                await self.db.execute(OWN)
            await work()

    async def bare(self, number: int) -> None:
        await self.db.execute(BARE, bare_row(number))

    async def add(self, events: list[Placed]) -> None:
        await self.outbox.add(self.db, *events)

    async def close(self) -> None:
        await self.db.close()


async def run(driver: Asyncpg | Psycopg, count: int, own: bool, start: int) -> dict[str, float]:
    """The median in microseconds of a transaction of each kind."""
    kinds: dict[str, Callable[[int], Awaitable[None]]] = {
        "bare": driver.bare,
        "event": lambda number: driver.add([placed(number)]),
        "ten events": lambda number: driver.add([placed(10 * number + each) for each in range(10)]),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(start, start + count):
        for kind, work in kinds.items():
            began = time.perf_counter()
            await driver.in_transaction(own, lambda work=work, number=number: work(number))  # type: ignore[misc]
            times[kind].append(time.perf_counter() - began)
    return {kind: median(each) * 1e6 for kind, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: python bench/outbox.py --runs 5")
    parser.add_argument("--runs", type=int, default=7, help="runs of each driver, taken in turn (7)")
    parser.add_argument("--count", type=int, default=300, help="transactions of each kind and run (300)")
    options = parser.parse_args()
    with postgres_url() as url:
        asyncio.run(compare(url, options.runs, options.count))


async def compare(url: str, runs: int, count: int) -> None:
    await prepare(url)
    outbox = Outbox(orders)
    print(f"{'driver':10} {'transaction':24} {'bare µs':>8} {'event µs':>9} {'ratio':>6} {'10 events µs':>13}")
    for driver in (Asyncpg(), Psycopg()):
        await driver.open(url, outbox)
        for own in (False, True):
            found = [await run(driver, count, own, 1 + turn * count) for turn in range(runs)]
            bare, event, ten = (median(each[kind] for each in found) for kind in ("bare", "event", "ten events"))
            ratio = median(each["event"] / each["bare"] for each in found)
            what = "with a row of the user's" if own else "alone"
            print(f"{type(driver).__name__.lower():10} {what:24} {bare:8.0f} {event:9.0f} {ratio:6.2f} {ten:13.0f}")
        await driver.close()


async def prepare(url: str) -> None:
    """The tables of the service, as its relay makes them, and the bare one."""
    import asyncpg

    with tempfile.TemporaryDirectory() as folder:
        async with App(orders, settings=Settings(store=url, data=Path(folder))).running(roles=()):
            pass
    connection = await asyncpg.connect(url)
    await connection.execute(TABLES)
    await connection.close()


if __name__ == "__main__":
    main()
