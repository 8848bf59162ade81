"""The peer on PostgreSQL: the same checkout as a saga of python-cqrs with its SQLAlchemy storage. Its guarantee is weaker:
a step's write and the record of it are two transactions, so a step may happen twice, and each write here allows for that."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import time
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from cqrs.handlers.saga import SagaStepHandler, SagaStepResult
from cqrs.saga.models import SagaContext
from cqrs.saga.saga import Saga
from cqrs.saga.storage.sqlalchemy import Base, SqlAlchemySagaStorage
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

TABLES = (
    "CREATE TABLE orders (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL, status TEXT NOT NULL)",
    "CREATE TABLE reservation (order_id TEXT PRIMARY KEY, state TEXT NOT NULL)",
    "CREATE TABLE payment (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL)",
)
WARM = 20
engine: AsyncEngine


class Declined(Exception):
    """The card is refused."""


@dataclass
class Order(SagaContext):
    order: str
    cents: int


async def write(sql: str, **values: Any) -> None:
    async with engine.begin() as database:
        await database.execute(sqlalchemy.text(sql), values)


class Step(SagaStepHandler[Order, None]):
    @property
    def events(self) -> list[Any]:
        return []

    async def compensate(self, context: Order) -> None:
        """Nothing to undo."""


class PlaceOrder(Step):
    async def act(self, context: Order) -> SagaStepResult[Order, None]:
        sql = "INSERT INTO orders VALUES (:o, :c, 'PLACED') ON CONFLICT DO NOTHING"
        await write(sql, o=context.order, c=context.cents)
        return self._generate_step_result(None)

    async def compensate(self, context: Order) -> None:
        await write("UPDATE orders SET status = 'CANCELLED' WHERE order_id = :o", o=context.order)


class Reserve(Step):
    async def act(self, context: Order) -> SagaStepResult[Order, None]:
        await write("INSERT INTO reservation VALUES (:o, 'RESERVED') ON CONFLICT DO NOTHING", o=context.order)
        return self._generate_step_result(None)

    async def compensate(self, context: Order) -> None:
        await write("UPDATE reservation SET state = 'RELEASED' WHERE order_id = :o", o=context.order)


class Charge(Step):
    async def act(self, context: Order) -> SagaStepResult[Order, None]:
        if context.cents % 10 == 0:
            raise Declined(context.order)
        await write("INSERT INTO payment VALUES (:o, :c) ON CONFLICT DO NOTHING", o=context.order, c=context.cents)
        return self._generate_step_result(None)


class Confirm(Step):
    async def act(self, context: Order) -> SagaStepResult[Order, None]:
        await write("UPDATE orders SET status = 'CONFIRMED' WHERE order_id = :o", o=context.order)
        return self._generate_step_result(None)


class Checkout(Saga[Order]):
    steps = [PlaceOrder, Reserve, Charge, Confirm]


class Steps:
    """Resolves a step by making one."""

    async def resolve(self, kind: type[Any]) -> Any:
        return kind()


async def checkout(storage: SqlAlchemySagaStorage, order: str, cents: int) -> None:
    try:
        async with Checkout().transaction(Order(order, cents), Steps(), storage) as running:
            async for _ in running:
                pass
    except Declined:
        pass  # compensated by then


async def measure(url: str, count: int, at_once: int) -> float:
    """Checkouts per second; every effect is verified."""
    global engine
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=2 * at_once)
    storage = SqlAlchemySagaStorage(async_sessionmaker(engine, expire_on_commit=False))
    gate = asyncio.Semaphore(at_once)

    async def one(name: str, n: int) -> None:
        async with gate:
            await checkout(storage, f"{name}{n}", n)

    await asyncio.gather(*(one(f"w{at_once}-", n) for n in range(WARM)))
    begun = time.perf_counter()
    await asyncio.gather(*(one(f"o{at_once}-", n) for n in range(count)))
    rate = count / (time.perf_counter() - begun)
    await _verify(f"o{at_once}-", count)
    await engine.dispose()
    return rate


async def _verify(name: str, count: int) -> None:
    declined = len(range(0, count, 10))
    async with engine.connect() as database:
        for table, condition, expected in (
            ("orders", "status = 'CONFIRMED'", count - declined),
            ("payment", "true", count - declined),
            ("reservation", "state = 'RESERVED'", count - declined),
            ("orders", "status = 'CANCELLED'", declined),
            ("reservation", "state = 'RELEASED'", declined),
        ):
            sql = f"SELECT count(*) FROM {table} WHERE {condition} AND starts_with(order_id, :n)"
            found = (await database.execute(sqlalchemy.text(sql), {"n": name})).scalar()
            assert found == expected, (table, condition, found, expected)


async def run(options: argparse.Namespace) -> dict[str, float]:
    maker = create_async_engine(options.url.replace("postgresql://", "postgresql+asyncpg://"))
    async with maker.begin() as database:
        await database.run_sync(Base.metadata.create_all)
        for table in TABLES:
            await database.execute(sqlalchemy.text(table))
    await maker.dispose()
    return {at: await measure(options.url, options.count, int(at)) for at in options.at.split(",")}


def main() -> None:
    logging.disable(logging.CRITICAL)  # it logs each compensation as an error
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="an empty database")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--at", default="4,8,16", help="sagas at once; the best of them counts")
    rates = asyncio.run(run(parser.parse_args()))
    best = max(rates, key=lambda at: rates[at])
    sys.stdout.write(f"{best} {rates[best]:.1f}\n")


if __name__ == "__main__":
    main()
