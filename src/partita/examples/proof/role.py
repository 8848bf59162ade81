"""One process of the demo: the storefront, a service, or a relay. It ends when the demo closes its input."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec

from partita import Conflict, PartitaError, Rejection, Settings
from partita.examples.proof.bugs import DemoApp, check_bug
from partita.examples.proof.orders import Accepted, Poisoned, order, poisoned, returned
from partita.examples.shop.app import app as shop
from partita.examples.shop.messages import ReturnRefused

TICK_S = 0.02
IN_FLIGHT_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOptions:
    """The arguments of a process of the demo."""

    role: str
    data: str
    seed: int = 7
    rate: float = 50.0
    bug: str = ""
    time_scale: float = 0.05
    stock: int = 1_000_000


async def work(options: RoleOptions) -> None:
    """Do the role's work until the process ends."""
    store, bus = os.environ.get("PARTITA_STORE", ""), os.environ.get("PARTITA_BUS", "")
    settings = Settings(
        data=Path(options.data), store=store, bus=bus, instance=options.role, time_scale=options.time_scale
    )
    app = DemoApp(*shop.services, settings=settings)
    app.bug = check_bug(options.bug)
    if options.role == "storefront":
        async with app.running(services=["order-service"], roles=()):
            await _sell(app, options)
    elif options.role.startswith("relay"):
        async with app.running(roles=("relay",)):
            await asyncio.Event().wait()
    else:
        async with app.running(services=[options.role], roles=("consumers", "timers")):
            await asyncio.Event().wait()


async def _sell(app: DemoApp, options: RoleOptions) -> None:
    """Place orders at a rate; an order without a known answer is placed again under the same key."""
    accepted, poison = Accepted(Path(options.data)), Poisoned(Path(options.data))
    returns = Accepted(Path(options.data), returns=True)
    wrong = poison.numbers()
    done = accepted.read()
    highest = max(done | wrong, default=-1)  # a promised mistake is made, also when the shop has closed
    again = [n for n in range(highest + 1) if n not in done]
    number = highest + 1
    loop = asyncio.get_running_loop()
    start, begun = loop.time(), 0
    sent = list(again)
    while accepted.path.parent.exists():  # the demo's folder: removing it ends the storefront
        due = int((loop.time() - start) * options.rate) - begun
        fresh = max(due, 0) if _is_open(options) else 0
        if poison.is_wanted:
            poison.take(number)
            wrong.add(number)
            fresh = max(fresh, 1)
        sent += range(number, number + fresh)
        number += fresh
        begun += max(due, 0)
        batch, sent = sent[:IN_FLIGHT_MAX], sent[IN_FLIGHT_MAX:]
        results = await asyncio.gather(*(_place(app, options.seed, n, wrong, poison) for n in batch))
        placed = [n for n, ok in zip(batch, results, strict=True) if ok]
        answers = await asyncio.gather(*(_bring_back(app, options.seed, n) for n in placed))
        returns.add([n for n, answer in zip(placed, answers, strict=True) if answer])
        # An order whose return has no answer is placed again, and its return requested again, both under their keys.
        accepted.add([n for n, answer in zip(placed, answers, strict=True) if answer is not None])
        sent += [n for n, ok in zip(batch, results, strict=True) if not ok]
        sent += [n for n, answer in zip(placed, answers, strict=True) if answer is None]
        await asyncio.sleep(TICK_S)


def _is_open(options: RoleOptions) -> bool:
    return not (Path(options.data) / "closed").exists()


async def _place(app: DemoApp, seed: int, number: int, wrong: set[int], poison: Poisoned) -> bool:
    command = order(seed, number)
    try:
        sent = poisoned(command) if number in wrong else command
        await app.send(sent, idempotency_key=f"demo/{command.order_id}")
    except Conflict:
        if number not in wrong:
            raise
        wrong.discard(number)
        poison.drop(number)
        return False
    except Rejection:
        raise
    except PartitaError:
        return False
    return True


async def _bring_back(app: DemoApp, seed: int, number: int) -> bool | None:
    """Request the return of an order. Returns whether it was accepted; None = there is no answer."""
    command = returned(seed, number)
    if command is None:
        return False
    try:
        await app.send(command, idempotency_key=f"demo/{command.return_id}")
    except ReturnRefused:
        return False
    except PartitaError:
        return None
    return True


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        # Not by sys.stdin: an interpreter that ends while a thread holds the lock of sys.stdin aborts.
        while os.read(0, 4096):
            pass
    os._exit(0)


def main() -> None:
    """`python -m partita.examples.proof.role JSON`."""
    options = msgspec.json.decode(sys.argv[1], type=RoleOptions)
    logging.basicConfig(filename=Path(options.data) / f"{options.role}.log", level=logging.WARNING)
    os.environ["PARTITA_DATA"] = options.data
    os.environ["PARTITA_SHOP_STOCK"] = str(options.stock)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        asyncio.run(work(options))
    except PartitaError as error:
        # A server was killed a moment ago: the parent of this process starts it again.
        sys.exit(f"  {options.role} cannot start now: {str(error).partition(chr(10))[0]}")


if __name__ == "__main__":
    main()
