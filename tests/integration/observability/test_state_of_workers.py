"""The state of a worker is one fact: every tool shows that it fails, that it is stuck, or that no process runs it."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.integration.runtime.failing.test_users_code import ADD, TABLES
from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx, minutes, seconds
from partita.alerts.reading import read
from partita.observability.workers import why_service
from partita.runtime.system import System
from partita.signals import WORKER_FAILING, WORKER_STUCK, Signal

source = Service("state-source", namespace="state.source")


class Rung(Event, of=source):
    id: Key[str]


class Ring(Command[Rung], of=source):
    id: Key[str]


@source.handles(Ring)
async def ring(cmd: Ring) -> Rung:
    return Rung(id=cmd.id)


async def gauges(system: System, signal: Signal) -> dict[tuple[str, ...], float]:
    """The samples of one signal."""
    return {sample.values: sample.value for sample in await system.samples() if sample.signal is signal}


@virtually
async def test_a_handler_that_hangs_is_told_everywhere_with_what_it_has_in_hand() -> None:
    """On the embedded tier the handler holds the lock of its service's whole file: the report must not need that
    lock."""
    stuck = Service("stuck", namespace="state.stuck", tables=TABLES)
    let_go = asyncio.Event()

    @stuck.on
    async def hang(event: Rung, tx: Tx) -> None:
        await tx.execute(ADD, id=event.id)
        await let_go.wait()

    app = App(source, stuck)
    async with app.testing() as t:
        system, store = t._system, t._system.stores["stuck"]
        await t.send(Ring(id="k1"))
        await t.advance(seconds(20))
        assert system.health().status == "ok"

        await t.advance(minutes(2))
        (state,) = await store.workers.reported()
        assert (state.worker, state.state) == ("consumer of stuck", "stuck")
        assert "hang does not return, with Rung of key k1 in hand" in state.cause
        assert any(check.name == "consumer of stuck" and "hang" in check.reason for check in system.health().checks)
        assert system.health().status == "degraded"
        assert await gauges(system, WORKER_STUCK) == {("stuck", "consumer of stuck"): 1.0}
        lags = await system.bus.lag("stuck")
        (said,) = await why_service(store, lags, system.clock.now_us())
        assert "consumer of stuck is stuck since" in said and "k1" in said
        reading = await read(store, system.bus, system.clock, 3.0)
        assert reading.stuck == 1 and reading.members == 1 and (reading.behind_s or 0) > 100

        let_go.set()
        await t.advance(seconds(5))
        assert not await store.workers.reported() and system.health().status == "ok"


@virtually
async def test_the_watch_of_a_service_that_is_stuck_still_tells() -> None:
    """Its lease and its alarms are in the file that the handler holds."""
    stuck = Service("held", namespace="state.held", tables=TABLES)
    let_go = asyncio.Event()
    told: list[str] = []

    @stuck.on
    async def hang(event: Rung, tx: Tx) -> None:
        await tx.execute(ADD, id=event.id)
        await let_go.wait()

    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("partita").addHandler(handler)
    try:
        app = App(source, stuck)
        async with app.testing() as t:
            await t.send(Ring(id="k1"))
            for _ in range(3):  # a test evaluates the alerts once an hour
                await t.advance(minutes(61))
            assert any("WorkerStuck" in line and "held" in line for line in told), told
            let_go.set()
            await t.advance(minutes(61))
    finally:
        logging.getLogger("partita").removeHandler(handler)


@virtually
async def test_a_group_that_fails_in_a_loop_is_told_and_its_log_is_rationed(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """A right that was taken away in the database: two hundred log lines a second, and no metric, no alert."""
    fails = Service("fails", namespace="state.fails", tables=TABLES, retry=Retry(in_place=0, delays=()))

    @fails.on
    async def hear(event: Rung, tx: Tx) -> None:
        await tx.execute(ADD, id=event.id)

    app = App(source, fails, settings=settings, machine=machine_here())
    async with app.running() as system:
        await app.send(Ring(id="first"))
        await app.settled()
        caplog.clear()
        store = system.stores["fails"]
        async with store.transaction() as session:
            await session.execute("ALTER TABLE inbox RENAME TO inbox_away", {})
        for n in range(20):
            await app.send(Ring(id=f"k{n}"))

        async def told() -> Any:
            return await store.workers.reported()

        (state, *_) = await until(told)
        assert state.state == "failing" and "inbox" in state.cause
        assert (await gauges(system, WORKER_FAILING))[("fails", state.worker)] == 1.0
        assert (await read(store, system.bus, system.clock, 3.0)).failing >= 1
        assert any(check.status == "degraded" and "inbox" in check.reason for check in system.health().checks)
        lines = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and "inbox" in r.getMessage()]
        assert lines and len(lines) == len(set(lines)), lines
        async with store.transaction() as session:
            await session.execute("ALTER TABLE inbox_away RENAME TO inbox", {})

        async def well() -> bool:
            return not await store.workers.reported()

        await until(well)
        await app.settled()


PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from partita import App, Command, Event, Key, Service, Settings
s = Service("killed", namespace="state.killed")
class Did(Event, of=s):
    id: Key[str]
class Do(Command[Did], of=s):
    id: Key[str]
@s.handles(Do)
async def do(cmd: Do) -> Did:
    return Did(id=cmd.id)
@s.on
async def hear(event: Did) -> None:
    await asyncio.Event().wait()
app = App(s, settings=Settings(data=Path(os.environ["DATA"]), store=os.environ["STORE"], bus=os.environ["BUS"]))
async def main():
    async with app.running() as system:
        await app.send(Do(id="1"))
        while not system.pipelines["killed"].handlers.running:
            await asyncio.sleep(0.01)
        print("up", flush=True)
        await asyncio.Event().wait()
if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.slow
async def test_nobody_is_there_after_every_process_was_killed(settings: Settings, tmp_path: Path) -> None:
    """The dead processes were shown as members, and no alert fired."""
    (tmp_path / "killed_app.py").write_text(PROGRAM)
    environment = {
        **os.environ,
        "DATA": str(settings.data),
        "STORE": settings.store,
        "BUS": settings.bus,
        "PYTHONPATH": str(tmp_path),
        "PARTITA_DATA": str(settings.data),
        "PARTITA_APP": "killed_app:app",
    }
    first = subprocess.Popen([sys.executable, "killed_app.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert await asyncio.to_thread(first.stdout.readline) == b"up\n"
    first.send_signal(signal.SIGKILL)
    await asyncio.to_thread(first.communicate)

    async def ask(*words: str) -> str:
        command = [str(Path(sys.executable).with_name("partita")), *words]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        return done.stdout + done.stderr

    async def absent() -> str:
        found = await ask("consumers", "list")
        return found if "no process runs killed" in found else ""

    listed = await until(absent)
    (row,) = [line for line in listed.splitlines() if "killed.events" in line and "retry" not in line]
    assert row.split()[-4:] == ["0", "of", "4", "0"], listed
    assert "no process runs killed" in await ask("alerts", "list")
    assert "no process runs killed" in await ask("doctor")
    assert "no process runs killed" in await ask("why")
