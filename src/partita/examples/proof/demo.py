"""The demo: the shop as processes of its own; they are killed, poisoned and mended; then the ledger of its invariants."""

from __future__ import annotations

import contextlib
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from partita.errors import BusUnavailable
from partita.examples.proof.facts import reading
from partita.examples.proof.ground import Ground, prepare
from partita.examples.proof.ledger import (
    Invariant,
    a_compensated_order,
    examine,
    latencies_ms,
    lost_and_twice,
    moved_at_the_provider,
)
from partita.examples.proof.mend import Mended, Mending
from partita.examples.proof.orders import Poisoned
from partita.examples.proof.role import RoleOptions
from partita.examples.shop.app import app
from partita.examples.shop.children import start_witness
from partita.examples.shop.witness import Faults
from partita.settings.settings import Settings

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
OUTSIDE = Faults(loses=1 / 40, slow_s=3.5)  # longer than the time limit of a charge, so the charge is refunded
STILL_S = 60.0
DRAIN_S_MAX = 300.0
DRAIN_BUG_S = 25.0
SERVER_AWAY_S = 2.0
CALM_LOOKS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that may be killed as well, with the functions that kill and restart it."""

    name: str
    kill: Callable[[], None]
    start: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """The options of the demo. Times in seconds; `rate` in orders per second; `kill_every` 0 = only by key.

    `store` and `bus` are URLs of servers, empty = embedded; `fresh` = an earlier run's data there may be deleted. `servers` are
    killed in turn every `kill_servers_every_s` (0 = never).
    """

    data: Path
    seconds: float | None = 30.0
    rate: float = 50.0
    kill_every_s: float = 2.0
    seed: int = 7
    decline: float = 0.1
    bug: str = ""
    poison: bool = True
    store: str = ""
    bus: str = ""
    fresh: bool = False
    servers: tuple[Server, ...] = ()
    kill_servers_every_s: float = 0.0


@dataclass(slots=True)
class Numbers:
    """The numbers of the live line."""

    orders: int = 0
    confirmed: int = 0
    cancelled: int = 0
    pending: int = 0
    kills: int = 0
    unread: int = 0  # databases that gave no answer
    behind: int | None = None  # records that groups must still handle; None = not asked, or no answer

    @property
    def undecided(self) -> int:
        """Orders that are neither confirmed nor cancelled."""
        return self.orders - self.confirmed - self.cancelled


@dataclass(slots=True)
class Outcome:
    """The results of the demo."""

    numbers: Numbers
    invariants: list[Invariant]
    latency: list[float]
    seconds: float
    kills: dict[str, int]
    first_confirmed_s: float | None
    compensated_order: str
    provider: dict[str, int]
    mended: list[Mended]
    unmended: str
    crashed: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every invariant held, all poison is mended, and no process died by a signal that the demo did not send."""
        return not (self.unmended or self.crashed or any(i.violations for i in self.invariants))

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
            "provider": self.provider,
            "mended": [asdict(each) for each in self.mended],
            "unmended": self.unmended,
            "crashed": self.crashed,
            "seconds": round(self.seconds, 1),
        }


def percentile(values: list[float], percent: float) -> float:
    """The value below which `percent` of the sorted values lie; 0 without values."""
    return round(values[min(len(values) - 1, int(len(values) * percent / 100))], 1) if values else 0.0


@dataclass(slots=True)
class Patience:
    """The limit of a wait: until nothing has moved for `still_s`, and `most_s` in all."""

    still_s: float
    most_s: float
    _began: float = field(default_factory=time.monotonic)
    _moved: float = field(default_factory=time.monotonic)
    _seen: object = None

    def ends(self, seen: object) -> bool:
        """Whether the time is over; `seen` are the numbers that move."""
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        return now - self._moved > self.still_s or now - self._began > self.most_s


