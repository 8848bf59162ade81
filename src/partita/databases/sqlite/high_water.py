"""The high-water mark: a number beside the database that tells when it was restored from an older copy."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WIDTH = 20


class HighWater:
    """Remembers the newest row of a database outside of it: of an outbox the newest that the bus has, of a log the newest
    that was acknowledged.

    Written when that row is durable, and not synced: after a power cut it is too low, which says nothing; too high can
    only mean that the database lost what it had given away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def seen(self) -> int:
        """The newest row that is known to have left; 0 = none."""
        text = b""
        with contextlib.suppress(OSError):
            if self._fd >= 0 or self._path.exists():
                text = os.pread(self._file(), WIDTH, 0)
        return int(text) if text.isdigit() else 0

    def left(self, seq: int) -> None:
        """This row has left. Several processes write: the number only grows."""
        if seq > self.seen():
            self.reset(seq)

    def reset(self, seq: int) -> None:
        """Begin again at this number. Where the disk is full it stays too low, and messages flow nevertheless."""
        with contextlib.suppress(OSError):
            os.pwrite(self._file(), f"{seq:0{WIDTH}d}".encode(), 0)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _file(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        return self._fd
