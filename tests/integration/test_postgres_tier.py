"""The shop, unchanged, with its services' databases on a real PostgreSQL and the embedded log."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.servers import postgres_url

from partita import Settings
from partita.app import open_stores
from partita.errors import NotFound
from partita.examples.shop.app import app as shop
from partita.examples.shop.children import witnesses
from partita.examples.shop.messages import PlaceOrder
from partita.examples.shop.sample import sample_lines
from partita.examples.shop.services import OrderId, OrderLine
from partita.observability.journey import journey

pytestmark = [pytest.mark.processes]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of its own."""
    with postgres_url() as found:
        yield found


async def test_the_shop_runs_on_postgresql(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Confirmed and compensated orders, stock and journeys as on SQLite."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path, store=url))
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


async def fetch(app: Any, service: str, sql: str) -> list[dict[str, Any]]:
    async with app.store(service).reading() as session:
        return [dict(row) for row in await session.fetch(sql, {})]


def test_an_import_ends_with_the_totals_of_the_embedded_tier(url: str, tmp_path: Path) -> None:
    """The same file, the same result; the second time as well."""
    path = tmp_path / "orders.csv"
    path.write_text("".join(sample_lines(60, 3)), newline="")

    async def emptied() -> None:
        import asyncpg

        connection = await asyncpg.connect(url)
        for service in shop.services:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{service.name}" CASCADE')
        await connection.close()

    asyncio.run(emptied())
    results = [imported(path, tmp_path / "embedded", ""), *(imported(path, tmp_path / "pg", url) for _ in range(2))]
    assert results[0]["orders"] > 40 and results[0] == results[1] == results[2]


def imported(path: Path, data: Path, store: str) -> dict[str, Any]:
    """Run the import in a process of its own."""
    words = ["shop", "import", str(path), "--data", str(data), "-o", "json"]
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]
    done = subprocess.run(
        command, env={**os.environ, "PARTITA_STORE": store}, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result