@dataclass(slots=True)
class Demo:
    """The running demo: its processes, its kills, its numbers."""

    options: DemoOptions
    ground: Ground
    say: Callable[[str], None]
    started: float = field(default_factory=time.monotonic)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    restart_at: dict[str, float] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    away: dict[Server, float] = field(default_factory=dict)  # killed servers, with the time of their restart
    starting: dict[Server, Future[None]] = field(default_factory=dict)  # servers that are restarting
    crashed: list[str] = field(default_factory=list)  # processes that died by a signal that the demo did not send
    first_confirmed_s: float | None = None
    _order: list[str] = field(default_factory=list)
    _dice: random.Random = field(default_factory=random.Random)
    _mending: Mending | None = None
    _starters: ThreadPoolExecutor = field(default_factory=ThreadPoolExecutor)
    _killed: set[int] = field(default_factory=set)  # pids

    def start(self) -> None:
        """Start every process."""
        self._dice = random.Random(self.options.seed)
        (self.options.data / "closed").unlink(missing_ok=True)
        for role in ROLES:
            self._start(role)

    def _start(self, role: str) -> None:
        options = self.options
        if role in ("psp", "mail"):
            self.processes[role] = start_witness(
                role, options.data, decline=options.decline, seed=options.seed, faults=OUTSIDE
            )
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
            [sys.executable, "-m", "partita.examples.proof.role", msgspec.json.encode(told).decode()],
            stdin=subprocess.PIPE,
            env=self.ground.environment(),
        )

    def kill(self, role: str) -> None:
        """SIGKILL a process; it is started again shortly after."""
        process = self.processes[role]
        if process.poll() is None:
            self._killed.add(process.pid)
            process.kill()
            process.wait()
            self.kills[role] = self.kills.get(role, 0) + 1
            self.restart_at[role] = time.monotonic() + RESTART_AFTER_S

    def kill_next(self) -> str:
        """Kill the next role of a shuffled round, so that each role has its turn."""
        if not self._order:
            self._order = list(ROLES)
            self._dice.shuffle(self._order)
        role = self._order.pop()
        self.kill(role)
        return role

    def kill_server(self) -> None:
        """Kill the next server in turn."""
        count = sum(self.kills.get(server.name, 0) for server in self.options.servers)
        server = self.options.servers[count % len(self.options.servers)]
        if server not in (*self.away, *self.starting):
            server.kill()
            self.kills[server.name] = self.kills.get(server.name, 0) + 1
            self.away[server] = time.monotonic() + SERVER_AWAY_S

    def tend(self) -> None:
        """Restart killed and dead processes, and go on mending. A server restarts slowly, and the kills do not wait for it."""
        now = time.monotonic()
        for server in [server for server, started in self.starting.items() if started.done()]:
            self.starting.pop(server).result()
        for server in [server for server, until in self.away.items() if now >= until]:
            del self.away[server]
            self.starting[server] = self._starters.submit(server.start)
        if self._mending is not None:
            self._mending.tick()
        for role, process in list(self.processes.items()):
            if process.poll() is not None and now >= self.restart_at.get(role, 0.0):
                if process.stdin is not None:
                    process.stdin.close()
                if process.returncode < 0 and process.pid not in self._killed:
                    self.crashed.append(f"{role} died by signal {-process.returncode}")
                self._start(role)

    def numbers(self) -> Numbers:
        """The present counts in the databases."""
        counts = Numbers(kills=sum(self.kills.values()))
        query = self.ground.databases.query
        for name in [s.name for s in app.services]:
            waiting = query(name, "SELECT count(*) AS n FROM outbox_queue")
            counts.unread += not waiting
            counts.pending += sum(row[0] for row in waiting)
        for status, count in query("order-service", "SELECT status, count(*) AS n FROM orders GROUP BY status"):
            counts.orders += count
            counts.confirmed += count if status == "CONFIRMED" else 0
            counts.cancelled += count if status == "CANCELLED" else 0
        if counts.confirmed and self.first_confirmed_s is None:
            self.first_confirmed_s = round(time.monotonic() - self.started, 2)
        return counts

    def close_shop(self) -> None:
        """The storefront takes no new orders, except the one with a mistake if it is still missing."""
        (self.options.data / "closed").touch()

    def drain(self, report: Callable[[Numbers], None]) -> None:
        """Take no more orders, and wait until all poison is mended and nothing moves. Unmended poison needs an
        order that is confirmed; on a slow machine no order is confirmed before the backlog is gone."""
        if not self.options.bug:
            self.mend()
        self.close_shop()
        calm = 0

        def is_calm(numbers: Numbers) -> bool:
            nonlocal calm
            calm = calm + 1 if self._is_quiet(numbers) else 0
            return calm >= CALM_LOOKS

        patience = Patience(DRAIN_BUG_S, DRAIN_BUG_S) if self.options.bug else Patience(STILL_S, DRAIN_S_MAX)
        left = self._until(is_calm, patience, report)
        if calm < CALM_LOOKS and not self.options.bug:
            self.say(
                f"not quiet: {left.pending:,} in outboxes, {left.undecided:,} undecided, {_count(left.behind)} to handle"
            )

    def _until(self, so: Callable[[Numbers], bool], patience: Patience, report: Callable[[Numbers], None]) -> Numbers:
        numbers = self._numbers_with_behind()
        while not so(numbers) and not patience.ends(numbers):
            self.tend()
            report(numbers)
            time.sleep(0.5)
            numbers = self._numbers_with_behind()
        return numbers

    def _numbers_with_behind(self) -> Numbers:
        numbers = self.numbers()
        if not (self.away or self.starting):
            with contextlib.suppress(BusUnavailable):
                numbers.behind = self.ground.log.behind()
        return numbers

    def _is_quiet(self, numbers: Numbers) -> bool:
        mending = self._mending is not None and self._mending.busy
        waits = numbers.unread or numbers.pending or numbers.undecided or numbers.behind != 0
        return not (mending or self.away or self.starting or waits)

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
        self._starters.shutdown()

    def poison(self) -> bool:
        """Put an unreadable record on the log, and let the storefront make a mistake. Returns whether that was
        possible now: a killed broker accepts no record."""
        if self.away or self.starting:
            return False
        try:
            self.ground.append_poison(app)
        except BusUnavailable:
            return False
        self.say("poison: bytes that are not a message are on the log; the storefront forgets the country of an order")
        if not self.options.bug:
            Poisoned(self.options.data).want()
        return True

    def mend(self) -> None:
        """Repair the results of the mistakes, by the command line."""
        if self._mending is None:
            self._mending = Mending(self.ground, self.options.seed, self.say)

    def outcome(self) -> Outcome:
        """Read databases, log and witnesses, and check the invariants."""
        options, ground = self.options, self.ground
        numbers = self.numbers()
        with reading(app, options.data, options.seed, ground.databases, ground.log) as facts:
            return Outcome(
                numbers,
                examine(facts, TIME_SCALE),
                latencies_ms(facts),
                time.monotonic() - self.started,
                dict(sorted(self.kills.items())),
                self.first_confirmed_s,
                a_compensated_order(facts),
                moved_at_the_provider(facts),
                self._mending.done if self._mending is not None else [],
                self._mending.unmended if self._mending is not None else "",
                self.crashed,
            )


