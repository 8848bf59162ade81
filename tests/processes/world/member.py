"""One process of a system that waits for the world: `python -m tests.processes.world.member NAME ROLE DATA`.

NAME is the module of the system (`insured`, `riding`). ROLE is `tables`, `people`, `relay`, `audit`, or the names of services; it ends
when its input is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.processes.counting import end_with_parent
from tests.processes.world.deeds import DEATHS, Deeds
from tests.processes.world.mortal import MortalApp
from tests.waiting import the_time

from partita import PartitaError, Settings
from partita.examples.proof.facts import Messages
from partita.examples.proof.ground import opened
from partita.examples.proof.ledger import Invariant, causality, key_order, no_ghost, no_loss, traceable

QUIET_WITHIN_S = float(os.environ.get("WORLD_QUIET_S") or "90")
LOOK_S = 0.2
LIFE_S = 3_600.0
CALM_LOOKS = 3
OPEN = "SELECT count(*) AS n FROM saga WHERE status NOT IN ('completed', 'undone')"
LIVES = "SELECT saga, status, started_us, updated_us FROM saga"
QUEUED = "SELECT count(*) AS n FROM outbox_queue"
STUCK = {
    "waits for an answer": "SELECT type, key FROM pending WHERE state = 'open'",
    "has a mark that waits": "SELECT type, key FROM inbox WHERE outcome = 'pending'",
    "is parked": "SELECT type, key FROM parked",
    "is a dead letter": "SELECT type, key FROM dead_letter WHERE status IN ('open', 'replaying')",
}


def settings_of(data: Path, role: str, scale: float) -> Settings:
    """The settings of a process: the servers are in the environment."""
    return Settings.from_environment(data=data, instance=role.replace(",", "-"), time_scale=scale, secret="s" * 32)


async def work(system: Any, role: str, data: Path) -> None:
    """Do the role's work until the process ends."""
    app = MortalApp(*system.app.services, settings=settings_of(data, role, system.SCALE))
    ready = data / f"ready-{os.getpid()}"
    if role == "people":
        async with app.running(services=list(system.SERVED_BY_PEOPLE), roles=()):
            ready.touch()
            await system.live(app, data)
            await asyncio.Event().wait()
    elif role == "tables":
        async with app.running(roles=()):
            return
    elif role == "relay":
        async with app.running(roles=("relay",)):
            ready.touch()
            await asyncio.Event().wait()
    else:
        async with app.running(services=role.split(","), roles=("consumers", "timers")):
            ready.touch()
            await asyncio.Event().wait()


def audit(system: Any, data: Path) -> dict[str, Any]:
    """Wait until nothing moves, and judge: by the effects of the services, by the messages, and by what still waits."""
    app = MortalApp(*system.app.services, settings=settings_of(data, "audit", system.SCALE))
    ground = opened(app, app.settings)
    names = [service.name for service in app.services]
    query = ground.databases.query

    def moves() -> list[Any]:
        deeds = Deeds(data / "deeds").count()
        counts = [query(name, sql) for name in names for sql in (QUEUED, OPEN, *STUCK.values())]
        return [deeds, ground.log.behind(), counts]

    def is_quiet() -> bool:
        left = [row[0] for name in names for sql in (QUEUED, OPEN) for row in query(name, sql)]
        stuck = any(query(name, sql) for name in names for sql in STUCK.values())
        return len(left) == 2 * len(names) and not any(left) and not stuck and system.is_over(Deeds(data / "deeds"))

    quiet = asyncio.run(_until_quiet(is_quiet, moves, QUIET_WITHIN_S + system.LATE_S))
    wrong: list[str] = [] if quiet else ["stuck: it did not come to rest"]
    with ground.databases.snapshot() as fetch:
        facts = Messages(app, ground.databases, fetch, ground.log)
        wrong += [
            f"stuck: {name} of the sagas: {row}" for name in names for row in fetch(name, f"{OPEN} LIMIT 1") if row[0]
        ]
        for name in names:
            wrong += [f"stuck: at {name} {row} {what}" for what, sql in STUCK.items() for row in fetch(name, sql)]
        wrong += _of_messages(facts, names)
        ends = system.audit(facts, Deeds(data / "deeds"), wrong)
        lives = [(f"{saga} {end}", *life) for name in names for saga, end, *life in fetch(name, LIVES)]
    ground.close()
    return {"wrong": wrong, "ends": ends, "records": len(facts.records), "lives": lives}


def _of_messages(facts: Messages, names: Sequence[str]) -> list[str]:
    """The invariants of the demo that hold for each app."""
    answered = {row[0] for name in names for row in facts.fetch(name, "SELECT reply_to FROM pending")}
    checks: list[tuple[str, Callable[[Messages, Invariant], None]]] = [
        ("ghost", no_ghost),
        ("lost or duplicate", no_loss),
        ("traceable", traceable),
        ("ghost", causality),
        ("order", key_order),
    ]
    found: list[str] = []
    for word, check in checks:
        if check is key_order:  # an answered command has a new mark, behind those of later messages of its key
            facts.handled = {
                name: [each for each in rows if each[0] not in answered] for name, rows in facts.handled.items()
            }
        invariant = Invariant(word, word)
        check(facts, invariant)
        found += [f"{word}: {violation}" for violation in invariant.violations]
    return found


async def _until_quiet(is_quiet: Callable[[], bool], moves: Callable[[], list[Any]], quiet_within_s: float) -> bool:
    loop = asyncio.get_running_loop()
    still_from, before, calm = loop.time(), None, 0
    while calm < CALM_LOOKS:
        calm = calm + 1 if await asyncio.to_thread(is_quiet) else 0
        now: Any = await asyncio.to_thread(moves)
        if now != before:
            before, still_from = now, loop.time()
        if loop.time() - still_from > quiet_within_s:
            return False
        await the_time(LOOK_S)
    return True


async def its_turn(data: Path, part: float) -> None:
    """Wait until that part of the deaths is over, so that some are left for the lives of the last claims and rides too."""
    deaths, place = part * float(os.environ["WORLD_KILLS"]), data / DEATHS
    while deaths > (int(place.read_text() or "0") if place.exists() else 0):
        await the_time(LOOK_S)


async def surely(do: Callable[[], Awaitable[Any]], *answers: type[Exception]) -> Any:
    """The result of a deed that is repeated until it has one; an error of these classes is a result too."""
    while True:
        try:
            return await do()
        except answers as error:
            return error
        except PartitaError as error:
            if not error.retryable:
                raise
            await the_time(LOOK_S)


def main() -> None:
    name, role, data = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    system = importlib.import_module(f"tests.processes.world.{name}")
    logging.basicConfig(filename=data / f"{role.replace(',', '-')}.log", level=logging.WARNING)
    threading.Thread(target=end_with_parent, daemon=True).start()
    if role == "audit":
        os.write(1, msgspec.json.encode(audit(system, data)) + b"\n")
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(work(system, role, data))


if __name__ == "__main__":
    main()
