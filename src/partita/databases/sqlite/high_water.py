"""The high-water mark: a number beside the database that shows when it was restored from an older copy."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WIDTH = 20


class HighWater:
    """Keeps the newest row of a database outside of it: of an outbox the newest row that the bus has, of a log the newest
    acknowledged record.

    Written when that row is durable, and not synced: after a power cut it is too low, which means nothing. A mark above
    the newest row means that the database lost rows it had given away.
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
        """Record that this row has left. Several processes write: the number only grows."""
        if seq > self.seen():
            self.reset(seq)

    def reset(self, seq: int) -> None:
        """Start again at this number. On a full disk it stays too low, and messages flow nevertheless."""
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
