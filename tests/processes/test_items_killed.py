"""Processes of a saga with lists are killed under load: of every item the effect exists or is taken back, and it is made once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.processes.itemized import Line, Place, app
from tests.processes.test_processes import process
from tests.waiting import until

from partita import App, Settings

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
TURNS, EACH = 5, 12
ROLES = "relay,consumers,timers"
Sizes = dict[str, tuple[list[bool], int]]


def drawn() -> Sizes:
    """The orders: for each line whether there is stock of it, and the number of parcels. Every third order is refused."""
    found: Sizes = {}
    for number in range(TURNS * EACH):
        has = [True] * (number % 6)
        if number % 3 == 0 and has:
            has[number % len(has)] = False
        found[f"o{number}"] = (has, number % 4)
    return found


async def placed(data: Path, orders: Sizes) -> None:
    """Commit these orders, each once."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running(services=["orders"], roles=()):
        for key, (has, parcels) in orders.items():
            lines = [Line(number, there) for number, there in enumerate(has)]
            await mine.send(Place(id=key, lines=lines, parcels=list(range(parcels))), idempotency_key=key)


async def ended(mine: App, orders: Sizes) -> dict[str, str]:
    """The states of all sagas, as soon as each has ended."""

    async def states() -> dict[str, str]:
        async with mine.store("orders").reading() as session:
            rows = await session.sagas.load("Checkout", list(orders))
        return {key: row.status for key, row in rows.items()}

    return await until(
        states,
        120,
        holds=lambda found: len(found) == len(orders) and set(found.values()) <= {"completed", "undone"},
    )


async def judged(data: Path, orders: Sizes) -> None:
    """Let one process end what is left, and compare the effects with the ends."""
    mine = app.configured(Settings.from_environment(data=data))
    async with mine.running():
        states = await ended(mine, orders)
        async with mine.store("stock").reading() as session:
            rows = await session.fetch("SELECT id, number, delta FROM held", {})
            paid = Counter(row["id"] for row in await session.fetch("SELECT id FROM paid", {}))
            parcels = Counter(row["id"] for row in await session.fetch("SELECT id FROM parcel", {}))
    done = Counter((row["id"], row["number"]) for row in rows if row["delta"] == 1)
    left = Counter({(row["id"], row["number"]): 0 for row in rows})
    for row in rows:
        left[row["id"], row["number"]] += row["delta"]
    assert max(done.values()) == 1, "an item was held twice"
    for key, (has, count) in orders.items():
        items = [left[key, number] for number in range(len(has))]
        if states[key] == "completed":
            assert all(has) and items == [1] * len(has) and (paid[key], parcels[key]) == (1, count), key
        else:
            assert not any(items) and (paid[key], parcels[key]) == (0, 0), key
    assert {key for key, (has, _) in orders.items() if not all(has)} <= {k for k, v in states.items() if v == "undone"}
    assert "completed" in states.values()


@pytest.mark.usefixtures("tier")
def test_killing_processes_of_a_saga_with_lists_leaves_each_item_done_or_undone(tmp_path: Path) -> None:
    orders = drawn()
    data, names = tmp_path / "data", list(orders)
    for turn in range(TURNS):
        some = {key: orders[key] for key in names[turn * EACH : (turn + 1) * EACH]}
        with (
            process(data, "orders", ROLES, system="itemized") as saga,
            process(data, "stock", ROLES, system="itemized") as participant,
        ):
            asyncio.run(placed(data, some))
            (saga if turn % 2 else participant).kill()
    asyncio.run(judged(data, orders))