def _count(behind: int | None) -> str:
    return "an unknown number" if behind is None else f"{behind:,}"


def run(
    options: DemoOptions, report: Callable[[Demo, Numbers, float], str | None], say: Callable[[str], None]
) -> Outcome:
    """Run the demo: load and kills for the given time, then calm, then the ledger.

    `report` is called about twice a second with the numbers and the seconds left; it may return a key:
    a role to kill, "poison", "mend", or "quit". `say` gets the events, a line at a time.

    Raises:
        Conflict: a server named in the options holds data that is not of this run. PartitaError: it cannot be used.
    """
    settings = Settings(data=options.data, store=options.store, bus=options.bus)
    ground = prepare(app, settings, fresh=options.fresh)
    try:
        return _run(Demo(options, ground, say), report)
    finally:
        ground.close()


def _run(demo: Demo, report: Callable[[Demo, Numbers, float], str | None]) -> Outcome:
    options = demo.options
    poisoned = selling = False
    next_kill = time.monotonic() + options.kill_every_s
    next_server = time.monotonic() + options.kill_servers_every_s
    try:
        demo.start()
        key: str | None = None
        left = 1.0
        while left > 0 and key != "quit":
            elapsed = time.monotonic() - demo.started
            left = options.seconds - elapsed if options.seconds is not None else 1.0
            numbers = demo.numbers()
            key = report(demo, numbers, left)
            if key == "poison":
                demo.poison()
            elif key == "mend":
                demo.mend()
            elif key in ROLES:
                demo.kill(key)
            selling = selling or numbers.orders > 0
            if options.kill_every_s and time.monotonic() >= next_kill and selling:
                demo.kill_next()
                next_kill = _next(next_kill, options.kill_every_s)
            if options.servers and options.kill_servers_every_s and time.monotonic() >= next_server:
                demo.kill_server()
                next_server = _next(next_server, options.kill_servers_every_s)
            if options.poison and not poisoned and options.seconds is not None and elapsed > options.seconds / 3:
                poisoned = demo.poison()
                if poisoned:
                    demo.mend()
            demo.tend()
            time.sleep(0.05 if demo.first_confirmed_s is None else 0.25)
        demo.drain(lambda n: None if report(demo, n, 0.0) else None)
    finally:
        demo.stop()
    return demo.outcome()


def _next(at: float, every_s: float) -> float:
    """The next time of a regular event; events missed while this process did not run are dropped."""
    return max(at + every_s, time.monotonic())


def remove(data: Path) -> None:
    """Remove the demo's folder."""
    shutil.rmtree(data, ignore_errors=True)
