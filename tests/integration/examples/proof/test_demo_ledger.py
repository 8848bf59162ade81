"""The demo's ledger finds each violation: one world for each clause of each invariant."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.planted.facts import FACTS

from partita import Rejection, Settings
from partita.examples.proof.bugs import DemoApp
from partita.examples.proof.facts import reading
from partita.examples.proof.ground import prepare
from partita.examples.proof.ledger import Invariant, examine, moved_at_the_provider
from partita.examples.proof.orders import Accepted, order, returned
from partita.examples.shop.app import app as shop
from partita.examples.shop.children import witnesses
from partita.examples.shop.witness import Faults

pytestmark = [pytest.mark.slow]
SEED, ORDERS, SCALE = 7, 80, 0.05


async def sell(data: Path) -> None:
    """Eighty orders and some returns, with all faults that need no second process."""
    app = DemoApp(*shop.services, settings=Settings(data=data, time_scale=SCALE))
    async with app.running():
        for number in range(ORDERS):
            await app.send(order(SEED, number), idempotency_key=f"demo/{number}")
        await app.settled(60, dead_letters=True)
        brought = [(n, command) for n in range(ORDERS) if (command := returned(SEED, n)) is not None]
        for number, back in brought:
            try:
                await app.send(back, idempotency_key=f"demo/back/{number}")
                Accepted(data, returns=True).add([number])
            except Rejection:
                continue
        await app.settled(60, dead_letters=True)
    Accepted(data).add(list(range(ORDERS)))


def judged(data: Path) -> tuple[dict[str, Invariant], dict[str, int]]:
    """The ledger's findings about a folder."""
    ground = prepare(shop, Settings(data=data), fresh=False)
    try:
        with reading(shop, data, SEED, ground.databases, ground.log) as facts:
            return {each.id: each for each in examine(facts, SCALE)}, moved_at_the_provider(facts)
    finally:
        ground.close()


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A shop that did everything right, and names in it."""
    data = tmp_path_factory.mktemp("shop") / "data"
    ground = prepare(shop, Settings(data=data), fresh=False)
    ground.append_poison(shop)
    ground.close()
    before = os.environ.get("PARTITA_DATA")
    os.environ["PARTITA_DATA"] = str(data)
    with witnesses(data, decline=0.1, seed=SEED, faults=Faults(loses=1 / 40, slow_s=3.5)):
        asyncio.run(sell(data))
    os.environ.pop("PARTITA_DATA")
    if before is not None:
        os.environ["PARTITA_DATA"] = before
    yield data, names(data)


def names(data: Path) -> dict[str, Any]:
    """One of each kind of order and return."""
    with sqlite3.connect(data / "order-service.db") as db, sqlite3.connect(data / "psp.db") as psp:
        back, back_order = db.execute(
            "SELECT return_id, order_id FROM item_return WHERE status = 'COMPLETED' ORDER BY 1 LIMIT 1"
        ).fetchone()
        confirmed = db.execute(
            "SELECT order_id FROM orders WHERE status = 'CONFIRMED' "
            "AND order_id NOT IN (SELECT order_id FROM item_return) ORDER BY 1 LIMIT 1"
        ).fetchone()[0]
        refunded = psp.execute("SELECT order_id FROM effect WHERE kind = 'refund' AND cents < 0 LIMIT 1").fetchone()[0]
    sku = order(SEED, int(confirmed.rpartition("_")[2])).lines[0].sku
    return {"back": back, "back_order": back_order, "confirmed": confirmed, "refunded": refunded, "sku": sku}


def test_what_was_done_right_holds(right: tuple[Path, dict[str, Any]]) -> None:
    """Also where answers of the provider are lost and late; and each invariant had something to look at."""
    found, moved = judged(right[0])
    assert not [text for each in found.values() for text in each.violations]
    assert all(each.checks for each in found.values()), "an invariant looked at nothing"
    assert min(moved.values()) > 0, f"money that did not move proves nothing: {moved}"


@pytest.mark.parametrize("name", FACTS)
def test_what_went_wrong_is_found(right: tuple[Path, dict[str, Any]], name: str, tmp_path: Path) -> None:
    """A ledger that cannot turn red proves nothing."""
    fact, (source, named) = FACTS[name], right
    data = tmp_path / "data"
    shutil.copytree(source, data, ignore=lambda folder, found: [n for n in found if n == "wake" or n.endswith(".addr")])
    with sqlite3.connect(data / f"{fact.file}.db") as db:
        db.execute("PRAGMA ignore_check_constraints = 1")
        changed = db.execute(fact.sql, named).rowcount
    db.close()
    assert changed >= 1, "the statement found nothing to spoil: has a table changed?"
    found, _ = judged(data)
    said = [text for text in found[fact.invariant].violations if re.search(fact.says, text)]
    assert said, f"{fact.meaning}: {fact.invariant} says {found[fact.invariant].violations[:3]}"


def test_each_invariant_has_its_facts() -> None:
    """A new invariant needs a world in which it does not hold."""
    assert {fact.invariant for fact in FACTS.values()} == {f"I{n}" for n in range(1, 14)} - {"I11"}
