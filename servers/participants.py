"""The shop's checkout with a payment service in another language, killed again and again: `python -m servers.participants`.

The other services are the shop's own, on Kafka, with Partita's registry. The payment provider's ledger is the witness: each confirmed
order was charged once, each cancelled one has its money back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from partita import App, Settings
from partita.bus.port import TopicSpec
from partita.catalog.contract import contract_of
from partita.errors import PartitaError
from partita.examples.proof.orders import order, order_id
from partita.examples.shop import checkout as _checkout
from partita.examples.shop import inventory as _inventory
from partita.examples.shop import notifications as _notifications
from partita.examples.shop import orders as _orders
from partita.examples.shop.children import witnesses
from partita.examples.shop.services import inventory, notifications, orders, payments
from partita.examples.shop.witness import Faults
from partita.schemas.protobuf.numbering import give_numbers
from servers.kafka import kafka
from servers.process import ServerFailed, ServerProcess, free_port
from servers.programs import PROGRAMS, Program

MODULES = (_checkout, _inventory, _notifications, _orders)
"""Importing these declares their handlers; those of the payment service are elsewhere."""
TIME_SCALE = 0.1
DECLINE = 0.1
SEED = 5
AWAY_S = 0.3
PACE_S_MIN = 0.05
LOOK_S = 0.1
DECIDED_WITHIN_S = 120.0
WARM_UP = 5
BROKEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How often the participant is killed, how many orders are decided meanwhile, the share of the outside's answers that are
    lost at first, and the language of the commands."""

    kills: int = 10
    orders: int = 200
    loses: float = 1 / 40
    codec: str = "avro"

    def pace_s(self, kill_every_s: float) -> float:
        """The time between two orders: they are spread over the kills."""
        return max(self.kills * (kill_every_s + AWAY_S) / max(self.orders, 1), PACE_S_MIN)


@dataclass(slots=True)
class Result:
    """The outcome by the shop's database and by the provider's ledger."""

    kills: int = 0
    orders: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    letters: int = 0
    tombstones: int = 0  # charges that the provider was never asked for, since their undo came before
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, nothing done twice, and nothing unreadable."""
        return not (self.lost or self.twice or self.letters)

    @property
    def decided(self) -> int:
        """The orders that are confirmed or cancelled."""
        return self.statuses["CONFIRMED"] + self.statuses["CANCELLED"]

    def __str__(self) -> str:
        said = ", ".join(f"{count} {status.lower()}" for status, count in sorted(self.statuses.items()))
        examples = "".join(f"\n  {text}" for text in (*self.lost[:3], *self.twice[:3]))
        return (
            f"{self.orders} orders ({said}), {self.kills} kills, {len(self.lost)} lost, {len(self.twice)} twice, "
            f"{self.letters} dead letters, {self.seconds:.0f} s{examples}"
        )


class Participant:
    """The running program."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, environment, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, env=os.environ | self._environment, stdout=log, stderr=log
            )

    async def kill(self) -> None:
        """SIGKILL.

        Raises:
            ServerFailed: it had ended by itself.
        """
        assert self._process is not None
        if self._process.returncode is not None:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            raise ServerFailed(f"The participant ended by itself:\n{said[-2_000:]}")
        self._process.kill()
        await self._process.wait()


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Partita's schema registry as a process; its URL."""
    folder.mkdir()
    port = free_port()
    serve = "from partita.cli.main import main; main()"
    words = ["registry", "serve", "--port", str(port), "--data", str(folder)]
    log = folder / "log"
    server = ServerProcess(
        "the schema registry", folder, [sys.executable, "-c", serve, *words], lambda: "ready: " in log.read_text()
    )
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()


@asynccontextmanager
async def outside(
    program: Program, data: Path, bus: str, schemas: str, *, loses: float = 0.0, decline: float = 0.0
) -> AsyncIterator[Participant]:
    """The payment service, to be started, with its provider; both end with the block."""
    with witnesses(data, decline=decline, seed=SEED, faults=Faults(loses=loses)):
        address = data / "psp.addr"
        while not (address.exists() and (data / "mail.addr").exists()):
            await asyncio.sleep(LOOK_S)
        participant = Participant(
            program.command,
            {
                "KAFKA": bus.removeprefix("kafka://"),
                "REGISTRY": schemas,
                "PROVIDER": f"http://{address.read_text()}",
                "JOURNAL": str(data / "journal.jsonl"),
                **program.environment,
            },
            data / "participant.log",
        )
        try:
            yield participant
        finally:
            await participant.kill()


@contextmanager
def payments_in(codec: str, folder: Path) -> Iterator[None]:
    """The messages of the payment service in another language, as `Service(codec=..., schemas=...)` and an export make them."""
    contracts = [contract_of(cls) for cls in payments.messages.values()]
    before = [contract.shape for contract in contracts]
    folder.mkdir(parents=True)
    try:
        for contract in contracts:
            contract.shape = replace(contract.shape, language=codec, home=folder)
        if codec == "protobuf":
            give_numbers(folder, [contract.shape for contract in contracts])
        yield
    finally:
        for contract, shape in zip(contracts, before, strict=True):
            contract.shape = shape


async def run(program: Program, trial: Trial, data: Path, bus: str, schemas: str) -> Result:
    """One trial: orders are placed and decided while the participant is killed."""
    with payments_in(trial.codec, data / "schemas"):
        return await _run(program, trial, data, bus, schemas)


