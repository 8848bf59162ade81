"""Which processes are alive: each holds a lock on a file of its own, and the kernel drops it at death."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class LockedAlive:
    """See `partita.machine.port.Alive`.

    A killed process is known to be dead at once. A stopped one (SIGSTOP) still holds its lock: only its heartbeat shows it.
    """

    def __init__(self, folder: Path, token: str) -> None:
        self._folder = folder
        self.token = token
        folder.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(folder / token, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def is_dead(self, token: str) -> bool:
        """Whether the process with that token is gone for certain."""
        path = self._folder / token
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(fd)

    def is_living(self, token: str) -> bool:
        """Never known for certain: a stopped process holds its lock too."""
        return False

    def announce(self, text: str) -> None:
        """Write it into the file that is locked."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)

    def announced(self) -> list[str]:
        """Read the files of those that hold their lock."""
        found = []
        for path in sorted(self._folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size and not self.is_dead(path.name):
                    found.append(path.read_bytes().decode(errors="replace"))
        return found

    def close(self) -> None:
        """Withdraw the sign of life."""
        (self._folder / self.token).unlink(missing_ok=True)
        os.close(self._fd)
