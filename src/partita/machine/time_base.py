"""The time that all processes of a folder agree on: one reading of the wall clock, advanced by the time since boot.

A wall clock that is stepped (by hand, by NTP, by a resumed snapshot) must neither fire a timer early nor purge a mark that
is seconds old. For a machine that slept the time has really passed: the time since boot advances during sleep, so it separates
the two cases. It starts again at each boot; the time while the machine was off is known to the wall clock alone.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import NamedTuple

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
FILE = "clock"


class Reading(NamedTuple):
    """The clocks of the machine at one moment; `boot` names the boot, empty where the system does not know it."""

    boot: str
    boot_ns: int
    wall_us: int


class TimeBase(NamedTuple):
    """The wall-clock time (`us` since 1970) at the moment when the machine had been running for `boot_ns`."""

    boot: str
    boot_ns: int
    us: int


def read_clocks() -> Reading:
    """The clocks of this machine now."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        boot = ""
    return Reading(boot, time.clock_gettime_ns(SINCE_BOOT), time.time_ns() // 1000)


def agreed(kept: TimeBase | None, now: Reading) -> TimeBase:
    """The base to use: the stored one if it is of this boot, else the wall clock."""
    if kept is not None and kept.boot and kept.boot == now.boot and kept.boot_ns <= now.boot_ns:
        return kept
    return TimeBase(now.boot, now.boot_ns, now.wall_us)


def time_base(folder: Path | None, now: Reading, *, keep: bool) -> TimeBase:
    """The base of a folder's processes. With `keep` it is stored for the others, unless there is one of this boot."""
    if folder is None:
        return agreed(None, now)
    path = folder / FILE
    if not keep:
        return agreed(_kept(path), now)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(f"{path}.lock", "w", encoding="ascii") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)  # of two that start together one reads the wall clock
            kept = _kept(path)
            base = agreed(kept, now)
            if base != kept:
                unfinished = Path(f"{path}.new")
                unfinished.write_text(" ".join(map(str, base)), encoding="ascii")
                os.replace(unfinished, path)
        return base
    except OSError:
        return agreed(_kept(path), now)  # the databases in it cannot be opened either, and say why


def _kept(path: Path) -> TimeBase | None:
    try:
        boot, boot_ns, us = path.read_text(encoding="ascii").split(" ")
        return TimeBase(boot, int(boot_ns), int(us))
    except (OSError, ValueError):
        return None
