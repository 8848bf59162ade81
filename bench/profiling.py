"""The dominant costs: `python bench/profiling.py postgres|kafka` runs the checkout once under profilers and shows, for
each process, the shares of its time, and for PostgreSQL the costs of each statement. Profiled, all is slower: only shares
count."""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import psycopg
from cpu import Spent
from ours import WARM, checkouts, participants, verify
from place import Place, stage

STATEMENTS = """
SELECT total_exec_time / sum(total_exec_time) OVER () AS share, calls, total_exec_time * 1000 / calls AS us,
       rows::float / calls AS rows, s.query
FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid WHERE d.datname = current_database()
ORDER BY total_exec_time DESC
"""


def profile(where: Place, count: int, lines: int) -> None:
    """One run, with a profile of each process and of the server's statements."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BENCH_PROFILE"] = folder
        with psycopg.connect(where.store) as server:
            server.execute("CREATE EXTENSION pg_stat_statements")
        with participants(where) as children:
            pids = {"orders": os.getpid(), "inventory, payments": children[0].pid, "relay of orders": children[1].pid}
            spent = Spent({**pids, **where.servers})
            profiler = cProfile.Profile()
            profiler.enable()
            rate = asyncio.run(checkouts(count, where, spent))
            profiler.disable()
            _statements(where, count, lines)
        verify([WARM, count], where)
        print(f"\nCPU of a checkout, us ({rate:,.0f} checkouts/s under the profilers):")
        for name, us in spent.us_each(count).items():
            print(f"  {us:>8,.0f}  {name}")
        _python("orders", pstats.Stats(profiler), lines)
        for name in ("inventory, payments", "relay of orders"):
            _python(name, pstats.Stats(f"{folder}/{pids[name]}"), lines)


def _statements(where: Place, count: int, lines: int) -> None:
    with psycopg.connect(where.store) as server:
        rows = server.execute(STATEMENTS).fetchall()
    calls = sum(row[1] for row in rows)
    print(
        f"PostgreSQL: {calls / count:.2f} statements a checkout\n  share     calls     us each   rows each  statement"
    )
    for share, times, us, found, query in rows[:lines]:
        print(f"  {share:>5.1%}  {times:>8,}  {us:>10,.0f}  {found:>10,.1f}  {' '.join(query.split())[:90]}")


def _python(name: str, stats: pstats.Stats, lines: int) -> None:
    """A process's own time by part of the program, then by function; waiting for events is none of it."""
    entries = {at: own for at, (_, _, own, _, _) in stats.stats.items() if "select.epoll" not in at[2]}
    total = sum(entries.values())
    parts: Counter[str] = Counter()
    for at, own in entries.items():
        parts[_part(at[0])] += own
    print(f"\n{name}: {total:.1f} s of its main thread, by part:")
    print("  " + ", ".join(f"{part} {own / total:.0%}" for part, own in parts.most_common(12)))
    for (file, line, function), own in Counter(entries).most_common(lines):
        print(f"  {own / total:>5.1%}  {Path(file).name}:{line} {function}"[:110])


def _part(file: str) -> str:
    path = Path(file)
    if "partita" in path.parts:
        return "/".join(path.parts[path.parts.index("partita") + 1 :][:2]).removesuffix(".py")
    return next((name for name in ("asyncpg", "asyncio", "confluent_kafka") if name in path.parts), "C, and the rest")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: .venv/bin/python bench/profiling.py kafka")
    parser.add_argument("tier", choices=("postgres", "kafka"))
    parser.add_argument("--count", type=int, default=5_000, help="checkouts (5,000)")
    parser.add_argument("--lines", type=int, default=25, help="lines of each list (25)")
    options = parser.parse_args()
    with stage(options.tier, shared_preload_libraries="pg_stat_statements") as here, here.place() as where:
        profile(where, options.count, options.lines)


if __name__ == "__main__":
    main()
