"""The demo: the shop as processes of its own, killed and poisoned, mended; then the ledger of what held."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from partita.examples.shop.app import app
from partita.examples.shop.children import start_witness
from partita.examples.shop.demo_ledger import Invariant, examine, latencies_ms, lost_and_twice
from partita.examples.shop.demo_mend import Mended, Mending
from partita.examples.shop.demo_orders import Poisoned
from partita.examples.shop.demo_poison import append_poison
from partita.examples.shop.demo_role import RoleOptions

ROLES = (
    "order-service",
    "relay-1",
    "inventory-service",
    "psp",
    "payment-service",
    "storefront",
    "relay-2",
    "mail",
    "notification-service",
    "analytics",
)
RESTART_AFTER_S = 0.4
TIME_SCALE = 0.05
DRAIN_S = 60.0
MEND_S = 30.0
DRAIN_BUG_S = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How the demo runs. Times in seconds; `rate` in orders per second; `kill_every` 0 = only by key."""

    data: Path
    seconds: float | None = 30.0
    rate: float = 50.0
    kill_every_s: float = 2.0
    seed: int = 7
    decline: float = 0.1
    bug: str = ""
    poison: bool = True


@dataclass(slots=True)
class Numbers:
    """What the live line shows."""

    orders: int = 0
    confirmed: int = 0
    cancelled: int = 0
    pending: int = 0
    kills: int = 0


@dataclass(slots=True)
class Outcome:
    """What the demo proved."""

    numbers: Numbers
    invariants: list[Invariant]
    latency: list[float]
    seconds: float
    kills: dict[str, int]
    first_confirmed_s: float | None
    compensated_order: str
    mended: list[Mended]
    unmended: str

    @property
    def holds(self) -> bool:
        """Whether every invariant held, and what was poisoned is mended."""
        return not self.unmended and not any(i.violations for i in self.invariants)

    def as_json(self) -> dict[str, object]:
        """The result as its fixed JSON form."""
        lost, twice = lost_and_twice(self.invariants)
        return {
            "orders": self.numbers.orders,
            "confirmed": self.numbers.confirmed,
            "compensated": self.numbers.cancelled,
            "kills": self.numbers.kills,
            "kills_by_role": self.kills,
            "lost": lost,
            "twice": twice,
            "invariants": [
                {
                    "id": i.id,
                    "text": i.text,
                    "checks": i.checks,
                    "violations": len(i.violations),
                    "examples": i.violations[:3],
                }
                for i in self.invariants
            ],
            "latency_ms": {"p50": percentile(self.latency, 50), "p99": percentile(self.latency, 99)},
            "first_confirmed_s": self.first_confirmed_s,
            "mended": [asdict(each) for each in self.mended],
            "unmended": self.unmended,
            "seconds": round(self.seconds, 1),
        }


def percentile(values: list[float], percent: float) -> float:
    """The value below which so many percent lie, of sorted values; 0 where there are none."""
    return round(values[min(len(values) - 1, int(len(values) * percent / 100))], 1) if values else 0.0


