"""`partita run --workers`: work is shared, a worker that dies is started again, all stop together."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.processes.test_processes import ROOT, inversions, send, wait_for

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
        until = time.monotonic() + 30
        while said.read_text().count("ready") < 3 and time.monotonic() < until:
            time.sleep(0.1)
        asyncio.run(send(tmp_path, 20, range(5)))
        first = children(parent.pid)
        os.kill(first[0], signal.SIGKILL)
        asyncio.run(send(tmp_path, 20, range(5, 10)))
        rows = wait_for(tmp_path, 200, 30)
        assert len(rows) == 200 and inversions(rows) == 0
        # The dead one stays listed until its parent has asked after it.
        until = time.monotonic() + 30
        while not (new := set(children(parent.pid)) - set(first)) and time.monotonic() < until:
            time.sleep(0.1)
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
    """As systemd's `Type=notify` wants it: once, when all of it works, by the process that was started."""
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


def environment(pids: list[int]) -> list[str]:
    """The variables of some processes."""
    return [each for pid in pids for each in Path(f"/proc/{pid}/environ").read_text().split("\0")]


def children(pid: int) -> list[int]:
    """The running children of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
