"""The shop for real: its witnesses as processes, its services on the embedded tier, its API, its imports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.waiting import until

from partita import Settings
from partita.examples.shop.api import make_api
from partita.examples.shop.app import app as shop
from partita.examples.shop.children import witnesses
from partita.examples.shop.importing import CHUNK, UNDECIDED_MAX, import_file
from partita.examples.shop.messages import PlaceOrder, RequestReturn, ReturnRefused
from partita.examples.shop.sample import sample_lines
from partita.examples.shop.services import OrderId, OrderLine, ReturnId
from partita.examples.shop.witness import Faults, PaymentProvider, payment_provider

pytestmark = [pytest.mark.slow]
REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "online_retail_sample.csv"
ORDER = {"customer_id": "c1", "country": "Norway", "lines": [{"sku": "A", "quantity": 2, "price_cents": 250}]}


def partita(*words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An order file with the errors of real ones."""
    path = tmp_path_factory.mktemp("sample") / "orders.csv"
    path.write_text("".join(sample_lines(150, 3)), newline="")
    return path


def imported(path: Path, data: Path, *options: str) -> dict[str, Any]:
    done = partita("shop", "import", str(path), "--data", str(data), "-o", "json", *options)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_an_import_places_each_invoice_once_and_a_second_changes_nothing(sample: Path, tmp_path: Path) -> None:
    first = imported(sample, tmp_path / "data")
    assert first["kind"] == "ImportResult" and first["invoices"] == 150
    assert first["orders"] == first["confirmed"] > 100 and first["cancelled"] == 0
    assert imported(sample, tmp_path / "data") == first
    rejects = sample.with_name("orders.csv.rejects.csv").read_text().splitlines()
    assert len(rejects) == first["rejected_lines"] + 1
    assert first["lines"] == first["placed_lines"] + first["rejected_lines"] == len(sample.read_text().splitlines()) - 1
    journey = json.loads(partita("journey", "536365", "--data", str(tmp_path / "data"), "-o", "json").stdout)
    names = [m["type"].rpartition(".")[2] for m in journey["messages"]]
    assert names[:3] == ["PlaceOrder", "OrderPlaced", "ReserveStock"] and names[-2:] == [
        "OrderConfirmed",
        "CustomerNotified",
    ]
    known = {m["id"] for m in journey["messages"]}
    assert [m["causation_id"] in known for m in journey["messages"]] == [False] + [True] * (len(known) - 1)
    assert {m["correlation_id"] for m in journey["messages"]} == {journey["messages"][0]["id"]}


async def test_an_import_places_no_faster_than_orders_are_decided(tmp_path: Path, monkeypatch: Any) -> None:
    """Otherwise those at the end of a long queue would time out, and more of them on a slower machine."""
    path = tmp_path / "orders.csv"
    path.write_text("".join(sample_lines(1_200, 3)), newline="")
    charged, ahead = 0, 0

    class SlowProvider(PaymentProvider):
        """Takes its time for each charge."""

        def charge(self, key: str, order_id: str, cents: int) -> str | None:
            nonlocal charged, ahead
            charged += 1
            if charged % 50 == 0:
                with sqlite3.connect(f"file:{tmp_path / 'data' / 'order-service.db'}?mode=ro", uri=True) as db:
                    ahead = max(ahead, db.execute("SELECT count(*) FROM orders").fetchone()[0] - charged)
            time.sleep(0.01)
            return PaymentProvider.charge(self, key, order_id, cents)

    monkeypatch.setenv("PARTITA_DATA", str(tmp_path / "data"))
    app = shop.configured(Settings(data=tmp_path / "data"))
    app.replace(payment_provider, lambda: SlowProvider(payment_provider().client))
    result = await import_file(app, path, dates="auto", encoding="utf-8-sig", stock=1_000_000)
    assert result.orders == result.confirmed > 900 and result.cancelled == 0
    assert 0 < ahead <= UNDECIDED_MAX + CHUNK


