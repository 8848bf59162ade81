"""Partita's side: checkouts per second in three processes, and the memory of one that runs everything, on any tier."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from checkout import OrderId, Place, app
from cpu import Spent
from place import HERE
from place import Place as Where

from partita import App

OTHERS = ("inventory", "payments")
WARM = 50
PROFILED = """
import atexit, cProfile, os
from partita.cli.main import main
profile = cProfile.Profile()
atexit.register(lambda: profile.dump_stats(f"{os.environ['BENCH_PROFILE']}/{os.getpid()}"))
profile.enable()
main()
"""


@contextmanager
def participants(where: Where) -> Iterator[list[subprocess.Popen[str]]]:
    """Inventory and payments in one process, the relay of the orders in another."""
    both = [word for name in OTHERS for word in ("--only", name)]
    children = [_run(where, *both), _run(where, "--only", "orders", "--roles", "relay")]
    try:
        yield children
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.communicate(timeout=20)


@contextmanager
def launched(where: Where, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """More processes of the orders."""
    children = [_run(where, "--only", "orders", "--roles", "consumers,timers") for _ in range(count)]
    try:
        yield children
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.communicate(timeout=20)


def _run(where: Where, *options: str) -> subprocess.Popen[str]:
    code = PROFILED if "BENCH_PROFILE" in os.environ else "from partita.cli.main import main; main()"
    command = [sys.executable, "-c", code, "run", "checkout:app", "--data", str(where.data), *options]
    child = subprocess.Popen(command, cwd=HERE, env=where.environment, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    line = child.stderr.readline()
    assert line.startswith("ready"), line + child.stderr.read()
    return child


async def checkouts(count: int, where: Where, spent: Spent) -> float:
    """Checkouts per second, from the first order sent to the last decided, after some to warm up."""
    mine = app.configured(where.settings)
    async with mine.running(services=["orders"], roles=("consumers", "timers")):
        await send(mine, "w", WARM)
        await decided(mine, WARM)
        begun = spent.begin()
        await send(mine, "o", count)
        await decided(mine, WARM + count)
        return count / (spent.end() - begun)


async def send(mine: App, name: str, count: int, *, cents: int | None = None) -> None:
    """Send orders, five hundred at once; one in ten has a card that is declined, unless all cost the same."""
    for first in range(0, count, 500):
        numbers = range(first, min(first + 500, count))
        orders = [Place(order_id=OrderId(f"{name}{n}"), cents=n if cents is None else cents) for n in numbers]
        await asyncio.gather(*(mine.send(order) for order in orders))


async def decided(mine: App, count: int) -> None:
    """Return when so many orders are confirmed or cancelled."""
    until, left = time.monotonic() + 300, count
    while left:
        async with mine.store("orders").reading() as session:
            rows = await session.fetch("SELECT count(*) AS n FROM orders WHERE status <> 'PLACED'", {})
        left = count - rows[0]["n"]
        assert time.monotonic() < until, f"{left} of {count} orders are not decided after 300 s"
        await asyncio.sleep(0.03)


def verify(counts: Sequence[int], where: Where) -> None:
    """Each effect exactly once: confirmed = paid = reserved, cancelled = released."""
    declined = sum(len(range(0, count, 10)) for count in counts)
    confirmed = where.number("orders", "SELECT count(*) FROM orders WHERE status = 'CONFIRMED'")
    cancelled = where.number("orders", "SELECT count(*) FROM orders WHERE status = 'CANCELLED'")
    assert (confirmed, cancelled) == (sum(counts) - declined, declined), (confirmed, cancelled)
    assert where.number("payments", "SELECT count(*) FROM payment") == confirmed
    assert where.number("inventory", "SELECT count(*) FROM reservation WHERE state = 'RESERVED'") == confirmed
    assert where.number("inventory", "SELECT count(*) FROM reservation WHERE state = 'RELEASED'") == cancelled


def throughput(count: int, where: Where) -> tuple[float, Mapping[str, float]]:
    """Checkouts per second in three processes, and the CPU time of a checkout by process, in microseconds; every
    effect is verified."""
    with participants(where) as children:
        pids = {"orders": os.getpid(), "inventory, payments": children[0].pid, "relay of orders": children[1].pid}
        spent = Spent({**pids, **where.servers})
        rate = asyncio.run(checkouts(count, where, spent))
        cpu = spent.us_each(count)
    verify([WARM, count], where)
    return rate, cpu


def memory(count: int, where: Where) -> tuple[float, float]:
    """Memory (MiB) of a process that runs everything: after a tenth of the messages, and at its highest."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import ours; ours.memory_child(int(sys.argv[2]), sys.argv[3])"
    command = [sys.executable, "-c", code, str(HERE), str(count), str(where.data)]
    done = subprocess.run(command, env=where.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    early, peak = done.stdout.split()
    return float(early), float(peak)


def memory_child(count: int, data: str) -> None:
    """The process that `memory` starts."""
    where = Where(Path(data), os.environ["PARTITA_STORE"], os.environ["PARTITA_BUS"])

    async def run() -> None:
        mine = app.configured(where.settings)
        early = 0.0
        async with mine.running():
            for first in range(0, count, 500):
                await send(mine, f"m{first}-", 500, cents=1)
                await mine.settled(120)
                if not early and first >= count // 10:
                    early = _peak()
        os.write(1, f"{early:.1f} {_peak():.1f}\n".encode())

    asyncio.run(run())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """Of values in order."""
    return values[min(len(values) - 1, int(len(values) * percent / 100))]
