"""The long proof on real servers: the shop on PostgreSQL and Kafka, where everything is killed: `python -m servers.prove`.

Services and relays die by SIGKILL every two seconds, the broker and the database themselves every fifteen. The same
invariants judge as in the demo; then bugs are planted, and each must be found, or the proof proves nothing.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from partita.errors import PartitaError
from partita.examples.proof.demo import Demo, DemoOptions, Numbers, Outcome, Server, run
from partita.examples.proof.ledger import lost_and_twice
from servers.kafka import KafkaCluster, kafka
from servers.postgres import postgres, url
from servers.process import ServerFailed, ServerProcess, free_port

BUGS = ("idempotency", "outbox", "tombstone")
INVERSIONS = "I7"
GHOSTS = "I5"
SHOW_EVERY_S = 5.0
BROKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How long and how hard. A planted bug runs with `bug_seconds` and without kills of the servers."""

    runs: int = 3
    seconds: float = 60.0
    bug_seconds: float = 30.0
    rate: float = 20.0
    kill_every_s: float = 2.0
    kill_servers_every_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Tier:
    """A PostgreSQL and a broker of this proof's own."""

    folder: Path
    database: ServerProcess
    store: str
    cluster: KafkaCluster

    def victims(self) -> tuple[Server, ...]:
        """The servers, as the demo kills them and starts them again."""
        broker = self.cluster.nodes[0]
        return (
            Server(name="kafka", kill=broker.kill, start=broker.start),
            Server(name="postgresql", kill=self.database.kill, start=self.database.start),
        )


@contextmanager
def tier() -> Iterator[Tier]:
    """Both servers on free ports, in a folder that is removed afterwards, unless an error ends it: it holds every log.

    Raises:
        ServerFailed: one is not here, or does not start.
    """
    with ExitStack() as undo:
        folder = Path(tempfile.mkdtemp(prefix="partita-prove-", dir="/tmp"))
        folder.chmod(0o755)  # the database runs as a user of its own
        port = free_port()
        database = postgres(folder / "postgres", port)
        database.start()
        undo.callback(database.stop)
        cluster = kafka(folder / "kafka", [free_port()])
        cluster.start()
        undo.callback(cluster.stop)
        yield Tier(folder, database, url(port), cluster)
    shutil.rmtree(folder, ignore_errors=True)


def under_fire(where: Tier, proof: Proof, seed: int) -> bool:
    """One run with everything killed; whether all held. Prints a line."""
    options = DemoOptions(
        data=where.folder / f"run-{seed}",
        seconds=proof.seconds,
        rate=proof.rate,
        kill_every_s=proof.kill_every_s,
        seed=seed,
        store=where.store,
        bus=where.cluster.url,
        fresh=True,
        servers=where.victims(),
        kill_servers_every_s=proof.kill_servers_every_s,
    )
    outcome = run(options, Progress(f"run {seed}"), say)
    print(summary(f"run {seed}", outcome), flush=True)
    return outcome.holds


def finds(where: Tier, proof: Proof, bug: str) -> bool:
    """One run with a bug planted; whether an invariant turned red. Prints a line."""
    options = DemoOptions(
        data=where.folder / f"without-{bug}",
        seconds=proof.bug_seconds,
        rate=proof.rate,
        kill_every_s=proof.kill_every_s,
        bug=bug,
        store=where.store,
        bus=where.cluster.url,
        fresh=True,
    )
    outcome = run(options, Progress(f"without {bug}"), say)
    red = [i.id for i in outcome.invariants if i.violations]
    said = f"found by {', '.join(red)}" if red else "NOT FOUND: this proof proves nothing"
    print(f"without {bug}: {outcome.numbers.orders:,} orders, {said}", flush=True)
    return bool(red)


def summary(name: str, outcome: Outcome) -> str:
    """One line: what was counted and what broke."""
    lost, twice = lost_and_twice(outcome.invariants)
    by_id = {i.id: i for i in outcome.invariants}
    checks = sum(i.checks for i in outcome.invariants)
    servers = ", ".join(f"{n} {outcome.kills.get(n, 0)}x" for n in ("kafka", "postgresql"))
    line = (
        f"{name}: {outcome.numbers.orders:,} orders, {outcome.numbers.kills} kills ({servers}), {lost} lost, "
        f"{len(by_id[GHOSTS].violations)} ghost, {twice} twice, {len(by_id[INVERSIONS].violations)} inversions, "
        f"{checks:,} checks: {'holds' if outcome.holds else 'BROKEN'}"
    )
    if outcome.unmended:
        line += f"\n  not mended: {outcome.unmended}"
    line += "".join(f"\n  crashed: {each}" for each in outcome.crashed)
    examples = [f"\n  {i.id}: {text}" for i in outcome.invariants for text in i.violations[:3]]
    return line + "".join(examples)


class Progress:
    """What the demo tells about twice a second, shown every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0

    def __call__(self, running: Demo, numbers: Numbers, left: float) -> str | None:
        """Show a line when it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SHOW_EVERY_S
            passed = now - running.started
            said = "the database does not answer" if numbers.unread else _counted(numbers)
            drains = "" if left > 0 else f"  draining, {_to_handle(numbers)}"
            print(f"  {self._name} {passed:>4.0f} s  {said}  {numbers.kills} kills{drains}", flush=True)
        return None


def _counted(numbers: Numbers) -> str:
    return (
        f"{numbers.orders:,} orders  {numbers.confirmed:,} confirmed  {numbers.cancelled:,} compensated  "
        f"{numbers.pending:,} in outboxes"
    )


def _to_handle(numbers: Numbers) -> str:
    return "the log does not answer" if numbers.behind is None else f"{numbers.behind:,} to handle"


def say(text: str) -> None:
    """What happened, a line at a time."""
    print(f"  {text}", flush=True)


class Broken(Exception):
    """A run did not hold, or a planted bug was not found."""


def prove(proof: Proof, bugs: tuple[str, ...] = BUGS) -> None:
    """All runs, all bugs.

    Raises:
        Broken: one run did not hold, or one bug was not found.
    """
    with tier() as where:
        held = [under_fire(where, proof, seed) for seed in range(1, proof.runs + 1)]
        found = [finds(where, proof, bug) for bug in bugs]
        print(f"{sum(held)} of {len(held)} runs hold, {sum(found)} of {len(found)} planted bugs found", flush=True)
        if not (all(held) and all(found)):
            raise Broken(f"What broke: the logs and databases are in {where.folder}")


def main(words: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m servers.prove", description=str(__doc__).partition("\n")[0])
    usual = Proof()
    parser.add_argument("--runs", type=int, default=usual.runs, help="how many runs with everything killed")
    parser.add_argument("--for", dest="seconds", type=float, default=usual.seconds, help="seconds of each")
    parser.add_argument("--rate", type=float, default=usual.rate, help="orders per second")
    parser.add_argument("--without", choices=BUGS, action="append", help="plant just this bug; default: each in turn")
    parser.add_argument("--no-bugs", action="store_true", help="plant none")
    told = parser.parse_args(words)
    for name in ("partita", "asyncpg"):  # that a killed server is down is no news here
        logging.getLogger(name).addHandler(logging.NullHandler())
    bugs = () if told.no_bugs else tuple(told.without or BUGS)
    try:
        prove(Proof(runs=told.runs, seconds=told.seconds, rate=told.rate), bugs)
    except Broken as error:
        print(error, file=sys.stderr)
        return BROKEN
    except (ServerFailed, PartitaError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
