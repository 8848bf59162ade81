"""The system of the process tests: a producer and a consumer that writes down what it handled, and in which order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from pathlib import Path

from partita import App, Command, Event, Key, Service, Settings, Tx

source = Service("source", namespace="count.source")
sink = Service(
    "sink",
    namespace="count.sink",
    tables="CREATE TABLE IF NOT EXISTS seen (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, number BIGINT NOT NULL, pid BIGINT);",
)


class Counted(Event, of=source):
    key: Key[str]
    number: int


class Count(Command[Counted], of=source):
    key: Key[str]
    number: int


@source.handles(Count)
async def count(cmd: Count) -> Counted:
    return Counted(key=cmd.key, number=cmd.number)


@sink.on
async def see(event: Counted, tx: Tx) -> None:
    if event.number == -1:
        os._exit(1)  # a message that kills the process
    await tx.execute(
        "INSERT INTO seen (key, number, pid) VALUES (:k, :n, :p)", k=event.key, n=event.number, p=os.getpid()
    )


app = App(source, sink)


async def main(data: Path, services: list[str], roles: tuple[str, ...]) -> None:
    mine = app.configured(Settings(data=data, batch=50))
    async with mine.running(services=services, roles=roles):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()


def end_with_parent() -> None:
    with contextlib.suppress(OSError):
        sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2].split(","), tuple(sys.argv[3].split(","))))
