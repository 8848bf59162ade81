"""The shop's checkout with a payment service over HTTP, both killed again and again: `python -m servers.over_http`.

No Kafka, no registry: the shop is on SQLite, or with `--store` on PostgreSQL and its log. The payment provider's ledger is the witness.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from partita import App
from partita.examples.shop.children import witnesses
from partita.examples.shop.witness import Faults
from servers.participants import (
    AWAY_S,
    BROKEN,
    DECLINE,
    LOOK_S,
    PACE_S_MIN,
    SEED,
    TIME_SCALE,
    WARM_UP,
    Participant,
    Result,
    decided,
    judge,
    place,
)
from servers.process import free_port

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "examples" / "participants" / "http" / "payment.py"
KILL_EVERY_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How often the shop and the participant are killed, how many orders are decided meanwhile, the database, the program, and the
    share of the provider's answers that are lost at first."""

    kills: int = 20
    orders: int = 200
    store: str = ""
    program: Path = PROGRAM
    loses: float = 1 / 40


async def run(trial: Trial, data: Path) -> Result:
    """One trial: orders are placed and decided while the shop and its participant are killed in turn."""
    ports = free_port(), free_port()
    os.environ |= {
        "PARTITA_DATA": str(data), "PARTITA_STORE": trial.store, "PARTITA_BUS": trial.store, "PARTITA_TIME_SCALE": str(TIME_SCALE),
        "PAYMENT_URL": f"http://127.0.0.1:{ports[1]}/commands",
    }  # fmt: skip
    from servers.shop_over_http import app  # it reads the environment

    result, began = Result(), time.monotonic()
    with witnesses(data, decline=DECLINE, seed=SEED, faults=Faults(loses=trial.loses)):
        while not ((data / "psp.addr").exists() and (data / "mail.addr").exists()):
            await asyncio.sleep(LOOK_S)
        shop = Participant(
            [sys.executable, "-m", "uvicorn", "servers.shop_over_http:hooks", "--port", str(ports[0])],
            {"PYTHONPATH": str(ROOT)},
            data / "shop.log",
        )
        participant = Participant(
            [sys.executable, str(trial.program)],
            {
                "PORT": str(ports[1]),
                "INGRESS": f"http://127.0.0.1:{ports[0]}/events",
                "PROVIDER": f"http://{(data / 'psp.addr').read_text()}",
                "JOURNAL": str(data / "journal.db"),
            },
            data / "participant.log",
        )
        killed = (shop, participant)
        for each in killed:
            await each.start()
        try:
            # It sends commands, and its own part of the shop does nothing.
            async with app.running(services=["order-service"], roles=()):
                await _try(app, trial, killed, result)
                await judge(app, data, result.orders, result)
        finally:
            for each in killed:
                await each.kill()
    result.seconds = time.monotonic() - began
    return result


async def _try(app: App, trial: Trial, killed: tuple[Participant, ...], result: Result) -> None:
    await place(app, range(WARM_UP))
    await decided(app, result, WARM_UP)
    killing = asyncio.create_task(_kill(killed, trial.kills, result))
    placed = WARM_UP
    pace_s = max(trial.kills * (KILL_EVERY_S + AWAY_S) / max(trial.orders, 1), PACE_S_MIN)
    try:
        while placed < WARM_UP + trial.orders or not killing.done():
            if killing.done():
                await killing  # an error of it ends the trial
            await place(app, [placed])
            placed += 1
            await asyncio.sleep(pace_s)
        await decided(app, result, placed)
    finally:
        killing.cancel()
    result.orders = placed


async def _kill(killed: tuple[Participant, ...], kills: int, result: Result) -> None:
    for number in range(kills):
        await asyncio.sleep(KILL_EVERY_S)
        each = killed[number % len(killed)]
        await each.kill()
        result.kills += 1
        await asyncio.sleep(AWAY_S)
        await each.start()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m servers.over_http", description=str(__doc__).partition("\n")[0])
    usual = Trial()
    parser.add_argument(
        "--kills", type=int, default=usual.kills, help="how often the shop and the participant are killed, in turn"
    )
    parser.add_argument("--orders", type=int, default=usual.orders, help="how many orders are decided at least")
    parser.add_argument("--program", type=Path, default=usual.program, help="another participant")
    parser.add_argument(
        "--loses", type=float, default=usual.loses, help="the share of the provider's answers that are lost"
    )
    parser.add_argument("--store", default=usual.store, help="a PostgreSQL URL; default: SQLite")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="partita-over-http-") as name:
        trial = Trial(**vars(told))
        result = asyncio.run(run(trial, Path(name) / "data"))
    print(result, flush=True)
    return 0 if result.holds and result.decided >= trial.orders else BROKEN


if __name__ == "__main__":
    sys.exit(main())
