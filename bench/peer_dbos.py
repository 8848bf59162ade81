"""The peer's side: the same checkout on DBOS with its SQLite system database, steps that write to the user's database."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dbos import DBOS

TABLES = """
CREATE TABLE orders (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL, status TEXT NOT NULL);
CREATE TABLE reservation (order_id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE payment (order_id TEXT PRIMARY KEY, cents BIGINT NOT NULL);
"""
folder = Path(tempfile.mkdtemp(prefix="partita-bench-dbos-"))
local = threading.local()


def database() -> sqlite3.Connection:
    held = getattr(local, "db", None)
    if held is None:
        held = local.db = sqlite3.connect(folder / "shop.db", isolation_level=None, timeout=60)
        held.execute("PRAGMA journal_mode=WAL")
        held.execute("PRAGMA synchronous=FULL")
    return held


def write(sql: str, *values: Any) -> None:
    database().execute(sql, values)


@DBOS.step()
def place(order: str, cents: int) -> None:
    write("INSERT INTO orders VALUES (?, ?, 'PLACED') ON CONFLICT DO NOTHING", order, cents)


@DBOS.step()
def reserve(order: str) -> None:
    write("INSERT INTO reservation VALUES (?, 'RESERVED') ON CONFLICT DO NOTHING", order)


@DBOS.step()
def charge(order: str, cents: int) -> bool:
    if cents % 10 == 0:
        return False
    write("INSERT INTO payment VALUES (?, ?) ON CONFLICT DO NOTHING", order, cents)
    return True


@DBOS.step()
def release(order: str) -> None:
    write("UPDATE reservation SET state = 'RELEASED' WHERE order_id = ?", order)


@DBOS.step()
def end(order: str, status: str) -> None:
    write("UPDATE orders SET status = ? WHERE order_id = ?", status, order)


@DBOS.workflow()
def checkout(order: str, cents: int) -> str:
    place(order, cents)
    reserve(order)
    if charge(order, cents):
        end(order, "CONFIRMED")
        return "CONFIRMED"
    release(order)
    end(order, "CANCELLED")
    return "CANCELLED"


def run(count: int, workers: int) -> float:
    """Checkouts per second at so many at once; every effect is verified."""
    with ThreadPoolExecutor(workers) as pool:
        begun = time.perf_counter()
        ends = list(pool.map(lambda n: checkout(f"w{workers}-{n}", n), range(count)))
        rate = count / (time.perf_counter() - begun)
    declined = len(range(0, count, 10))
    assert ends.count("CANCELLED") == declined and ends.count("CONFIRMED") == count - declined
    paid = database().execute("SELECT count(*) FROM payment WHERE order_id LIKE ?", (f"w{workers}-%",)).fetchone()[0]
    assert paid == count - declined
    return rate


def main() -> None:
    count = int(sys.argv[1])
    with sqlite3.connect(folder / "shop.db") as db:
        db.executescript(TABLES)
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{folder}/dbos.sqlite", "log_level": "ERROR"})
    DBOS.launch()
    best = max(run(count, workers) for workers in (1, 4, 8))
    os.write(1, f"{best:.1f}\n".encode())
    DBOS.destroy()


if __name__ == "__main__":
    main()
