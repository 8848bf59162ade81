"""The CPU time that processes spend between two moments, from what the kernel counts."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Spent:
    """The CPU time of each process named, its children with it (a server has one for each connection)."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before: dict[str, float] = {}
        self._after: dict[str, float] = {}

    def begin(self) -> float:
        """The first moment."""
        self._before = self._now()
        return time.perf_counter()

    def end(self) -> float:
        """The second."""
        moment = time.perf_counter()
        self._after = self._now()
        return moment

    def us_each(self, count: int) -> dict[str, float]:
        """The time spent between them, divided by the count, in microseconds."""
        return {name: (self._after[name] - self._before[name]) * 1e6 / count for name in self._pids}

    def _now(self) -> dict[str, float]:
        spent: dict[int, float] = {}
        parents: dict[int, int] = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                words = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            pid = int(folder.name)
            parents[pid] = int(words[1])
            # Its own time, and that of children that have ended.
            spent[pid] = sum(int(word) for word in words[11:15]) / TICKS
        return {name: self._of(pid, spent, parents) for name, pid in self._pids.items()}

    def _of(self, pid: int, spent: Mapping[int, float], parents: Mapping[int, int]) -> float:
        family = [each for each, parent in parents.items() if parent == pid and each not in self._pids.values()]
        return spent.get(pid, 0.0) + sum(spent[each] for each in family)
