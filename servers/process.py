"""A server's process: started in a session of its own, ended by its pid and only after a look at its command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 20.0
GROUP_ENDS_WITHIN_S = 5.0


class ServerFailed(RuntimeError):
    """A server did not start, or what it needs is not here; the message says what to do."""


HELD = "pre-existing shared memory block"
"""Said by a PostgreSQL that does not start: processes of the killed one are sessions of their own, and end a little later."""


@dataclass(slots=True)
class ServerProcess:
    """One server: `command` runs in `folder` (where its log lies too), as `user` where that is given."""

    name: str
    folder: Path
    command: Sequence[str]
    ready: Callable[[], bool]
    user: str | None = None
    stop_signal: int = signal.SIGTERM
    environment: Mapping[str, str] | None = None  # beside this process's own
    child: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and return when it serves.

        Raises:
            ServerFailed: it ended, or was not ready in time; with the end of its log.
        """
        until = time.monotonic() + READY_WITHIN_S
        self._launch()
        while time.monotonic() < until and self.child is not None:
            if self.child.poll() is not None:
                if HELD not in self._said():
                    break
                time.sleep(0.2)
                self._launch()
            elif self.ready():
                return
            time.sleep(0.05)
        self.kill()
        raise ServerFailed(f"{self.name} did not start:\n{self._said()}")

    def _said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2_000:]

    def _launch(self) -> None:
        who: Mapping[str, Any] = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        with (self.folder / "log").open("ab") as log:
            child = self.child = subprocess.Popen(
                list(self.command), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=os.environ | (self.environment or {}), **who,
            )  # fmt: skip
        (self.folder / "pid").write_text(json.dumps({"pid": child.pid}), encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL, and wait for its end: a child nobody waits for keeps its pid, and some servers look at that."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        self._end(self.stop_signal)

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self.child is not None
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self.child is not None
        os.killpg(self.child.pid, signal.SIGCONT)

    def _end(self, number: int) -> None:
        if self.child is None or self.child.poll() is not None:
            return
        os.killpg(self.child.pid, number)
        try:
            self.child.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        # Its children end a little later, and a PostgreSQL that finds those of the one before does not start.
        until = time.monotonic() + GROUP_ENDS_WITHIN_S
        while _is_there(self.child.pid) and time.monotonic() < until:
            time.sleep(0.01)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(folder: Path) -> int | None:
    """The process that was started in a folder, if it runs: a pid alone may be another's by now."""
    try:
        pid = int(json.loads((folder / "pid").read_text(encoding="utf-8"))["pid"])
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except (OSError, ValueError, KeyError):
        return None
    return pid if str(folder) in command else None


def end(folder: Path, number: int) -> bool:
    """End what was started in a folder by another process; False = nothing of ours runs there."""
    pid = pid_of(folder)
    if pid is None:
        return False
    os.killpg(pid, number)
    until = time.monotonic() + STOPS_WITHIN_S
    while pid_of(folder) is not None:
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            until += STOPS_WITHIN_S
        time.sleep(0.05)
    return True


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