@dataclass(slots=True)
class Demo:
    """The running demo: its processes, its kills, its numbers."""

    options: DemoOptions
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restart_at: dict[str, float] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    first_confirmed_s: float | None = None
    _order: list[str] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)
    _mending: Mending | None = None

    def start(self) -> None:
        """Start every process."""
        self._dice = random.Random(self.options.seed)
        self.options.data.mkdir(parents=True, exist_ok=True)
        (self.options.data / "closed").unlink(missing_ok=True)
        for role in ROLES:
            self._start(role)

    def _start(self, role: str) -> None:
        options = self.options
        if role in ("psp", "mail"):
            self.processes[role] = start_witness(role, options.data, decline=options.decline, seed=options.seed)
            return
        told = RoleOptions(
            role=role,
            data=str(options.data),
            seed=options.seed,
            rate=options.rate,
            bug=options.bug,
            time_scale=TIME_SCALE,
        )
        self.processes[role] = subprocess.Popen(
            [sys.executable, "-m", "partita.examples.shop.demo_role", msgspec.json.encode(told).decode()],
            stdin=subprocess.PIPE,
        )

    def kill(self, role: str) -> None:
        """SIGKILL a process; it is started again shortly after."""
        process = self.processes[role]
        if process.poll() is None:
            process.kill()
            process.wait()
            self.kills[role] = self.kills.get(role, 0) + 1
            self.restart_at[role] = time.monotonic() + RESTART_AFTER_S

    def kill_next(self) -> str:
        """Kill the next role of a shuffled round, so that all have their turn."""
        if not self._order:
            self._order = list(ROLES)
            self._dice.shuffle(self._order)
        role = self._order.pop()
        self.kill(role)
        return role

    def tend(self) -> None:
        """Start again what was killed or died; go on mending."""
        now = time.monotonic()
        if self._mending is not None:
            self._mending.tick()
        for role, process in list(self.processes.items()):
            if process.poll() is not None and now >= self.restart_at.get(role, 0.0):
                if process.stdin is not None:
                    process.stdin.close()
                self._start(role)

    def numbers(self) -> Numbers:
        """The counts as the databases say now."""
        counts = Numbers(kills=sum(self.kills.values()))
        for name in [s.name for s in app.services]:
            path = self.options.data / f"{name}.db"
            try:
                with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1) as db:
                    counts.pending += db.execute("SELECT count(*) FROM outbox_queue").fetchone()[0]
                    if name == "order-service":
                        for status, count in db.execute("SELECT status, count(*) FROM orders GROUP BY status"):
                            counts.orders += count
                            counts.confirmed += count if status == "CONFIRMED" else 0
                            counts.cancelled += count if status == "CANCELLED" else 0
                db.close()
            except sqlite3.Error:
                continue  # not created yet
        if counts.confirmed and self.first_confirmed_s is None:
            self.first_confirmed_s = round(time.monotonic() - self.started, 2)
        return counts

    def close_shop(self) -> None:
        """The storefront takes no new orders."""
        (self.options.data / "closed").touch()

    def drain(self, tell: Callable[[Numbers], None]) -> None:
        """Wait until all is mended and nothing moves any more, at most as long as that may take."""
        if not self.options.bug:
            self.mend()
            self._until(lambda: self._mending is None or not self._mending.busy, MEND_S, tell)
        self.close_shop()
        until = time.monotonic() + (DRAIN_BUG_S if self.options.bug else DRAIN_S)
        calm = 0
        while calm < 3 and time.monotonic() < until:
            self.tend()
            numbers = self.numbers()
            tell(numbers)
            calm = calm + 1 if self._is_quiet(numbers) else 0
            time.sleep(0.5)

    def _until(self, so: Callable[[], bool], patience_s: float, tell: Callable[[Numbers], None]) -> None:
        until = time.monotonic() + patience_s
        while not so() and time.monotonic() < until:
            self.tend()
            tell(self.numbers())
            time.sleep(0.1)

    def _is_quiet(self, numbers: Numbers) -> bool:
        if self._mending is not None and self._mending.busy:
            return False
        if numbers.pending or numbers.orders != numbers.confirmed + numbers.cancelled:
            return False
        with sqlite3.connect(f"file:{self.options.data / 'log.db'}?mode=ro", uri=True, timeout=1) as db:
            behind = db.execute(
                "SELECT count(*) FROM progress AS g JOIN record AS r ON r.place = g.place AND r.position > g.position"
            ).fetchone()[0]
        db.close()
        return not behind

    def stop(self) -> None:
        """End every process."""
        if self._mending is not None:
            self._mending.stop()
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def poison(self) -> None:
        """Put a record on the log that nobody can read, and let the storefront make a mistake."""
        append_poison(self.options.data)
        self.say("poison: bytes that are no message are on the log; the storefront forgets the country of an order")
        if not self.options.bug:
            Poisoned(self.options.data).want()

    def mend(self) -> None:
        """Mend what the mistakes have caused, by the command line."""
        if self._mending is None:
            self._mending = Mending(self.options.data, self.options.seed, self.say)

    def outcome(self) -> Outcome:
        """Read the files and say what held."""
        data = self.options.data
        numbers = self.numbers()
        return Outcome(
            numbers,
            examine(app, data, self.options.seed, TIME_SCALE),
            latencies_ms(data),
            time.monotonic() - self.started,
            dict(sorted(self.kills.items())),
            self.first_confirmed_s,
            _a_compensated_order(data),
            self._mending.done if self._mending is not None else [],
            self._mending.unmended if self._mending is not None else "",
        )


def _a_compensated_order(data: Path) -> str:
    with sqlite3.connect(f"file:{data / 'order-service.db'}?mode=ro", uri=True) as db:
        row = db.execute("SELECT order_id FROM orders WHERE status = 'CANCELLED' ORDER BY rowid LIMIT 1").fetchone()
    db.close()
    return row[0] if row else ""


def run(
    options: DemoOptions, tell: Callable[[Demo, Numbers, float], str | None], say: Callable[[str], None]
) -> Outcome:
    """Run the demo: load and kills for as long as told, then calm, then the ledger.

    `tell` is called about twice a second with the numbers and the seconds left; it may answer with a key:
    a role to kill, "poison", "mend", or "quit". `say` is told what happened, a line at a time.
    """
    demo = Demo(options, say)
    demo.start()
    poisoned = False
    next_kill = time.monotonic() + options.kill_every_s
    try:
        key: str | None = None
        left = 1.0
        while left > 0 and key != "quit":
            elapsed = time.monotonic() - demo.started
            left = options.seconds - elapsed if options.seconds is not None else 1.0
            numbers = demo.numbers()
            key = tell(demo, numbers, left)
            if key == "poison":
                demo.poison()
            elif key == "mend":
                demo.mend()
            elif key in ROLES:
                demo.kill(key)
            if options.kill_every_s and time.monotonic() >= next_kill and numbers.orders:
                demo.kill_next()
                next_kill += options.kill_every_s
            if options.poison and not poisoned and options.seconds is not None and elapsed > options.seconds / 3:
                demo.poison()
                demo.mend()
                poisoned = True
            demo.tend()
            time.sleep(0.05 if demo.first_confirmed_s is None else 0.25)
        demo.drain(lambda n: None if tell(demo, n, 0.0) else None)
    finally:
        demo.stop()
    return demo.outcome()


def remove(data: Path) -> None:
    """Remove the demo's folder."""
    shutil.rmtree(data, ignore_errors=True)
