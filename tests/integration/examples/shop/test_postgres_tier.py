"""The shop, unchanged, with its services' databases on a real PostgreSQL, and the embedded log, the log in the same
PostgreSQL, or a real Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import Settings
from partita.assembly.existing import open_stores
from partita.errors import NotFound
from partita.examples.shop.app import app as shop
from partita.examples.shop.children import witnesses
from partita.examples.shop.messages import PlaceOrder
from partita.examples.shop.sample import sample_lines
from partita.examples.shop.services import OrderId, OrderLine
from partita.observability.journey import journey

pytestmark = [pytest.mark.slow]


@pytest.fixture
def broker() -> Iterator[str]:
    """A Kafka as new as the databases: a group whose database is gone reads its handled messages again."""
    with kafka_cluster() as found:
        yield found.url


@pytest.fixture(params=["embedded", "postgresql", "kafka"])
def bus(request: pytest.FixtureRequest, database: str) -> str:
    """Where the messages go."""
    if request.param == "kafka":
        return str(request.getfixturevalue("broker"))
    return database if request.param == "postgresql" else ""


async def test_the_shop_runs_on_postgresql(
    database: str, bus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Confirmed and compensated orders, stock and journeys as on SQLite."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path, store=database, bus=bus))
    with pytest.raises(NotFound, match="no data of this service"):
        async with open_stores(app, tmp_path):
            pass
    with witnesses(tmp_path, decline=0.3, seed=4):
        async with app.running():
            lines = [OrderLine(sku="A", quantity=2, price_cents=250)]
            when = datetime(2026, 1, 1, tzinfo=UTC)
            for n in range(60):
                order = PlaceOrder(
                    order_id=OrderId(f"o{n}"), customer_id="c", lines=lines, country="Norway", occurred_at=when
                )
                await app.send(order, idempotency_key=f"k{n}")
                await app.send(order, idempotency_key=f"k{n}")
            await app.settled(60)
            by_status = await fetch(app, "order-service", "SELECT status, count(*) AS n FROM orders GROUP BY status")
            counts = {row["status"]: row["n"] for row in by_status}
            assert counts["CONFIRMED"] + counts["CANCELLED"] == 60 and counts["CANCELLED"] > 5
            (stock,) = await fetch(app, "inventory-service", "SELECT initial, on_hand, reserved, sold FROM stock")
            assert (stock["reserved"], stock["sold"]) == (0, 2 * counts["CONFIRMED"])
            assert stock["on_hand"] + stock["sold"] == stock["initial"]
            (revenue,) = await fetch(app, "analytics", "SELECT orders, cents FROM revenue")
            assert (revenue["orders"], revenue["cents"]) == (counts["CONFIRMED"], 500 * counts["CONFIRMED"])
    async with open_stores(app, tmp_path) as stores:
        hops = await journey(stores, "o0")
    assert {"PlaceOrder", "OrderPlaced", "ReserveStock", "StockReserved"} <= {hop.name for hop in hops}


def test_the_doctor_is_content_with_a_database_that_nothing_was_written_to(database: str, tmp_path: Path) -> None:
    """A query before the first run gets the hint that creates the database, and not an error about damage."""
    words = ["doctor", "--data", str(tmp_path), "--store", database, "-o", "json"]
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    found = {item["what"]: item for item in json.loads(done.stdout)["items"]}
    assert done.returncode == 0 and found["order-service"]["level"] == "note", done.stdout


async def test_a_service_may_have_a_database_of_its_own(database: str, tmp_path: Path) -> None:
    """Its tables are in that database and in no other, and messages go both ways."""
    import asyncpg

    own = database.rpartition("/")[0] + "/own"
    connection = await asyncpg.connect(database)
    await connection.execute("CREATE DATABASE own")
    app = shop.configured(Settings(data=tmp_path, store=database, stores={"inventory-service": own}))

    async with app.running():
        lines = [OrderLine(sku="A", quantity=1, price_cents=5)]
        when = datetime(2026, 1, 1, tzinfo=UTC)
        await app.send(
            PlaceOrder(order_id=OrderId("o1"), customer_id="c", lines=lines, country="Norway", occurred_at=when)
        )
        reserved = "SELECT reserved FROM stock WHERE reserved > 0"
        stock = await until(lambda: fetch(app, "inventory-service", reserved))
    here = await connection.fetchval("SELECT to_regnamespace('\"inventory-service\"')")
    await connection.close()
    assert stock[0]["reserved"] == 1 and here is None


async def fetch(app: Any, service: str, sql: str) -> list[dict[str, Any]]:
    async with app.store(service).reading() as session:
        return [dict(row) for row in await session.fetch(sql, {})]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The totals of an import on the tier that needs no server."""
    folder = tmp_path_factory.mktemp("embedded")
    return imported(orders_in(folder), folder / "data", "", "")


def orders_in(folder: Path) -> Path:
    """A file of orders."""
    path = folder / "orders.csv"
    path.write_text("".join(sample_lines(60, 3)), newline="")
    return path


def test_an_import_ends_with_the_totals_of_the_embedded_tier(
    database: str, bus: str, embedded: dict[str, Any], tmp_path: Path
) -> None:
    """The same file, the same result; the second time as well."""
    path = orders_in(tmp_path)
    first, again = (imported(path, tmp_path / "server", database, bus) for _ in range(2))
    assert embedded["orders"] > 40 and embedded == first == again


def imported(path: Path, data: Path, store: str, bus: str) -> dict[str, Any]:
    """Run the import in a process of its own."""
    words = ["shop", "import", str(path), "--data", str(data), "-o", "json"]
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]
    done = subprocess.run(
        command,
        env={**os.environ, "PARTITA_STORE": store, "PARTITA_BUS": bus},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
