"""Partita's latencies on any tier: one checkout alone, and the way from a service's commit to another's."""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import Mapping

import asyncpg
from checkout import OrderId, app
from checkout import Place as PlaceOrder
from place import Place

from partita import App
from partita.bell import Reason

SENT = "SELECT id, {} FROM outbox WHERE type LIKE '%.Reserve'"
SENT_IN_LOG = "SELECT r.id, {} FROM partita_log.record AS r WHERE r.writer = 'orders'"
HANDLED = "SELECT message_id, {} FROM inbox"
COMMITTED = "extract(epoch FROM pg_xact_commit_timestamp(xmin))"


def alone(samples: int, where: Place) -> list[float]:
    """One checkout at a time, from the send to the confirmed order, in milliseconds; in order."""
    return sorted(asyncio.run(_alone(samples, where)))


async def _alone(samples: int, where: Place) -> list[float]:
    mine = app.configured(where.settings)
    took = []
    async with mine.running(), Looking(mine, where) as looking:
        for n in range(samples + 10):
            begun = time.perf_counter()
            order = OrderId(f"alone{n}")
            await mine.send(PlaceOrder(order_id=order, cents=1))
            while await looking.status(order) != "CONFIRMED":
                await asyncio.sleep(0.0005)
            took.append((time.perf_counter() - begun) * 1000)
    return took[10:]  # the first meet clients that are still finding their partitions


class Looking:
    """Looks at an order without disturbing what is measured: on a server by a connection of its own."""

    def __init__(self, mine: App, where: Place) -> None:
        self._mine, self._where = mine, where
        self._server: asyncpg.Connection | None = None

    async def __aenter__(self) -> Looking:
        if self._where.store:
            self._server = await asyncpg.connect(self._where.store)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await self._server.close()

    async def status(self, order: str) -> str:
        if self._server is not None:
            return str(await self._server.fetchval("SELECT status FROM orders.orders WHERE order_id = $1", order))
        async with self._mine.store("orders").reading() as session:
            rows = await session.fetch("SELECT status FROM orders WHERE order_id = :o", {"o": order})
        return str(rows[0]["status"])


def hop(rate: float, seconds: float, where: Place) -> list[float]:
    """Commit of a command by one service to the commit of its handling by another, in milliseconds, at a steady rate
    of checkouts; in order. Everything runs in one process."""
    count = int(rate * seconds)
    stamps = asyncio.run(_steady(rate, count, where))
    sent, handled = _commits(where, stamps)
    took = [(at - sent[name]) * 1000 for name, at in handled.items() if name in sent]
    assert len(took) >= count, len(took)
    return sorted(took)


async def _steady(rate: float, count: int, where: Place) -> Mapping[str, list[float]]:
    mine = app.configured(where.settings)
    async with mine.running():
        stamps = {name: _stamped(mine, name) for name in ("orders", "inventory")}
        await mine.send(PlaceOrder(order_id=OrderId("first"), cents=1))
        await mine.settled(60)
        begun = time.perf_counter()
        waiting = []
        for n in range(count):
            pause = begun + n / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            waiting.append(asyncio.create_task(mine.send(PlaceOrder(order_id=OrderId(f"hop{n}"), cents=1))))
        await asyncio.gather(*waiting)
        await mine.settled(60)
    return stamps


def _commits(where: Place, stamps: Mapping[str, list[float]]) -> tuple[dict[str, float], dict[str, float]]:
    """When each command was committed by its sender, and when by its receiver, without the very first one."""
    if where.store:
        # The server says: it stamps both commits with one clock.
        asked = SENT_IN_LOG if where.bus == where.store else SENT
        sent = {str(name): float(at) for name, at in where.rows("orders", asked.format(COMMITTED))}
        handled = {str(name): float(at) for name, at in where.rows("inventory", HANDLED.format(COMMITTED))}
        sent = {name: at for name, at in sent.items() if name in handled}  # the log has messages to others too
    else:
        # One writer at a time: the first commit after the transaction began is its own.
        sent = _ends(dict(where.rows("orders", SENT.format("at_us"))), stamps["orders"])
        handled = _ends(dict(where.rows("inventory", HANDLED.format("at_us"))), stamps["inventory"])
    first = min(sent, key=lambda name: sent[name])
    return {name: at for name, at in sent.items() if name != first}, handled


def _ends(begun_us: Mapping[str, int], stamps: list[float]) -> dict[str, float]:
    return {name: stamps[bisect.bisect_left(stamps, at / 1e6)] for name, at in begun_us.items()}


def _stamped(mine: App, service: str) -> list[float]:
    """Filled with the time of every commit that wrote to the service's outbox."""
    bell, times = mine.store(service).bell, []
    ring = bell.ring

    def stamped(reason: Reason) -> None:
        times.append(time.time())
        ring(reason)

    bell.ring = stamped  # type: ignore[method-assign]  # no port gives the moment of a commit
    return times
