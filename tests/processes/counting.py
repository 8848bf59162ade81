"""The system of the process tests: a producer, and a consumer that records its handled messages in their order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

from partita import App, Command, Event, Key, Meta, Retry, Service, Settings, Tx

FAILS = Path(os.environ.get("COUNTING_FAILS", "/nonexistent"))
ONE_IN = int(os.environ.get("COUNTING_ONE_IN", "0"))
FIRST_TRIES = int(os.environ.get("COUNTING_FIRST_TRIES", "0"))
CARELESS = os.environ.get("COUNTING_CARELESS", "0") == "1"
HANDLER = os.environ.get("COUNTING_HANDLER", "see")
BATCH = int(os.environ.get("COUNTING_BATCH", "50"))
SCALE = float(os.environ.get("COUNTING_SCALE", "1"))
TIERS = tuple(float(part) for part in os.environ.get("COUNTING_TIERS", "60,300,1800").split(",") if part)

SEQ = "BIGINT GENERATED ALWAYS AS IDENTITY" if os.environ.get("PARTITA_STORE") else "INTEGER"

source = Service("source", namespace="count.source")
sink = Service(
    "sink",
    namespace="count.sink",
    tables=f"CREATE TABLE IF NOT EXISTS seen (seq {SEQ} PRIMARY KEY, key TEXT NOT NULL, number BIGINT NOT NULL, pid BIGINT);",
    retry=Retry(
        in_place=int(os.environ.get("COUNTING_IN_PLACE", "3")),
        delays=TIERS,
        storm=int(os.environ.get("COUNTING_STORM", "20")),
        storm_pause_s=0.5,
    ),
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


class Worked(Event, of=sink):
    what: Key[str]


ADD = "INSERT INTO seen (key, number, pid) VALUES (:k, :n, :p)"


def take_long(event: Counted) -> None:
    """A message with a negative number takes that many seconds, less one, and blocks its thread meanwhile."""
    if event.number < 0:
        os.write(1, f"begun {event.key}\n".encode())
        time.sleep(-event.number - 1)


def work(event: Counted) -> Worked:
    """A plain function: it runs in a thread, and its effect is its return value."""
    take_long(event)
    return Worked(what=f"{event.key}/{event.number}")


async def call(event: Counted) -> Worked:
    """It calls outside, and blocks the event loop."""
    take_long(event)
    return Worked(what=f"{event.key}/{event.number}")


async def see(event: Counted, tx: Tx, meta: Meta) -> None:
    if event.number == -1:
        os._exit(1)  # a message that kills the process
    take_long(event)
    if FAILS.exists():
        raise ConnectionError("what it needs is down")
    if ONE_IN and (event.number * 7 + int(event.key[1:])) % ONE_IN == 0 and meta.attempt <= FIRST_TRIES:
        raise ValueError("not the first time")
    await tx.execute(ADD, k=event.key, n=event.number, p=os.getpid())


handler, concurrency = {"see": (see, 1), "work": (work, 1), "work outside": (work, 4), "call": (call, 4)}[HANDLER]
sink.on(handler, concurrency=concurrency)


app = App(source, sink)


def chosen() -> App:
    """The app, or the same with the planted bug of the tests on Kafka."""
    if not CARELESS:
        return app
    from tests.careless import CarelessApp

    return CarelessApp(*app.services)


async def main(data: Path, services: list[str], roles: tuple[str, ...]) -> None:
    mine = chosen().configured(Settings.from_environment(data=data, batch=BATCH, time_scale=SCALE))
    async with mine.running(services=services, roles=roles):
        os.write(1, b"ready\n")
        await asyncio.Event().wait()


def end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


if __name__ == "__main__":
    # A shell that runs the tests in the background ignores the signal, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2].split(","), tuple(sys.argv[3].split(","))))
