"""Signals to the supervisor of this process that it is ready or stopping: a datagram to `NOTIFY_SOCKET`, by systemd's
protocol."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path

READY, STOPPING = "READY=1", "STOPPING=1"


def announce(state: str) -> None:
    """Send a signal; without `NOTIFY_SOCKET` nothing happens."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where:
        return
    address = "\0" + where[1:] if where.startswith("@") else where
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out, contextlib.suppress(OSError):
        out.sendto(state.encode(), address)


class ReadinessEar:
    """A socket on which the children of a process report that they are ready; `path` is their NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="partita-"))
        self.path = str(self._folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    def heard(self) -> int:
        """The number of children that reported READY since the last call."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while said := self._socket.recv(4_096):
                count += READY.encode() in said
        return count

    def close(self) -> None:
        """Remove the socket."""
        self._socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)
            os.rmdir(self._folder)
