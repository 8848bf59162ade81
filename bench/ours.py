"""Partita's side of the benchmarks, on the embedded tier: checkouts per second, latencies, history, memory."""

from __future__ import annotations

import asyncio
import bisect
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from checkout import OrderId, Place, app

from partita import App, Settings

OTHERS = ("inventory", "payments")


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="partita-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def participants(data: Path) -> Iterator[None]:
    """Inventory and payments in one process, the relay of the orders in another."""
    both = [word for name in OTHERS for word in ("--only", name)]
    children = [_run(data, *both), _run(data, "--only", "orders", "--roles", "relay")]
    try:
        yield
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.communicate(timeout=20)


def _run(data: Path, *options: str) -> subprocess.Popen[str]:
    code = "from partita.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", "checkout:app", "--data", str(data), *options]
    child = subprocess.Popen(command, cwd=Path(__file__).parent, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    line = child.stderr.readline()
    assert line.startswith("ready"), line
    return child


async def checkouts(count: int, data: Path) -> float:
    """Checkouts per second, from the first order sent to the last decided; every effect is verified."""
    mine = app.configured(Settings(data=data))
    async with mine.running(services=["orders"], roles=("consumers", "timers")):
        begun = time.perf_counter()
        for first in range(0, count, 500):
            numbers = range(first, min(first + 500, count))
            await asyncio.gather(*(mine.send(Place(order_id=OrderId(f"o{n}"), cents=n)) for n in numbers))
        left = count
        while left:
            async with mine.store("orders").reading() as session:
                rows = await session.fetch("SELECT count(*) AS n FROM orders WHERE status <> 'PLACED'", {})
            left = count - rows[0]["n"]
            await asyncio.sleep(0.03)
        seconds = time.perf_counter() - begun
    return count / seconds


def verify(count: int, data: Path) -> None:
    """Each effect exactly once: confirmed = paid = reserved, cancelled = released."""

    def one(name: str, sql: str) -> int:
        with sqlite3.connect(data / f"{name}.db") as db:
            return int(db.execute(sql).fetchone()[0])

    confirmed = one("orders", "SELECT count(*) FROM orders WHERE status = 'CONFIRMED'")
    cancelled = one("orders", "SELECT count(*) FROM orders WHERE status = 'CANCELLED'")
    declined = len(range(0, count, 10))
    assert (confirmed, cancelled) == (count - declined, declined), (confirmed, cancelled)
    assert one("payments", "SELECT count(*) FROM payment") == confirmed
    assert one("inventory", "SELECT count(*) FROM reservation WHERE state = 'RESERVED'") == confirmed
    assert one("inventory", "SELECT count(*) FROM reservation WHERE state = 'RELEASED'") == cancelled


def throughput(count: int) -> float:
    with folder() as data, participants(data):
        rate = asyncio.run(checkouts(count, data))
        verify(count, data)
    return rate


async def _alone(samples: int, data: Path) -> list[float]:
    mine = app.configured(Settings(data=data))
    took = []
    async with mine.running():
        await asyncio.sleep(1)
        for n in range(samples):
            begun = time.perf_counter()
            order = OrderId(f"alone{n}")
            await mine.send(Place(order_id=order, cents=1))
            status = ""
            while status != "CONFIRMED":
                await asyncio.sleep(0.0005)
                async with mine.store("orders").reading() as session:
                    sql = "SELECT status FROM orders WHERE order_id = :o"
                    status = (await session.fetch(sql, {"o": order}))[0]["status"]
            took.append((time.perf_counter() - begun) * 1000)
    return sorted(took)


def alone(samples: int) -> list[float]:
    """One checkout at a time, seven hops, in milliseconds."""
    with folder() as data:
        return asyncio.run(_alone(samples, data))


async def _hop(rate: float, seconds: float, data: Path) -> list[float]:
    """Commit of a command by one service to the commit of its handling by another, in milliseconds, at a steady rate."""
    mine = app.configured(Settings(data=data))
    async with mine.running():
        commits = {name: _commits(mine, name) for name in ("orders", "inventory")}
        await asyncio.sleep(1)
        begun = time.perf_counter()
        waiting = []
        for n in range(int(rate * seconds)):
            pause = begun + n / rate - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            waiting.append(asyncio.create_task(mine.send(Place(order_id=OrderId(f"hop{n}"), cents=1))))
        await asyncio.gather(*waiting)
        await mine.settled(60)

    def committed(service: str, begun_us: int) -> float:
        """When the transaction that began then was committed: each of these writes to the outbox."""
        return commits[service][bisect.bisect_left(commits[service], begun_us / 1e6)]

    with sqlite3.connect(data / "orders.db") as db:
        sent = dict(db.execute("SELECT id, at_us FROM outbox WHERE type LIKE '%.Reserve'").fetchall())
    with sqlite3.connect(data / "inventory.db") as db:
        rows = db.execute("SELECT message_id, at_us FROM inbox").fetchall()
    took = [committed("inventory", at) - committed("orders", sent[name]) for name, at in rows if name in sent]
    assert len(took) == int(rate * seconds), len(took)
    return sorted(each * 1000 for each in took)


def _commits(mine: App, service: str) -> list[float]:
    """Filled with the time of every commit that wrote to the service's outbox."""
    store, times = mine.store(service), []
    wake_relay = store.on_outbox

    def stamped() -> None:
        times.append(time.time())
        wake_relay()

    store.on_outbox = stamped
    return times


def hop(rate: float, seconds: float) -> list[float]:
    with folder() as data:
        return asyncio.run(_hop(rate, seconds, data))


async def _rate(turn: int, count: int, data: Path) -> float:
    """Checkouts per second in one process."""
    mine = app.configured(Settings(data=data))
    async with mine.running():
        begun = time.perf_counter()
        for first in range(0, count, 500):
            ids = range(first, min(first + 500, count))
            await asyncio.gather(*(mine.send(Place(order_id=OrderId(f"h{turn}-{n}"), cents=1)) for n in ids))
        await mine.settled(120)
        return count / (time.perf_counter() - begun)


def _age(path: Path, rows: int) -> None:
    """Put `rows` old messages in the inbox, the outbox and the sequences."""
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=WAL")
        now = int(time.time() * 1e6)
        db.execute(
            f"{numbers} INSERT INTO inbox (consumer, message_id, type, key, correlation_id, payload_hash, at_us, outcome) "
            f"SELECT 'old', printf('01900000-%012x', i), 't', 'k' || i, 'c' || i, 'h', {now}, 'handled' FROM n"
        )
        db.execute(
            f"{numbers} INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, headers, correlation_id, slot, "
            f"at_us) SELECT printf('01900000-%012x', i), 't', 'k' || i, 't', zeroblob(60), zeroblob(300), "
            f"printf('01900000-%012x', i), 0, {now} FROM n"
        )
        for table, extra in (("sequence_out", ""), ("sequence_in", "'old', 's', ")):
            columns = "topic, key, last" if not extra else "consumer, source, topic, key, last"
            db.execute(f"{numbers} INSERT INTO {table} ({columns}) SELECT {extra}'t', 'k' || i, 1 FROM n")
    # Filling is not what is measured: its WAL is written back before.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def history(rows: int, count: int, runs: int) -> float:
    """How much longer the same work takes with so many old messages in every ledger: the median of runs in turn."""
    with folder() as young, folder() as old:
        for data in (young, old):
            asyncio.run(_rate(0, 100, data))  # makes the tables
        for name in ("orders", *OTHERS):
            _age(old / f"{name}.db", rows)
        turns = range(1, runs + 1)
        return median([asyncio.run(_rate(n, count, young)) / asyncio.run(_rate(n, count, old)) for n in turns])


def memory(count: int) -> tuple[float, float]:
    """Memory (MiB) of a process that runs everything: after a tenth of the messages, and at its highest."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import ours; ours.memory_child(int(sys.argv[2]))"
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here, str(count)], capture_output=True, text=True, check=True)
    early, peak = done.stdout.split()
    return float(early), float(peak)


def memory_child(count: int) -> None:
    async def run(data: Path) -> None:
        mine = app.configured(Settings(data=data))
        early = 0.0
        async with mine.running():
            for first in range(0, count, 500):
                await asyncio.gather(
                    *(mine.send(Place(order_id=OrderId(f"m{n}"), cents=1)) for n in range(first, first + 500))
                )
                await mine.settled(120)
                if not early and first >= count // 10:
                    early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        os.write(1, f"{early:.1f} {peak:.1f}\n".encode())

    with folder() as data:
        asyncio.run(run(data))


def median(values: list[float]) -> float:
    return statistics.median(values)
