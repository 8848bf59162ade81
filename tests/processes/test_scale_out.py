"""Many processes on PostgreSQL: restarted one after the other under load, drained, stopped at once, behind a pooler."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from servers.process import ServerProcess
from tests.processes.test_on_servers import proven, send_surely
from tests.processes.test_processes import ROOT, process, send
from tests.processes.test_workers import children
from tests.servers import emptied, pooler_url, postgres_server
from tests.waiting import last_found, until_blocking

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Row = tuple[str, int, int]


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[ServerProcess, str]]:
    with postgres_server() as found:
        yield found


@pytest.fixture
def server(database: tuple[ServerProcess, str], monkeypatch: pytest.MonkeyPatch) -> str:
    emptied(*database)
    monkeypatch.setenv("PARTITA_STORE", f"{database[1]}?pool_max=4")
    return database[1]


def seen(url: str) -> list[Row]:
    """(key, number, pid) in the order handled."""

    async def read() -> list[Row]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch("SELECT key, number, pid FROM sink.seen ORDER BY seq")]
        finally:
            await connection.close()

    return asyncio.run(read())


def wait_for(url: str, count: int, seconds: float = 90) -> list[Row]:
    """The handled messages, as soon as there are `count`."""
    return last_found(lambda: seen(url), seconds, holds=lambda rows: len(rows) >= count)


@contextmanager
def running(data: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`partita run` of the counting system, with its output; it and its workers end with the block."""
    said = data / f"said-{time.monotonic_ns()}"
    with said.open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "tests.processes.counting:app",
             "--data", str(data), *words],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=log,
        )  # fmt: skip
        try:
            yield child, said
        finally:
            workers = children(child.pid)
            child.kill()
            child.wait()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)


def test_workers_are_started_anew_one_after_the_other_under_load(server: str, tmp_path: Path) -> None:
    """SIGHUP: a deployment without a gap. No message is lost or handled twice, the order is kept, and at most one
    worker is away at a time."""
    with running(tmp_path, "--workers", "3") as (parent, said):
        until_blocking(lambda: said.read_text().count("ready:") == 3)
        before = set(children(parent.pid))
        sending = threading.Thread(target=lambda: asyncio.run(send_surely(tmp_path, 20, range(60), 0.05)))
        sending.start()
        try:
            until_blocking(lambda: len(seen(server)) > 100)
            parent.send_signal(signal.SIGHUP)
            alive: list[int] = []

            def all_anew() -> bool:
                alive.append(len(children(parent.pid)))
                return said.read_text().count("was restarted") == 3

            until_blocking(all_anew)
            assert min(alive) >= 2
        finally:
            sending.join()
        proven(wait_for(server, 1_200), 1_200)
        after = set(children(parent.pid))
        assert len(after) == 3 and not before & after
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(30) == 0


def test_a_process_drains_under_load_within_its_grace(server: str, tmp_path: Path) -> None:
    """SIGTERM with messages in hand: the process finishes them and exits with 0; its successor handles the rest,
    once."""
    with running(tmp_path, "--roles", "relay,consumers", "--grace", "20") as (child, said):
        until_blocking(lambda: "ready:" in said.read_text())
        asyncio.run(send(tmp_path, 100, range(20)))
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 0
        assert "is cancelled" not in said.read_text(), "it finished within its grace"
    with process(tmp_path, "source,sink", "relay,consumers"):
        proven(wait_for(server, 2_000), 2_000)


def test_a_second_signal_stops_at_once_and_nothing_is_lost(server: str, tmp_path: Path) -> None:
    """While the first one is still finishing: the database is held, so that it cannot finish."""

    async def hold(done: threading.Event, held: threading.Event) -> None:
        connection = await asyncpg.connect(server)
        async with connection.transaction():
            await connection.execute("LOCK TABLE sink.seen IN ACCESS EXCLUSIVE MODE")
            held.set()
            await asyncio.to_thread(done.wait)
        await connection.close()

    with running(tmp_path, "--roles", "relay,consumers", "--grace", "200") as (child, said):
        until_blocking(lambda: "ready:" in said.read_text())
        done, held = threading.Event(), threading.Event()
        holder = threading.Thread(target=lambda: asyncio.run(hold(done, held)))
        holder.start()
        try:
            assert held.wait(30)
            asyncio.run(send(tmp_path, 10, range(10)))
            until_blocking(lambda: is_waited_for(server))
            child.send_signal(signal.SIGTERM)
            until_blocking(lambda: "stopping" in said.read_text())
            assert child.poll() is None, "it waits for what is in work"
            child.send_signal(signal.SIGTERM)
            assert child.wait(20) == 1
        finally:
            done.set()
            holder.join()
    with process(tmp_path, "source,sink", "relay,consumers"):
        proven(wait_for(server, 100), 100)


def is_waited_for(url: str) -> bool:
    """Whether a session waits for a lock on that server."""

    async def ask() -> bool:
        connection = await asyncpg.connect(url)
        try:
            return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_processes_behind_a_pooler_handle_and_relay(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pooler delivers no notifications, so the relays poll; and a killed process leaves no state in the pooler's
    connections."""
    with pooler_url(server) as pooler:
        monkeypatch.setenv("PARTITA_STORE", pooler)
        with process(tmp_path, "source", "relay"), process(tmp_path, "sink", "consumers") as victim:
            asyncio.run(send(tmp_path, 20, range(10)))
            assert len(wait_for(server, 200)) == 200
            asyncio.run(send(tmp_path, 20, range(10, 15)))
            victim.kill()
            with process(tmp_path, "sink", "consumers"):
                asyncio.run(send(tmp_path, 20, range(15, 20)))
                proven(wait_for(server, 400), 400)
