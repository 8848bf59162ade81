"""Sagas on the real runtime: late answers, undo before do, a participant that fails repeatedly, versions in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import (
    App,
    Command,
    Event,
    Key,
    Retry,
    Saga,
    Service,
    Settings,
    Tx,
    minutes,
    pivot,
    retriable,
    step,
)
from partita.bus.port import Outgoing
from partita.errors import StoreMismatch

SCALE = 0.01  # 30 s become 0.3 s


def contracts(orders: Service, stock: Service, bank: Service) -> Any:
    """The messages between the services."""

    class Placed(Event, of=orders):
        id: Key[str]

    class Confirmed(Event, of=orders):
        id: Key[str]

    class Cancelled(Event, of=orders):
        id: Key[str]
        reason: str

    class Place(Command[Placed], of=orders):
        id: Key[str]

    class Confirm(Command[Confirmed], of=orders):
        id: Key[str]

    class Reserved(Event, of=stock):
        id: Key[str]

    class Released(Event, of=stock):
        id: Key[str]

    class Reserve(Command[Reserved], of=stock):
        id: Key[str]
        note: str = ""

    class Release(Command[Released], of=stock):
        id: Key[str]

    class Charged(Event, of=bank):
        id: Key[str]

    class Refunded(Event, of=bank):
        id: Key[str]

    class Charge(Command[Charged], of=bank):
        id: Key[str]

    class Refund(Command[Refunded], of=bank):
        id: Key[str]

    return SimpleNamespace(**{k: v for k, v in locals().items() if isinstance(v, type)})


def handlers(shop: Shop, orders: Service, stock: Service, bank: Service, c: Any) -> None:
    """The handlers of the services; `shop.trouble` may make them fail."""

    @orders.handles(c.Place)
    async def place(cmd: Any) -> Any:
        return c.Placed(id=cmd.id)

    @orders.handles(c.Confirm)
    async def confirm(cmd: Any) -> Any:
        shop.trouble("confirm")
        return c.Confirmed(id=cmd.id)

    async def reserve(cmd: Any, tx: Tx) -> Any:
        shop.trouble("reserve")
        await tx.execute("INSERT INTO held VALUES (:i)", i=cmd.id)
        return c.Reserved(id=cmd.id)

    async def release(cmd: Any, tx: Tx) -> Any:
        shop.trouble("release")
        await tx.execute("DELETE FROM held WHERE id = :i", i=cmd.id)
        return c.Released(id=cmd.id)

    async def charge(cmd: Any, tx: Tx) -> Any:
        shop.trouble("charge")
        await tx.execute("INSERT INTO move VALUES (:i, 1)", i=cmd.id)
        return c.Charged(id=cmd.id)

    async def refund(cmd: Any, tx: Tx) -> Any:
        shop.trouble("refund")
        await tx.execute("INSERT INTO move SELECT id, -1 FROM move WHERE id = :i AND cents = 1", i=cmd.id)
        return c.Refunded(id=cmd.id)

    for service, command, handler in (
        (stock, c.Reserve, reserve),
        (stock, c.Release, release),
        (bank, c.Charge, charge),
        (bank, c.Refund, refund),
    ):
        service.handles(command)(handler)


class Shop:
    """A shop whose participants behave as a test sets."""

    def __init__(
        self,
        data: Path,
        *,
        reserve_timeout: float = 30.0,
        charge_timeout: float = 60.0,
        version: int = 1,
        retriable_end: bool = True,
        hook: Callable[[str, str], None] | None = None,
        time_scale: float = SCALE,
    ) -> None:
        self.trouble: Callable[[str], None] = lambda what: None
        orders = Service("orders", namespace="sr.order")
        stock = Service(
            "stock",
            namespace="sr.stock",
            order="none",
            retry=Retry(in_place=1, first_wait_s=0.001),
            tables="CREATE TABLE IF NOT EXISTS held (id TEXT PRIMARY KEY);",
        )
        bank = Service(
            "bank",
            namespace="sr.bank",
            retry=Retry(in_place=1, first_wait_s=0.001),
            tables="CREATE TABLE IF NOT EXISTS move (id TEXT NOT NULL, cents BIGINT NOT NULL);",
        )

        c = contracts(orders, stock, bank)
        if hook is not None:

            class Checkout(Saga, start=c.Placed, deadline=minutes(15), undone=c.Cancelled, of=orders, version=version):
                reserve = step(c.Reserve, undo=c.Release, timeout=reserve_timeout)
                charge = pivot(c.Charge, undo=c.Refund, timeout=charge_timeout)

                @reserve.command
                def _(self) -> Any:
                    hook("command", self.start.id)
                    return c.Reserve(id=self.start.id)

                @reserve.undo_command
                def _(self) -> Any:
                    hook("undo", self.start.id)
                    return c.Release(id=self.start.id)

                @reserve.then
                def _(self, reply: Any) -> None:
                    hook("then", reply.id)
        elif retriable_end:

            class Checkout(Saga, start=c.Placed, deadline=minutes(15), undone=c.Cancelled, of=orders, version=version):  # type: ignore[no-redef]
                reserve = step(c.Reserve, undo=c.Release, timeout=reserve_timeout)
                charge = pivot(c.Charge, undo=c.Refund, timeout=charge_timeout)
                confirm = retriable(c.Confirm)
        else:

            class Checkout(Saga, start=c.Placed, deadline=minutes(15), undone=c.Cancelled, of=orders, version=version):  # type: ignore[no-redef]
                reserve = step(c.Reserve, undo=c.Release, timeout=reserve_timeout)
                charge = pivot(c.Charge, undo=c.Refund, timeout=charge_timeout)

        handlers(self, orders, stock, bank, c)
        self.Place, self.c = c.Place, c
        self.app = App(orders, stock, bank, settings=Settings(data=data, time_scale=time_scale), machine=machine_here())

    async def fetch(self, service: str, sql: str) -> list[tuple[Any, ...]]:
        async with self.app.store(service).reading() as session:
            return [tuple(row.values()) for row in await session.fetch(sql, {})]

    async def saga_status(self, key: str) -> str:
        """The state of a saga, also of one whose state cannot be read; empty = there is none."""
        rows = await self.fetch("orders", "SELECT saga_id, status FROM saga")
        return str(dict(rows).get(key, ""))

    async def saga(self, key: str = "o1") -> Any:
        async def found() -> Any:
            async with self.app.store("orders").reading() as session:
                return (await session.sagas.load("Checkout", [key])).get(key)

        return await until(found)


@virtually
async def test_a_payment_that_comes_after_its_timeout_is_refunded_exactly_once(tmp_path: Path) -> None:
    """The bank was away: it does the charge late, then the refund, and the stock is free."""
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders", "stock"]):
        await shop.app.send(shop.Place(id="o1"))

        async def gave_up() -> bool:
            return (await shop.saga()).step == "charge" and (await shop.saga()).status == "compensating"

        await until(gave_up)
    async with shop.app.running():
        await shop.app.settled()
        assert await shop.fetch("bank", "SELECT sum(cents), count(*) FROM move") == [(0, 2)]
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(0,)]
        assert (await shop.saga()).status == "undone"


@virtually
async def test_stock_that_is_reserved_after_its_timeout_is_released(tmp_path: Path) -> None:
    """A late StockReserved leaks nothing: four of four programs written for comparison did."""
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders", "bank"]):
        await shop.app.send(shop.Place(id="o1"))

        async def gave_up() -> bool:
            return (await shop.saga()).status == "compensating"

        await until(gave_up)
    async with shop.app.running():
        await shop.app.settled()
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(0,)]
        assert await shop.fetch("bank", "SELECT count(*) FROM move") == [(0,)]
        assert (await shop.saga()).status == "undone"


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "long before"])
@virtually
async def test_an_undo_that_comes_first_makes_its_command_refused(tmp_path: Path, apart: bool) -> None:
    """A test puts the commands on the log in the wrong order; the undo is remembered when the command comes."""
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders"], roles=("consumers", "timers")):
        await shop.app.send(shop.Place(id="o1"))

        async def both_sent() -> bool:
            return "sr.stock.v1.Release" in {r[0] for r in await shop.fetch("orders", "SELECT type FROM outbox")}

        await until(both_sent)
        async with shop.app.store("orders").reading() as session:
            rows = [row for _, row in await session.outbox.unsent(range(4), 100)]
        commands = [r for r in rows if r.topic == "sr.stock.commands"]
        assert len(commands) >= 2
        late, undo = (Outgoing(r.topic, r.key, r.headers, r.payload, r.id) for r in commands[:2])
        await shop.app.bus.append([undo] if apart else [undo, late])
    if apart:
        async with shop.app.running(services=["stock"], roles=("consumers",)) as system:
            await until(lambda: _has_marks(shop, 1))
            await system.bus.append([late])
    async with shop.app.running(services=["stock"], roles=("consumers",)):
        await until(lambda: _has_marks(shop, 2))
        assert await shop.fetch("stock", "SELECT outcome FROM inbox ORDER BY seq") == [("handled",), ("tombstone",)]
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(0,)]


async def _has_marks(shop: Shop, count: int) -> bool:
    return (await shop.fetch("stock", "SELECT count(*) FROM inbox"))[0][0] >= count


@virtually
async def test_an_undo_does_not_wait_behind_its_own_command_in_the_tiers(tmp_path: Path) -> None:
    """The charge fails and waits in a retry topic; meanwhile its saga times out, and is undone long before the last
    delay."""
    shop = Shop(tmp_path, charge_timeout=200.0)  # 2 s, of which the charge is tried for some milliseconds

    def trouble(what: str) -> None:
        if what == "charge":
            raise ValueError("the card machine is broken")

    shop.trouble = trouble
    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))

        async def undone() -> bool:
            return await shop.saga_status("o1") == "undone"

        await until(undone)
        assert await shop.fetch("bank", "SELECT cents FROM move") == []


@virtually
async def test_ten_failures_of_an_undo_in_a_row_and_it_still_lands(tmp_path: Path) -> None:
    """Through dead letters and resends: a compensation cannot get lost."""
    shop = Shop(tmp_path)
    left = {"release": 10}

    def trouble(what: str) -> None:
        if what == "charge":
            raise OSError("the bank is closed")
        if left.get(what, 0):
            left[what] -= 1
            raise OSError("the warehouse is locked")

    shop.trouble = trouble
    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))

        async def ended() -> bool:
            return (await shop.saga()).status == "undone"

        await until(ended, 60)
        assert left == {"release": 0}
        assert await shop.fetch("stock", "SELECT count(*) FROM held") == [(0,)]


@virtually
async def test_a_command_after_the_pivot_is_done_in_the_end_and_once(tmp_path: Path) -> None:
    """It failed and became a dead letter; the saga sends the same id again, and that counts as another try."""
    shop = Shop(tmp_path)
    left = [9]

    def trouble(what: str) -> None:
        if what == "confirm" and left[0]:
            left[0] -= 1
            raise OSError("not now")

    shop.trouble = trouble
    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))

        async def ended() -> bool:
            return (await shop.saga()).status == "completed"

        await until(ended)
        confirmed = "SELECT count(*) FROM outbox WHERE type LIKE '%.Confirmed'"
        assert await shop.fetch("orders", confirmed) == [(1,)]


@virtually
async def test_a_second_start_of_a_finished_saga_starts_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))
        await shop.app.settled()
        before = await shop.saga()
        await shop.app.send(shop.Place(id="o1"))
        await shop.app.settled()
        assert await shop.saga() == before


@virtually
async def test_a_changed_definition_is_refused_while_instances_are_in_flight(tmp_path: Path) -> None:
    """An instance must finish under the definition that it started with."""
    shop = Shop(tmp_path)
    async with shop.app.running(services=["orders"]):
        await shop.app.send(shop.Place(id="o1"))
        await until(lambda: _exists(shop))
    changed = Shop(tmp_path, retriable_end=False)
    with pytest.raises(StoreMismatch, match=r"version 1 are in flight(.|\n)*version=2"):
        async with changed.app.running(services=["orders"]):
            pass
    times = Shop(tmp_path, charge_timeout=50.0)
    async with times.app.running():
        await times.app.settled()


async def _exists(shop: Shop) -> bool:
    return bool(await shop.fetch("orders", "SELECT saga_id FROM saga"))


@virtually
async def test_a_step_of_its_own_service_that_is_sent_again_has_its_effect_once(tmp_path: Path) -> None:
    """Confirm is handled at once, in the transaction that sends it. A handler that calls outside and fails delays its
    answer, so the saga's timer sends Confirm again, under its id, by the bus."""
    shop = Shop(tmp_path)
    calls: list[str] = []
    shop.trouble = calls.append
    outside_works = False

    @shop.app.catalog.service("orders").on(concurrency=2)
    async def tell(event: shop.c.Confirmed) -> None:  # type: ignore[name-defined]
        if not outside_works:
            raise ConnectionError("down")

    async with shop.app.running():
        await shop.app.send(shop.Place(id="o1"))

        async def sent_again() -> bool:
            (sent,) = await shop.fetch("orders", "SELECT count(*) FROM outbox WHERE type = 'sr.order.v1.Confirm'")
            return bool(sent[0] > 1)

        await until(sent_again, 20)
        await asyncio.sleep(0.5)
        outside_works = True
        await until(lambda: is_over(shop), 30)
    assert calls.count("confirm") == 1


async def is_over(shop: Shop) -> bool:
    return bool((await shop.saga()).status == "completed")
