"""`make bench` and `make bench-servers`: Partita beside its peers, in one run; JSON in bench/results, a table on the terminal."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import latency
import ours
import peers
from history import history
from limits import limits
from ours import median, percentile
from place import TIERS, Stage, stage

Row = tuple[str, str, str]
MESSAGES = 8  # of a checkout that is confirmed, through outbox, relay and consumer
LOADS = {"200": 25.0, "1000": 125.0}  # messages and checkouts a second
AIMS = {
    "DBOS on SQLite": ">= 30x",
    "DBOS, transactional steps": ">= 60x",
    "DBOS, steps that do nothing": ">= 25x",
    "FastStream, inbox, outbox and saga by hand": ">= 30x",
}
ALONE_AIM = {"embedded": "p50 <= 15", "kafka": "p50 <= 40"}


@dataclass(slots=True)
class Results:
    """The results of a run."""

    tier: str
    machine: str
    quick: bool
    at: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()))
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    checkouts_per_second: list[float] = field(default_factory=list)
    cpu_us_each: list[Mapping[str, float]] = field(default_factory=list)
    peers: dict[str, list[float]] = field(default_factory=dict)
    peers_best_at: dict[str, str] = field(default_factory=dict)
    alone_ms: dict[str, float] = field(default_factory=dict)
    hop_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    history_rows: int = 0
    history_cost: float | None = None
    memory_mib: dict[str, float] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)


def measure(here: Stage, options: argparse.Namespace) -> Results:
    """One tier, all of it, with the peers in turn."""
    scale, runs = (10, 1) if options.quick else (1, options.runs)
    found = Results(here.tier, f"{_machine()}, {here.shown}", options.quick)
    _throughput(here, found, scale, runs)
    say("one checkout alone ...")
    with here.place() as where:
        alone = latency.alone(200 // scale, where)
    found.alone_ms = _percentiles(alone)
    for load, rate in LOADS.items():
        say(f"commit to handled, {load} messages/s ...")
        with here.place() as where:
            found.hop_ms[load] = _percentiles(latency.hop(rate, 20 / scale, where))
    if here.tier != "kafka":  # the databases are the same as without it
        found.history_rows = (10 if options.long else 1) * 1_000_000 // scale
        say(f"with {found.history_rows:,} messages of history ...")
        found.history_cost = history(found.history_rows, 3_000 // scale, runs, here)
    say("memory over many messages ...")
    with here.place() as where:
        early, peak = ours.memory((1_000_000 if options.long else 50_000) // scale, where)
    found.memory_mib = {"early": early, "peak": peak}
    if here.postgres:
        say("the limits of the machine ...")
        found.limits = limits(here, 1 if options.quick else 5)
    return found


def _throughput(here: Stage, found: Results, scale: int, runs: int) -> None:
    others = peers.of(here.tier, scale) if here.postgres else []
    for turn in range(runs):
        say(f"checkouts, run {turn + 1} of {runs} ...")
        with here.place() as where:
            rate, cpu = ours.throughput(10_000 // scale, where)
        found.checkouts_per_second.append(rate)
        found.cpu_us_each.append(cpu)
        if not here.postgres:
            found.peers.setdefault("DBOS on SQLite", []).append(_on_sqlite(400 // scale))
        for peer in others:
            say(f"  {rate:,.0f} a second; {peer.name} ...")
            found.peers.setdefault(peer.name, []).append(peer.rate(here))
            say(f"    {found.peers[peer.name][-1]:,.0f}")
            found.peers_best_at[peer.name] = peer.best


def _on_sqlite(count: int) -> float:
    """The embedded peer's best checkouts per second, in a process of its own."""
    done = subprocess.run([sys.executable, str(HERE / "peer_dbos.py"), str(count)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the peer failed:\n{done.stderr[-2_000:]}")
    return float(done.stdout.split()[-1])


def table(found: Results) -> list[Row]:
    """The results as rows: what, how much, the aim."""
    rate = median(found.checkouts_per_second)
    rows: list[Row] = [("checkouts/s in three processes, every effect verified (median)", f"{rate:,.0f}", "")]
    for name, rates in found.peers.items():
        at = f", at {found.peers_best_at[name]}" if name in found.peers_best_at else ""
        ratio = median([a / b for a, b in zip(found.checkouts_per_second, rates, strict=True)])
        rows.append((f"{name}{at}", f"{median(rates):,.0f}", ""))
        rows.append(("  ratio, in turn in one run (median)", f"{ratio:.1f}x", AIMS.get(name, "")))
    rows.append(
        (f"messages/s through outbox, relay and consumer ({MESSAGES} a checkout)", f"{rate * MESSAGES:,.0f}", "")
    )
    for name in found.cpu_us_each[0]:
        least = min(cpu[name] for cpu in found.cpu_us_each)
        rows.append((f"CPU of a checkout, us (least): {name}", f"{least:,.0f}", ""))
    rows.append(("one checkout alone, p50 / p99 ms", _pair(found.alone_ms), ALONE_AIM.get(found.tier, "")))
    for load, times in found.hop_ms.items():
        aim = "<= 3 / <= 25" if load == "200" else "p99 <= 60"
        rows.append((f"commit to commit of the handling at {load} messages/s, p50 / p99 ms", _pair(times), aim))
    if found.history_cost is not None:
        what = f"cost with {found.history_rows:,} history rows in every ledger against none"
        rows.append((what, f"{found.history_cost:.2f}x", "<= 1.3x"))
    memory = f"{found.memory_mib['early']:.0f} / {found.memory_mib['peak']:.0f}"
    rows.append(("memory after a tenth of the messages / at the end, MiB", memory, "flat, <= 150"))
    rows += [(f"limit: {what}", f"{value:,.0f}", "") for what, value in found.limits.items()]
    return rows


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    return {"p50": percentile(values, 50), "p99": percentile(values, 99)}


def _pair(times: Mapping[str, float]) -> str:
    return f"{times['p50']:.1f} / {times['p99']:.1f}"


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def say(text: str) -> None:
    """How far it is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> None:
    epilog = "Example: make bench-servers ARGS=--quick      or: .venv/bin/python bench/run.py kafka --runs 3"
    parser = argparse.ArgumentParser(description=__doc__, epilog=epilog)
    parser.add_argument(
        "tiers", nargs="+", choices=TIERS, metavar="TIER", help="embedded, postgres (the log in it) or kafka"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once, for a look")
    parser.add_argument("--long", action="store_true", help="10 M rows of history, 1 M checkouts for the memory")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side, taken in turn (5)")
    options = parser.parse_args()
    if options.runs < 1:
        parser.error("--runs is at least 1")
    for tier in options.tiers:
        begun = time.monotonic()
        say(f"{tier}:")
        with stage(tier) as here:
            found = measure(here, options)
        target = HERE / "results" / f"{tier}{'-quick' if options.quick else ''}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(asdict(found), indent=2) + "\n")
        rows = table(found)
        width = max(len(row[0]) for row in rows)
        busy = f"; the machine was busy before (load {found.load:.1f})" if found.load > 1 else ""
        lines = [f"{tier}: {found.machine}{busy}, {time.monotonic() - begun:.0f} s", ""]
        lines += [f"{what:<{width}}  {got:>16}  {aim}" for what, got, aim in rows]
        sys.stdout.write("\n".join(lines) + "\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
