"""The demo's servers: the caller that brings a server provides the functions that kill and restart it."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import wait
from pathlib import Path

import pytest

from partita import Settings
from partita.examples.proof import demo
from partita.examples.proof.ground import Ground
from partita.examples.proof.reading import DatabaseFiles, LogFile, Loop


def test_servers_are_killed_in_turn_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is away already is not killed again, and while one is away nothing is quiet."""
    monkeypatch.setattr(demo, "SERVER_AWAY_S", 60.0)
    seen: list[str] = []
    servers = tuple(
        demo.Server(
            name=name, kill=lambda name=name: seen.append(f"-{name}"), start=lambda name=name: seen.append(f"+{name}")
        )
        for name in ("db", "broker")
    )
    loop = Loop()
    ground = Ground(Settings(data=tmp_path), DatabaseFiles(tmp_path), LogFile(tmp_path), loop)
    running = demo.Demo(demo.DemoOptions(data=tmp_path, servers=servers), ground, seen.append)
    for _ in range(3):
        running.kill_server()
    running.tend()
    assert seen == ["-db", "-broker"] and running.numbers().kills == 2
    assert not running._is_quiet(demo.Numbers(behind=0))
    running.away = dict.fromkeys(running.away, 0.0)
    running.tend()
    wait(running.starting.values())
    running.kill_server()  # still restarting: its state is not known yet
    running.tend()
    assert running._is_quiet(demo.Numbers(behind=0)) and not running._is_quiet(demo.Numbers(behind=None))
    running.kill_server()
    assert seen[:2] == ["-db", "-broker"] and set(seen[2:4]) == {"+db", "+broker"} and seen[4:] == ["-db"]
    running.stop()
    loop.close()


def test_a_server_that_does_not_come_back_ends_the_demo(tmp_path: Path) -> None:
    """It is started beside the kills; its failure must not be lost there."""

    def fail() -> None:
        raise RuntimeError("it does not start")

    loop = Loop()
    ground = Ground(Settings(data=tmp_path), DatabaseFiles(tmp_path), LogFile(tmp_path), loop)
    running = demo.Demo(demo.DemoOptions(data=tmp_path), ground, str)
    running.away[demo.Server(name="db", kill=lambda: None, start=fail)] = 0.0
    running.tend()
    wait(running.starting.values())
    with pytest.raises(RuntimeError, match="does not start"):
        running.tend()
    running.stop()
    loop.close()


def test_a_process_that_crashed_is_not_passed_over(tmp_path: Path) -> None:
    """It is restarted as after a kill. That the demo did not kill it is reported, and the demo fails."""
    loop = Loop()
    ground = Ground(Settings(data=tmp_path), DatabaseFiles(tmp_path), LogFile(tmp_path), loop)
    running = demo.Demo(demo.DemoOptions(data=tmp_path), ground, str)
    abort, wait_long = "import os; os.abort()", "import time; time.sleep(60)"
    for role, code in (("mail", abort), ("psp", wait_long)):
        running.processes[role] = subprocess.Popen([sys.executable, "-c", code])
    running.processes["mail"].wait()
    running.kill("psp")
    running.restart_at.clear()
    running.tend()
    assert running.crashed == [f"mail died by signal {signal.SIGABRT:d}"]
    running.stop()
    loop.close()


def test_patience_lasts_while_something_moves() -> None:
    """On a slow machine a backlog takes long and moves all the time; a demo without movement is soon given up."""
    patience = demo.Patience(still_s=0.0, most_s=1_000.0)
    assert not patience.ends(1) and not patience.ends(2)
    assert patience.ends(2)
    assert demo.Patience(still_s=1_000.0, most_s=0.0).ends(1)
