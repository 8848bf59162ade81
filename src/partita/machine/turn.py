"""The turn at a file as an advisory lock: waiters queue in the kernel, and SIGKILL gives the turn back."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from pathlib import Path

from partita.clock import seen_through
from partita.machine.threads import SystemThread

RUNS_CHARS_MAX = 60


class FileTurn:
    """See `partita.machine.port.Turn`. Its lock file is beside the file it guards."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._thread = SystemThread(f"turn-{path.stem}")

    def take_now(self) -> bool:
        """Take the lock if it is free."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EINTR):
                return False
            raise
        return True

    async def take(self) -> None:
        """Wait for the lock in a thread."""
        if self.take_now():
            return
        waiting = self._thread.submit(lambda: fcntl.flock(self._fd, fcntl.LOCK_EX))
        try:
            await seen_through(waiting)
        except asyncio.CancelledError:
            # The thread waited in the kernel until it got the lock: only then it can be given back.
            if waiting.exception() is None:
                self.give()
            raise

    def give(self) -> None:
        """Give the lock back."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def holder(self) -> str:
        """The process that has the lock and its command, where the system knows."""
        with contextlib.suppress(OSError, ValueError):
            mine = f":{os.fstat(self._fd).st_ino}"
            for line in Path("/proc/locks").read_text().splitlines():
                _, kind, _, _, pid, place, *_ = line.split()
                if kind == "FLOCK" and place.endswith(mine):
                    words = Path(f"/proc/{int(pid)}/cmdline").read_bytes().decode("utf-8", "replace")
                    runs = " ".join(words.replace("\0", " ").split())
                    return f"process {pid} ({runs[:RUNS_CHARS_MAX]})"
        return ""

    @property
    def is_gone(self) -> bool:
        """Whether the lock file was removed."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        """Close the lock file."""
        self._thread.close()
        os.close(self._fd)