def test_returns_keep_money_and_stock_right(sample: Path, tmp_path: Path) -> None:
    """The provider holds the sales less the refunds; the sales are the orders less the returns."""
    result = imported(sample, tmp_path / "data")
    assert result["returns"] >= 3 and result["refunded_cents"] > 0

    def ask(name: str, sql: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(tmp_path / "data" / f"{name}.db") as db:
            return db.execute(sql).fetchall()

    ((held,),) = ask("psp", "SELECT sum(cents) FROM effect WHERE answer = 'ok'")
    assert held == result["total_cents"] - result["refunded_cents"]
    back = dict(
        ask("order-service", "SELECT sku, sum(quantity) FROM item_return WHERE status = 'COMPLETED' GROUP BY 1")
    )
    assert sum(back.values()) > 0
    ordered = dict(
        ask("inventory-service", "SELECT sku, sum(quantity) FROM reservation WHERE state = 'SOLD' GROUP BY 1")
    )
    for sku, initial, on_hand, reserved, sold in ask("inventory-service", "SELECT * FROM stock"):
        assert (on_hand + reserved + sold, reserved) == (initial, 0), sku
        assert sold == ordered.get(sku, 0) - back.get(sku, 0), sku
    mails = dict(ask("mail", "SELECT detail, count(*) FROM effect GROUP BY 1"))
    assert mails["ReturnCompleted"] == result["returns"]
    text = sample.with_name("orders.csv.rejects.csv").read_text()
    assert "credit note: no earlier order of customer" in text


async def test_a_return_that_the_warehouse_does_not_take_gives_the_items_back(tmp_path: Path, monkeypatch: Any) -> None:
    """The shop's second saga, undone: stock as before, the order holds the items again, and no customer is refunded."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path, time_scale=0.01))
    others = [service.name for service in app.services if service.name != "inventory-service"]
    with witnesses(tmp_path):
        async with app.running():
            await app.send(order_of_five())
            await app.settled()
            before = await rows_of(app, "inventory-service", "SELECT on_hand, reserved, sold FROM stock")
        async with app.running(services=others):
            await app.send(wants_back("r1", 2))
            compensating = "SELECT 1 FROM saga WHERE status = 'compensating'"
            await until(lambda: rows_of(app, "order-service", compensating))
        async with app.running():
            await app.settled()
            assert await rows_of(app, "inventory-service", "SELECT on_hand, reserved, sold FROM stock") == before
            assert await rows_of(app, "order-service", "SELECT status, reason FROM item_return") == [
                {"status": "DECLINED", "reason": "restock timed out"}
            ]
            await app.send(wants_back("r2", 5))
            await app.settled()
            statuses = await rows_of(app, "order-service", "SELECT status FROM item_return ORDER BY return_id")
            assert [row["status"] for row in statuses] == ["DECLINED", "COMPLETED"]
            with pytest.raises(ReturnRefused):
                await app.send(wants_back("r3", 1))


async def test_a_refund_that_fails_is_owed_until_it_is_made(tmp_path: Path, monkeypatch: Any) -> None:
    """The items are back and the money is not: "declined" would be wrong, and the customer would get it."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path, time_scale=0.05))
    refused = [6]

    class ClosedAccount(PaymentProvider):
        """Refuses to give money back, a few times."""

        def refund_part(self, key: str, order_id: str, cents: int) -> str | None:
            refused[0] -= 1
            if refused[0] >= 0:
                return "the account is closed"
            return PaymentProvider.refund_part(self, key, order_id, cents)

    app.replace(payment_provider, lambda: ClosedAccount(payment_provider().client))
    with witnesses(tmp_path):
        ordering = shop.configured(Settings(data=tmp_path))  # in its own time: none of its steps is late
        async with ordering.running():
            await ordering.send(order_of_five())
            await ordering.settled()
        async with app.running():
            await app.send(wants_back("r1", 2))
            seen: list[str] = []

            async def is_completed() -> bool:
                seen.extend(r["status"] for r in await rows_of(app, "order-service", "SELECT status FROM item_return"))
                return "COMPLETED" in seen

            await until(is_completed)
            assert set(seen) == {"REQUESTED", "COMPLETED"} and refused[0] < 0


def order_of_five() -> PlaceOrder:
    """An order of five of one article."""
    when = datetime(2024, 1, 1, tzinfo=UTC)
    lines = [OrderLine(sku="A", quantity=5, price_cents=100)]
    return PlaceOrder(order_id=OrderId("o1"), customer_id="c", lines=lines, country="N", occurred_at=when)


def wants_back(name: str, quantity: int) -> RequestReturn:
    """A return of some of them."""
    when = datetime(2024, 2, 1, tzinfo=UTC)
    return RequestReturn(return_id=ReturnId(name), customer_id="c", sku="A", quantity=quantity, occurred_at=when)


async def test_where_every_answer_of_the_provider_is_lost_money_moves_once(tmp_path: Path, monkeypatch: Any) -> None:
    """A charge, the refund of a charge that came too late, a part for a return: each is requested again under its
    key."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path, time_scale=0.05))
    when = datetime(2024, 1, 1, tzinfo=UTC)
    lines = [OrderLine(sku="A", quantity=5, price_cents=100)]
    with witnesses(tmp_path, faults=Faults(loses=1.0, slow_s=4.0)):
        async with app.running():
            for order_id in ("o1", "o2", "o7"):  # the provider answers o7 too late
                place = PlaceOrder(
                    order_id=OrderId(order_id), customer_id=order_id, lines=lines, country="N", occurred_at=when
                )
                await app.send(place)
            await app.settled(60)
            back = RequestReturn(
                return_id=ReturnId("r1"),
                customer_id="o1",
                sku="A",
                quantity=2,
                occurred_at=datetime(2024, 2, 1, tzinfo=UTC),
            )
            await app.send(back)
            await app.settled(60)
    with sqlite3.connect(tmp_path / "psp.db") as db:
        moved = db.execute("SELECT order_id, kind, cents FROM effect ORDER BY order_id, kind").fetchall()
        calls = db.execute("SELECT min(n) FROM (SELECT count(*) AS n FROM call GROUP BY key)").fetchone()
    with sqlite3.connect(tmp_path / "mail.db") as db:
        mails = db.execute("SELECT order_id, detail FROM effect ORDER BY 1, 2").fetchall()
    assert moved == [("o1", "charge", 500), ("o1", "part", -200), ("o2", "charge", 500), *TOO_LATE]
    assert calls[0] >= 3, "no answer was lost"
    assert mails == [
        ("o1", "OrderConfirmed"),
        ("o1", "ReturnCompleted"),
        ("o2", "OrderConfirmed"),
        ("o7", "OrderCancelled"),
    ]


TOO_LATE = [("o7", "charge", 500), ("o7", "refund", -500)]


async def rows_of(app: Any, service: str, sql: str) -> list[dict[str, Any]]:
    async with app.store(service).reading() as session:
        return [dict(row) for row in await session.fetch(sql, {})]


@pytest.mark.skipif(not REAL.exists(), reason=f"the real file is not here: put it at {REAL}")
def test_the_real_file_has_the_total_of_its_lines(tmp_path: Path) -> None:
    """Computed separately: every line with a positive quantity and price that is not a credit note."""
    path = tmp_path / "real.csv"
    path.write_bytes(REAL.read_bytes())
    # Each of its dates is 01-12-10: only its author knows which number is the day.
    result = imported(path, tmp_path / "data", "--dates", "day-first")
    assert result["total_cents"] == 3_529_058 and result["confirmed"] == result["orders"] == 84
    assert (result["invoices"], result["credit_notes"]) == (90, 5)
    # Of its thirteen lines that are not order lines one matches an earlier order of its customer.
    assert (result["returns"], result["rejected_lines"]) == (1, 12)


def test_an_import_killed_at_ten_moments_ends_with_the_totals_of_an_undisturbed_one(
    sample: Path, tmp_path: Path
) -> None:
    undisturbed = imported(sample, tmp_path / "calm")
    data = tmp_path / "stormy"
    for turn in range(10):
        command = [sys.executable, "-c", "from partita.cli.main import main; main()"]
        child = subprocess.Popen(
            [*command, "shop", "import", str(sample), "--data", str(data), "-o", "json"], stdout=subprocess.DEVNULL
        )
        time.sleep(0.3 + 0.12 * turn)
        child.kill()
        child.wait()
    assert imported(sample, data) == undisturbed


HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
DIRTY = [
    "1,A,x,2,13-12-10 8:00,1,7,N",
    '1,A,"x,2,13-12-10 8:00,1,7,N',
    "1,A,x,2,13-12-10 8:00,1,7,N",
    "2,B,x,1,13-12-10 8:01,1_0,7,N",
    "2,B,x,3,13-12-10 8:01,1,7,N",
    "1,A,x,2,13-12-10 8:00,1,7,N",
    "",
    "3,B,x,1000000,13-12-10 8:02,10000000,7,N",
    "C4,A,x,-1,14-12-10 8:00,1,7,N",
    "C4,A,x,-9,14-12-10 8:00,1,7,N",
    "2,B,x,3,13-12-10 8:01,1,7,N",
    "C4,A,x,-1,14-12-10 8:00,1,7,N",
]


def test_each_line_of_a_dirty_file_is_placed_or_rejected_however_often_it_is_imported(tmp_path: Path) -> None:
    """Lines that vanish are money that no one misses."""
    path, data = tmp_path / "dirty.csv", tmp_path / "data"
    path.write_text("\n".join([HEAD, *DIRTY]))
    printed = partita("shop", "import", str(path), "--data", str(data)).stdout
    assert "11 lines read = 4 placed + 7 rejected (dates day-first, utf-8)" in printed
    first = imported(path, data)
    assert (first["lines"], first["placed_lines"], first["rejected_lines"]) == (11, 4, 7)
    assert (first["invoices"], first["orders"], first["confirmed"], first["returns"]) == (4, 2, 2, 1)
    assert (first["total_cents"], first["refunded_cents"]) == (700, 100)
    rejects = {line.partition(",")[0] for line in (tmp_path / "dirty.csv.rejects.csv").read_text().splitlines()[1:]}
    assert rejects == {"3", "5", "7", "9", "11", "12", "13"}


def test_what_another_file_placed_under_a_number_is_not_counted_as_this_files(tmp_path: Path) -> None:
    """The same number with the same lines is the same order; with other lines it is rejected, and not counted."""
    one, two, data = tmp_path / "one.csv", tmp_path / "two.csv", tmp_path / "data"
    one.write_text("\n".join([HEAD, "1,A,x,2,13-12-10 8:00,1,7,N", "2,A,x,1,13-12-10 8:00,1,7,N"]))
    two.write_text("\n".join([HEAD, "1,A,x,5,13-12-10 8:00,1,7,N", "2,A,x,1,13-12-10 8:00,1,7,N"]))
    imported(one, data)
    second = imported(two, data)
    assert (second["placed_lines"], second["rejected_lines"], second["orders"]) == (1, 1, 1)
    assert (second["confirmed"], second["total_cents"]) == (1, 100)


def test_a_file_whose_dates_fit_both_orders_is_refused_with_the_options_to_choose_from(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEAD, "1,A,x,2,12/01/2010 8:00,1,7,N"]))
    said = partita("shop", "import", str(path), "--data", str(tmp_path / "data"), expect=2).stderr
    assert "--dates day-first, or --dates month-first" in said and not (tmp_path / "data").exists()


def test_too_little_stock_cancels_the_order(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("".join(list(sample_lines(40, 5))), newline="")
    done = partita("shop", "import", str(path), "--data", str(tmp_path / "d"), "--stock", "10", "-o", "json")
    result = json.loads(done.stdout)
    assert result["cancelled"] > 0 and result["confirmed"] + result["cancelled"] == result["orders"]


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    """The shop's API with everything behind it running."""
    monkeypatch.setenv("PARTITA_DATA", str(tmp_path))
    app = shop.configured(Settings(data=tmp_path))
    with witnesses(tmp_path):
        async with app.running():
            transport = httpx.ASGITransport(make_api(app))
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                yield client
            await app.settled()


async def test_an_order_is_placed_once_per_idempotency_key(api: httpx.AsyncClient) -> None:
    first = await api.post("/orders", json=ORDER, headers={"Idempotency-Key": "k1"})
    again = await api.post("/orders", json=ORDER, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["order_id"] == again.json()["order_id"]

    async def order() -> dict[str, Any]:
        return dict((await api.get(f"/orders/{first.json()['order_id']}")).json())

    found = await until(order, holds=lambda found: found["status"] == "CONFIRMED")
    assert found["total_cents"] == 500


async def test_concurrent_requests_with_one_key_place_one_order(api: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(
        *(api.post("/orders", json=ORDER, headers={"Idempotency-Key": "same"}) for _ in range(8))
    )
    assert len({a.json()["order_id"] for a in answers if a.status_code == 201}) == 1
    assert {a.status_code for a in answers} <= {201, 409}


async def test_a_dispute_that_the_payment_provider_sends_is_seen_at_its_order(api: httpx.AsyncClient) -> None:
    """Once, however often its webhook comes."""
    placed = (await api.post("/orders", json=ORDER, headers={"Idempotency-Key": "k1"})).json()
    data = {"orderId": placed["order_id"], "disputeId": "d1", "reason": "not received"}
    of_psp = {"specversion": "1.0", "id": "1", "source": "urn:psp", "type": "com.psp.charge.disputed"}
    headers = {"content-type": "application/cloudevents+json"}
    for again in (0, 1):
        answer = await api.post("/hooks/events", json={**of_psp, "data": data}, headers=headers)
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1 - again, "repeated": again})

    async def troubles() -> Any:
        return (await api.get(f"/orders/{placed['order_id']}")).json()["troubles"]

    assert await until(troubles) == [{"who": "payment provider", "what": "PaymentDisputed", "cause": "not received"}]
    assert (await api.post("/hooks/events", json={**of_psp, "type": "other"}, headers=headers)).status_code == 422


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": ORDER}, 422),
        ({"json": {**ORDER, "colour": "red"}, "headers": {"Idempotency-Key": "k"}}, 422),
        ({"json": {**ORDER, "lines": []}, "headers": {"Idempotency-Key": "k"}}, 422),
        ({"json": {**ORDER, "customer_id": 7}, "headers": {"Idempotency-Key": "k"}}, 422),
        ({"content": b"{", "headers": {"Idempotency-Key": "k", "Content-Type": "application/json"}}, 422),
        ({"content": b"x" * 10_000_000, "headers": {"Idempotency-Key": "k"}}, 413),
    ],
    ids=["no key", "unknown field", "no lines", "wrong type", "no JSON", "ten megabytes"],
)
async def test_bad_requests_get_a_problem_that_says_what(api: httpx.AsyncClient, request_: Any, status: int) -> None:
    answer = await api.post("/orders", **request_)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"]


async def test_other_answers(api: httpx.AsyncClient) -> None:
    await api.post("/orders", json=ORDER, headers={"Idempotency-Key": "k"})
    other = await api.post("/orders", json={**ORDER, "country": "France"}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409
    assert (await api.get("/orders/nothing")).status_code == 404
    page = await api.get("/docs")
    assert page.status_code == 200 and "POST /orders" in page.text and "://" not in page.text
    assert (await api.get("/readyz")).json()["status"] == "ok"


def test_serving_on_a_taken_port_names_a_free_one(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = partita("shop", "serve", "--port", port, "--data", str(tmp_path), expect=2)
    assert "A free one is --port" in done.stderr
    done = partita("shop", "serve", "--host", "0.0.0.0", "--data", str(tmp_path), expect=2)
    assert "no authentication" in done.stderr


def test_a_service_drains_on_sigterm_and_exits_0(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "--data", str(tmp_path)]
    child = subprocess.Popen([*command, "--only", "analytics"], stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None and child.stderr.readline().startswith("ready: analytics")
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(timeout=20) == 0
    child.stderr.close()
