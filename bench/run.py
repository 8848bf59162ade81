"""`make bench`: Partita's embedded tier beside its peer in one run; JSON in bench/results, a table on the terminal."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import ours


def peer(count: int) -> float:
    """The peer's best checkouts per second, in a process of its own."""
    done = subprocess.run([sys.executable, str(HERE / "peer_dbos.py"), str(count)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the peer failed:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def percentile(values: list[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: make bench ARGS=--quick")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, for a look")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side, taken in turn")
    options = parser.parse_args()
    scale = 10 if options.quick else 1
    runs = 1 if options.quick else options.runs
    rates, peers = [], []
    for turn in range(runs):
        say(f"checkouts, run {turn + 1} of {runs} ...")
        rates.append(ours.throughput(10_000 // scale))
        peers.append(peer(400 // scale))
    ratio = ours.median([a / b for a, b in zip(rates, peers, strict=True)])
    rate = ours.median(rates)
    say("one checkout alone ...")
    alone = ours.alone(200 // scale)
    say("commit to handled, 200 messages/s ...")
    hops = ours.hop(25, 20 / scale)
    say("with a million messages of history ...")
    slower = ours.history(1_000_000 // scale, 3_000 // scale, runs)
    say("memory over many messages ...")
    early, peak = ours.memory(100_000 // scale)
    rows: list[tuple[str, str, str]] = [
        ("checkouts/s, SQLite FULL, three processes (median)", f"{rate:,.0f}", ""),
        ("peer: DBOS on SQLite, best of 1, 4, 8 at once (median)", f"{ours.median(peers):,.0f}", ""),
        ("ratio, in turn in one run (median)", f"{ratio:.1f}x", ">= 30x"),
        ("messages/s through outbox, relay and consumer (8 a checkout)", f"{rate * 8:,.0f}", ""),
        (
            "one checkout alone, seven hops, p50 / p99 ms",
            f"{percentile(alone, 50):.1f} / {percentile(alone, 99):.1f}",
            "p50 <= 15",
        ),
        (
            "commit to commit of the handling at 200 messages/s, p50 / p99 ms",
            f"{percentile(hops, 50):.1f} / {percentile(hops, 99):.1f}",
            "<= 3 / <= 25",
        ),
        ("cost with 1 M history rows against none", f"{slower:.2f}x", "<= 1.3x"),
        ("memory after a tenth / at the end of 800,000 messages, MiB", f"{early:.0f} / {peak:.0f}", "flat, <= 150"),
    ]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    results = {
        "at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        "machine": machine,
        "quick": options.quick,
        "checkouts_per_second": rates,
        "peer_checkouts_per_second": peers,
        "ratio_median": ratio,
        "alone_ms": {"p50": percentile(alone, 50), "p99": percentile(alone, 99)},
        "hop_ms_at_200": {"p50": percentile(hops, 50), "p99": percentile(hops, 99)},
        "history_cost": slower,
        "memory_mib": {"early": early, "peak": peak},
    }
    target = HERE / "results" / "embedded.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(results, indent=2) + "\n")
    width = max(len(row[0]) for row in rows)
    lines = [machine, "", *(f"{what:<{width}}  {got:>16}  {aim}" for what, got, aim in rows)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
