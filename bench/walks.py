"""How far a message walks: the files of Partita that it enters, and how often control changes from one file to another.

    python bench/walks.py            the table
    python bench/walks.py dead       the files of one walk, in the order of their first call

Counted are calls of functions, in the loop's thread, by the tasks that carry this message; each walk is taken with the app
warmed up. The numbers depend on the code alone: they are no measurement of time.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import partita
from partita import App, Command, Event, Key, Retry, Saga, Service, Settings, Tx, retriable, seconds

ROOT = Path(partita.__file__).parent
TAKEN = 20  # each walk is taken so often: the shortest had the fewest calls of others between

shop = Service("walk-shop", namespace="walk.shop", tables="CREATE TABLE IF NOT EXISTS sold (id TEXT);")
desk = Service("walk-desk", namespace="walk.desk", tables="CREATE TABLE IF NOT EXISTS seen (id TEXT);")
sick = Service("walk-sick", namespace="walk.sick", retry=Retry(in_place=1, delays=(1, 2, 3), storm=1_000))
bank = Service("walk-bank", namespace="walk.bank")


class Sold(Event, of=shop):
    id: Key[str]


class Sell(Command[Sold], of=shop):
    id: Key[str]


class Ailing(Event, of=shop):
    id: Key[str]


class Hurt(Command[Ailing], of=shop):
    id: Key[str]


class Paid(Event, of=bank):
    id: Key[str]


class Pay(Command[Paid], of=bank):
    id: Key[str]


class Opened(Event, of=shop):
    id: Key[str]


class Open(Command[Opened], of=shop):
    id: Key[str]


class Paying(Saga, start=Opened, of=shop, deadline=seconds(600)):
    pay = retriable(Pay, timeout=seconds(60))


@shop.handles(Sell)
async def sell(cmd: Sell, tx: Tx) -> Sold:
    await tx.execute("INSERT INTO sold VALUES (:id)", id=cmd.id)
    return Sold(id=cmd.id)


@shop.handles(Hurt)
async def hurt(cmd: Hurt) -> Ailing:
    return Ailing(id=cmd.id)


@shop.handles(Open)
async def open_(cmd: Open) -> Opened:
    return Opened(id=cmd.id)


@bank.handles(Pay)
async def pay(cmd: Pay) -> Paid:
    return Paid(id=cmd.id)


@desk.on
async def see(event: Sold, tx: Tx) -> None:
    await tx.execute("INSERT INTO seen VALUES (:id)", id=event.id)


@sick.on
async def fail(event: Ailing) -> None:
    raise ValueError(event.id)


class Walk(NamedTuple):
    """The files that a message entered, in the order of their first call, and how often control changed its file."""

    files: tuple[str, ...]
    switches: int


class Steps:
    """Counts the calls of the tasks whose names begin with one of these."""

    def __init__(self, *tasks: str) -> None:
        self._tasks = tasks
        self.files: dict[str, None] = {}
        self.switches = 0
        self._last = ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        where = Path(frame.f_code.co_filename)
        if ROOT not in where.parents:
            return
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return
        if task is None or not task.get_name().startswith(self._tasks):
            return
        name = where.relative_to(ROOT).as_posix()
        self.files.setdefault(name)
        self.switches += name != self._last
        self._last = name

    def walk(self) -> Walk:
        """The counts."""
        return Walk(tuple(self.files), self.switches)


@asynccontextmanager
async def running(*services: Service, roles: tuple[str, ...]) -> AsyncIterator[App]:
    """The app in a folder of its own, with everything that it sends on the log."""
    with tempfile.TemporaryDirectory() as folder:
        app = App(shop, desk, sick, bank, settings=Settings(data=Path(folder), time_scale=0.002))
        async with app.running(services=[s.name for s in services], roles=roles):
            yield app


async def counted(steps: Steps, work: Callable[[], Awaitable[Any]]) -> Walk:
    """The walk while this is done."""
    asyncio.current_task().set_name("main")  # type: ignore[union-attr]  # this runs in one
    sys.setprofile(steps)
    try:
        await work()
    finally:
        sys.setprofile(None)
    return steps.walk()


async def send_to_reply() -> Walk:
    """A command at the local door, until its reply is there."""
    async with running(shop, roles=()) as app:
        await app.send(Sell(id="warm"))
        walks = [
            await counted(Steps("main", "door of walk-shop"), lambda: app.send(Sell(id="a"))) for _ in range(TAKEN)
        ]
    return min(walks, key=lambda walk: walk.switches)


async def by_the_consumer(
    send: Callable[[str], Any], consumer: Service, until: Callable[[App], Awaitable[int]]
) -> Walk:
    """A message on the log, until its consumer has handled it."""
    walks: list[Walk] = []
    async with running(shop, desk, sick, bank, roles=("relay", "consumers")) as app:
        await app.send(send("warm"))
        await app.settled(dead_letters=True)
        for n in range(TAKEN // 4):
            before = await until(app)

            async def done(n: int = n, before: int = before) -> None:
                await app.send(send(f"m{n}"))
                while await until(app) == before:
                    await asyncio.sleep(0.005)

            names = (f"consumer of {consumer.name}", f"retry topics of {consumer.name}", "lane")
            walks.append(await counted(Steps(*names), done))
            await app.settled(dead_letters=True)
    return min(walks, key=lambda walk: walk.switches)


def rows(service: Service, sql: str) -> Callable[[App], Awaitable[int]]:
    """How many there are in a service's database."""

    async def count(app: App) -> int:
        async with app.store(service.name).reading() as session:
            (row,) = await session.fetch(sql, {})
        return int(row["n"])

    return count


WALKS: dict[str, tuple[str, Callable[[], Awaitable[Walk]]]] = {
    "send": ("send to reply", send_to_reply),
    "last": (
        "an event at its last consumer",
        lambda: by_the_consumer(lambda id_: Sell(id=id_), desk, rows(desk, "SELECT count(*) AS n FROM seen")),
    ),
    "saga": (
        "a reply at its saga",
        lambda: by_the_consumer(
            lambda id_: Open(id=id_), shop, rows(shop, "SELECT count(*) AS n FROM saga WHERE status = 'completed'")
        ),
    ),
    "dead": (
        "all tries, to the dead letter",
        lambda: by_the_consumer(lambda id_: Hurt(id=id_), sick, rows(sick, "SELECT count(*) AS n FROM dead_letter")),
    ),
}


def main() -> None:
    """Print the table, or the files of one walk."""
    asked = sys.argv[1:]
    if not asked:
        print("| walk | files entered | changes of the file |\n|---|---:|---:|")
    for name in asked or WALKS:
        title, take = WALKS[name]
        walk = asyncio.run(take())  # type: ignore[arg-type]  # each is a coroutine
        if asked:
            print(*walk.files, sep="\n")
        else:
            print(f"| {title} | {len(walk.files)} | {walk.switches} |", flush=True)


if __name__ == "__main__":
    logging.disable()
    main()
