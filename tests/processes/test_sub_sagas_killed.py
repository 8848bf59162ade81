"""Processes of sagas and sub-sagas are killed under load: each delivery ends as its purchase does, and nothing is done twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.integration.sagas.parcels import OrderId, ParcelId, PlaceOrder, WithdrawOrder, app
from tests.processes.test_processes import process
from tests.waiting import until

from partita import App, Settings

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
TURNS, EACH = 3, 12
ROLES = "relay,consumers,timers"
NOWHERE = "nowhere"


class Order(NamedTuple):
    """`withdrawn`: it is withdrawn as soon as a process has been killed."""

    address: str
    withdrawn: bool


class Left(NamedTuple):
    """The effects at the end, by the id of the order, which is that of its parcel too."""

    payments: dict[str, str]
    labels: set[str]
    pickups: set[str]
    called_back: Counter[str]


def drawn() -> dict[str, Order]:
    """The orders: every fourth has an address that its sub-saga cannot deliver to, every third is withdrawn."""
    count = TURNS * EACH
    return {f"o{n}": Order(NOWHERE if n % 4 == 0 else "12 Elm Road", n % 3 == 0) for n in range(count)}


async def placed(data: Path, orders: dict[str, Order]) -> None:
    """Commit these orders, each once."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["order-desk"], roles=()):
        for key, order in orders.items():
            place = PlaceOrder(order_id=OrderId(key), parcel_id=ParcelId(key), address=order.address)
            await mine.send(place, idempotency_key=key)


async def withdrawn(data: Path, orders: dict[str, Order]) -> None:
    """Withdraw the orders of these that are to be withdrawn."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["order-desk"], roles=()):
        for key in (key for key, order in orders.items() if order.withdrawn):
            await mine.send(WithdrawOrder(order_id=OrderId(key)), idempotency_key=f"no-{key}")


async def happened(data: Path, kind: str, orders: list[str]) -> None:
    """Wait until the history of each of these orders' deliveries has such an entry."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["shipping-desk"], roles=()):

        async def count() -> int:
            async with mine.store("shipping-desk").reading() as session:
                histories = [await session.sagas.history("Delivery", key) for key in orders]
            return sum(any(entry.kind == kind for entry in history) for history in histories)

        await until(count, 60, holds=lambda found: found == len(orders))


async def ended(mine: App, service: str, saga: str, orders: dict[str, Order]) -> dict[str, str]:
    """The states of a saga's instances, as soon as each has ended, and each purchase has begun."""

    async def states() -> dict[str, str]:
        async with mine.store(service).reading() as session:
            rows = await session.sagas.load(saga, list(orders))
        return {key: row.status for key, row in rows.items()}

    return await until(
        states,
        120,
        holds=lambda found: (
            (saga != "Purchase" or len(found) == len(orders)) and set(found.values()) <= {"completed", "undone"}
        ),
    )


async def effects(mine: App) -> Left:
    """The effects as they are now."""
    async with mine.store("payment-desk").reading() as session:
        payments = {row["order_id"]: row["status"] for row in await session.fetch("SELECT * FROM payment", {})}
    async with mine.store("carrier-desk").reading() as session:
        labels = {row["parcel_id"] for row in await session.fetch("SELECT parcel_id FROM label", {})}
        pickups = {row["parcel_id"] for row in await session.fetch("SELECT parcel_id FROM pickup", {})}
    async with mine.store("shipping-desk").reading() as session:
        called_back = Counter(row["parcel_id"] for row in await session.fetch("SELECT parcel_id FROM called_back", {}))
    return Left(payments, labels, pickups, called_back)


async def judged(data: Path, orders: dict[str, Order]) -> None:
    """Let one process end what is left, and compare each purchase with its delivery and the effects of both."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running():
        purchases = await ended(mine, "order-desk", "Purchase", orders)
        deliveries = await ended(mine, "shipping-desk", "Delivery", orders)
        completed = {key for key, status in purchases.items() if status == "completed"}
        # A parcel that the undo sends back is on its way when its purchase has ended.
        left = await until(lambda: effects(mine), 60, holds=lambda found: found.pickups == completed)
        async with mine.store("shipping-desk").reading() as session:
            assert (await session.pending.status()).waiting == 0, "the command of a sub-saga waits"
    for key, order in orders.items():
        delivery = deliveries.get(key, "not begun")
        if key in completed:
            assert order.address != NOWHERE and delivery == "completed", key
            assert (left.payments[key], key in left.labels, left.called_back[key]) == ("paid", True, 0), key
            continue
        assert order.address == NOWHERE or order.withdrawn, f"{key} is undone without a reason"
        assert left.payments.get(key) != "paid" and left.called_back[key] <= 1, key
        assert (key in left.labels) == (delivery == "completed"), f"{key}: its delivery is {delivery}"
        assert left.called_back[key] or delivery != "completed", f"{key} is delivered, and was not called back"
    assert completed, Counter(purchases.values())


@pytest.mark.usefixtures("tier")
def test_killing_processes_of_a_saga_with_a_sub_saga_leaves_both_done_or_undone(tmp_path: Path) -> None:
    """Of the first orders the carrier is killed: their deliveries wait for it when the undo of their step comes."""
    orders = drawn()
    data, names = tmp_path / "data", list(orders)
    for turn in range(TURNS):
        some = {key: orders[key] for key in names[turn * EACH : (turn + 1) * EACH]}
        with (
            process(data, "order-desk,payment-desk", ROLES, system="parceled") as parent,
            process(data, "shipping-desk", ROLES, system="parceled") as child,
            process(data, "carrier-desk", ROLES, system="parceled") as carrier,
        ):
            if turn == 0:
                carrier.kill()
            asyncio.run(placed(data, some))
            if turn == 0:
                asyncio.run(happened(data, "started", list(some)))
            else:
                (parent if turn % 2 else child).kill()
            asyncio.run(withdrawn(data, some))
            if turn == 0:
                asyncio.run(happened(data, "recalled", [key for key in some if orders[key].withdrawn]))
    asyncio.run(judged(data, orders))
