"""`partita run --workers`: work is shared, a worker that dies is started again, all stop together."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.processes.test_processes import ROOT, inversions, send, wait_for
from tests.waiting import until_blocking

from partita.cli.workers import Workers
from partita.clock import SystemClock
from partita.machine.system import this_machine
from partita.store.connect import connect_store

pytestmark = [pytest.mark.slow]


def test_workers_share_are_replaced_and_stop_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "tests.processes.counting:app"]
    said = tmp_path / "said"
    log = said.open("wb")
    parent = subprocess.Popen(
        [*command, "--workers", "3", "--instance", "w", "--data", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=log,
    )  # fmt: skip
    try:
        until_blocking(lambda: said.read_text().count("ready") == 3)
        asyncio.run(send(tmp_path, 20, range(5)))
        first = children(parent.pid)
        os.kill(first[0], signal.SIGKILL)
        asyncio.run(send(tmp_path, 20, range(5, 10)))
        rows = wait_for(tmp_path, 200, 30)
        assert len(rows) == 200 and inversions(rows) == 0
        # The dead one stays listed until its parent has collected it.
        new = until_blocking(lambda: set(children(parent.pid)) - set(first))
        assert len(new) == 1, "one was started again"
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 0
        assert "it is started again" in said.read_text()
    finally:
        for pid in children(parent.pid):
            os.kill(pid, signal.SIGKILL)
        parent.kill()
        parent.wait()
        log.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_who_started_it_is_told_when_it_is_ready_and_when_it_stops(processes: int, tmp_path: Path) -> None:
    """As systemd's `Type=notify` requires it: one notice, when all workers work, from the process that was started."""
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", "run", "tests.processes.counting:app"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(tmp_path / "ear"))
        ear.settimeout(60)
        parent = subprocess.Popen(
            [*command, "--workers", str(processes), "--data", str(tmp_path / "data")], cwd=ROOT, stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NOTIFY_SOCKET": str(tmp_path / "ear")},
        )  # fmt: skip
        try:
            assert ear.recv(100) == b"READY=1"
            assert (tmp_path / "data" / "sink.db").exists()
            assert "PARTITA_INSTANCE=worker-1" not in environment(children(parent.pid)), "a name that others have too"
            parent.send_signal(signal.SIGTERM)
            assert ear.recv(100) == b"STOPPING=1"
            said = parent.communicate(timeout=30)[1]
            assert parent.returncode == 0
            assert said.count(b"ready:") == processes
            ear.setblocking(False)
            with pytest.raises(BlockingIOError):
                ear.recv(100)
        finally:
            parent.kill()
            parent.communicate()


class Interrupted(Workers):
    """SIGTERM to the workers while the second one is being started: before its process exists, or after."""

    before = False

    def _start(self, number: int) -> None:
        if number == 2 and self.before:
            self._stop()
        super()._start(number)
        if number == 2 and not self.before:
            self._stop()


def run_words(data: Path) -> list[str]:
    """The command line of a program that runs until a signal ends it."""
    return ["run", "tests.processes.counting:app", "--data", str(data)]


@pytest.mark.parametrize("before", [True, False])
async def test_a_stop_during_the_start_reaches_all_that_were_started(before: bool, tmp_path: Path) -> None:
    """A worker that got no signal was waited for until an impatient supervisor killed it."""
    workers = Interrupted(run_words(tmp_path), 3, SystemClock())
    workers.before = before
    try:
        assert await asyncio.wait_for(workers._run(), 30) == 0
        assert len(workers._children) == 2, "none is started after it"
    finally:
        end(workers)


class Deaf(Workers):
    """A worker that ignores the signal."""

    def _start(self, number: int) -> None:
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
        child = self._children[number] = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline()
        child.stdout.close()
        self._stop()


async def test_a_worker_that_does_not_end_is_killed(tmp_path: Path) -> None:
    """The wait for it is bounded, and the exit code shows that not all workers ended in order."""
    workers = Deaf(run_words(tmp_path), 1, SystemClock(), grace_s=0.0, killed_after_s=0.5)
    try:
        assert await asyncio.wait_for(workers._run(), 30) == 1
    finally:
        end(workers)


def end(workers: Workers) -> None:
    """Kill every process that is left."""
    workers._ear.close()
    for child in workers._children.values():
        child.kill()
        child.wait()


async def test_a_start_that_cannot_succeed_ends_all_with_its_code(tmp_path: Path) -> None:
    """If it were restarted for ever, a deployment that waits for its migration would look to systemd like one that
    works."""
    other = connect_store(tmp_path / "sink.db", this_machine(), service="other", tables="")
    await other.open()
    await other.close()
    command = [sys.executable, "-c", "from partita.cli.main import main; main()", *run_words(tmp_path)]
    parent = subprocess.Popen(
        [*command, "--workers", "2"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE
    )
    try:
        said = parent.communicate(timeout=30)[1]
        assert (parent.returncode, said.count(b"would again")) == (5, 1)
    finally:
        parent.terminate()
        parent.communicate()


def environment(pids: list[int]) -> list[str]:
    """The variables of some processes."""
    return [each for pid in pids for each in Path(f"/proc/{pid}/environ").read_text().split("\0")]


def children(pid: int) -> list[int]:
    """The running children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
