"""Handlers and users' transactions that write the same keys of one topic: two services hit a ball of each key to each other,
and a program cheers.

    python -m tests.processes.mixing DATA SERVICES ROLES      a process of the services
    python -m tests.processes.mixing URL cheer KEYS CHEERS    the program: so many cheers for each key, goes on where it was killed
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import asyncpg
from tests.processes.counting import end_with_parent

from partita import App, Command, Event, Key, Service, Settings, Tx

HITS = int(os.environ.get("MIXING_HITS", "100"))
TABLES = "CREATE TABLE IF NOT EXISTS hit (key TEXT NOT NULL, number BIGINT NOT NULL);"
HIT = "INSERT INTO hit (key, number) VALUES (:k, :n)"

server = Service("server", namespace="mix.server", tables=TABLES)
player = Service("player", namespace="mix.player", tables=TABLES)


class Served(Event, of=server):
    key: Key[str]
    number: int


class Cheered(Event, of=server):
    key: Key[str]
    number: int


class Serve(Command[Served], of=server):
    key: Key[str]


class Returned(Event, of=player):
    key: Key[str]
    number: int


@server.handles(Serve)
async def serve(cmd: Serve) -> Served:
    return Served(key=cmd.key, number=1)


@player.on
async def give_back(event: Served, tx: Tx) -> Returned:
    await tx.execute(HIT, k=event.key, n=event.number)
    return Returned(key=event.key, number=event.number + 1)


@server.on
async def hit(event: Returned, tx: Tx) -> Served | None:
    await tx.execute(HIT, k=event.key, n=event.number)
    return Served(key=event.key, number=event.number + 1) if event.number < HITS else None


app = App(server, player)


async def run(data: Path, services: list[str], roles: tuple[str, ...]) -> None:
    async with app.configured(Settings.from_environment(data=data)).running(services=services, roles=roles):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()


async def cheer(url: str, keys: int, cheers: int) -> None:
    """A transaction writes the program's own row and the event, for several keys; each key's numbers in order."""
    connection = await asyncpg.connect(url)
    outbox = app.outbox(server)
    await connection.execute("CREATE TABLE IF NOT EXISTS cheer (key TEXT, number BIGINT, PRIMARY KEY (key, number))")
    os.write(1, b"ready\n")
    for number in range(1, cheers + 1):
        for first in range(0, keys, 10):
            some = [f"k{key}" for key in range(first, min(first + 10, keys))]
            async with connection.transaction():
                told = await connection.fetch(
                    "INSERT INTO cheer SELECT *, $2 FROM unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING key",
                    some,
                    number,
                )
                if told:
                    await outbox.add(connection, *(Cheered(key=row["key"], number=number) for row in told))
    await connection.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=end_with_parent, daemon=True).start()
    if sys.argv[2] == "cheer":
        asyncio.run(cheer(sys.argv[1], int(sys.argv[3]), int(sys.argv[4])))
    else:
        asyncio.run(run(Path(sys.argv[1]), sys.argv[2].split(","), tuple(sys.argv[3].split(","))))