async def _run(program: Program, trial: Trial, data: Path, bus: str, schemas: str) -> Result:
    os.environ["PARTITA_DATA"] = str(data)  # the shop's services look there for the mail sink
    settings = Settings(data=data, bus=bus, registry=schemas, time_scale=TIME_SCALE)
    app = App(orders, inventory, notifications, settings=settings)
    result, began = Result(), time.monotonic()
    async with (
        app.running() as system,
        outside(program, data, bus, schemas, loses=trial.loses, decline=DECLINE) as participant,
    ):
        # The topics of a service are made by the team that deploys it.
        await system.bus.ensure_topics(
            [TopicSpec(name=f"shop.payment.{kind}") for kind in ("commands", "events", "faults")]
        )
        await participant.start()
        await place(app, range(WARM_UP))
        await decided(app, result, WARM_UP)
        killing = asyncio.create_task(_kill(participant, program.kill_every_s, trial.kills, result))
        placed = WARM_UP
        try:
            while placed < WARM_UP + trial.orders or not killing.done():
                if killing.done():
                    await killing  # an error of it ends the trial
                await place(app, [placed])
                placed += 1
                await asyncio.sleep(trial.pace_s(program.kill_every_s))
            await decided(app, result, placed)
        finally:
            killing.cancel()
        await judge(app, data, placed, result)
    result.seconds = time.monotonic() - began
    return result


async def _kill(participant: Participant, every_s: float, kills: int, result: Result) -> None:
    for _ in range(kills):
        await asyncio.sleep(every_s)
        await participant.kill()
        result.kills += 1
        await asyncio.sleep(AWAY_S)
        await participant.start()


async def place(app: App, numbers: Sequence[int]) -> None:
    """Place the orders of these numbers."""
    for number in numbers:
        await app.send(order(SEED, number), idempotency_key=f"trial/{number}")


async def decided(app: App, result: Result, count: int) -> None:
    """Wait until so many orders are decided, or no longer."""
    until = time.monotonic() + DECIDED_WITHIN_S
    while time.monotonic() < until:
        async with app.store("order-service").reading() as session:
            rows = await session.fetch("SELECT status, count(*) AS n FROM orders GROUP BY status", {})
        result.statuses = Counter({row["status"]: row["n"] for row in rows})
        if result.decided >= count:
            return
        await asyncio.sleep(LOOK_S)


async def judge(app: App, data: Path, placed: int, result: Result) -> None:
    """Compare the shop's orders with the provider's ledger."""
    async with app.store("order-service").reading() as session:
        rows = await session.fetch("SELECT order_id, status, total_cents FROM orders", {})
        result.letters = (await session.fetch("SELECT count(*) AS n FROM dead_letter", {}))[0]["n"]
    found = {row["order_id"]: row for row in rows}
    with closing(sqlite3.connect(data / "psp.db")) as ledger:
        effects = ledger.execute("SELECT order_id, kind, cents FROM effect WHERE answer = 'ok'").fetchall()
        asked = {row[0] for row in ledger.execute("SELECT order_id FROM effect WHERE kind = 'charge'")}
        undone = {row[0] for row in ledger.execute("SELECT order_id FROM effect WHERE kind = 'refund'")}
    charges = Counter(name for name, kind, _ in effects if kind == "charge")
    cents: Counter[str] = Counter()
    for name, _, moved in effects:
        cents[name] += moved
    result.orders = placed
    result.tombstones = len(undone - asked)
    for number in range(placed):
        name = order_id(SEED, number)
        row = found.get(name)
        if row is None or row["status"] not in ("CONFIRMED", "CANCELLED"):
            result.lost.append(f"{name} is {'missing' if row is None else row['status']}")
        elif cents[name] != (row["total_cents"] if row["status"] == "CONFIRMED" else 0) and charges[name] < 2:
            result.lost.append(f"{name} is {row['status']}, and {cents[name]} cents were taken")
        if charges[name] > 1:
            result.twice.append(f"{name} was charged {charges[name]} times")


def trials(programs: Sequence[Program], trial: Trial) -> list[Result]:
    """Each program in turn, on one broker and with one registry each. Prints a line for each.

    Raises:
        ServerFailed: a server or a program's language is not here.
    """
    results = []
    for program in programs:
        with tempfile.TemporaryDirectory(prefix="partita-participants-") as name:
            folder = Path(name)
            (folder / "kafka").mkdir()
            cluster = kafka(folder / "kafka", [free_port()])
            cluster.start()
            try:
                with registry(folder / "registry") as schemas:
                    built = program.built()
                    results.append(asyncio.run(run(built, trial, folder / "data", cluster.url, schemas)))
            finally:
                cluster.stop()
        print(f"{program.name}: {results[-1]}", flush=True)
    return results


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m servers.participants", description=str(__doc__).partition("\n")[0])
    usual = Trial()
    parser.add_argument("--kills", type=int, default=usual.kills, help="how often each participant is killed")
    parser.add_argument("--orders", type=int, default=usual.orders, help="how many orders are decided at least")
    parser.add_argument(
        "--only", choices=sorted(PROGRAMS), action="append", help="just this language; default: each in turn"
    )
    parser.add_argument(
        "--codec", choices=("avro", "protobuf"), default=usual.codec, help="the language of the commands"
    )
    told = parser.parse_args(words)
    chosen = [PROGRAMS[name] for name in told.only or PROGRAMS]
    try:
        results = trials(chosen, Trial(kills=told.kills, orders=told.orders, codec=told.codec))
    except (ServerFailed, PartitaError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if all(result.holds for result in results) else BROKEN


if __name__ == "__main__":
    sys.exit(main())
