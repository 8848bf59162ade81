"""The real machine of this process: the one place that makes its clock, its dice and its locks."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

from partita.clock import Clock, SystemClock, SystemIds
from partita.machine.alive import LockedAlive
from partita.machine.port import Machine
from partita.machine.threads import SystemThreads
from partita.machine.time_base import SINCE_BOOT, TimeBase, read_clocks, time_base
from partita.machine.turn import FileTurn
from partita.machine.wake import SocketWake


def this_machine(clock: Clock | None = None, *, folder: Path | None = None, keep: bool = False) -> Machine:
    """The machine this process runs on, with a clock and ids of its own.

    Its clock is the one that the processes of `folder` agree on; with `keep` they agree on it from now on.
    """
    clock = clock or _clock(time_base(folder, read_clocks(), keep=keep))
    return Machine(
        clock=clock,
        ids=SystemIds(clock),
        threads=SystemThreads(),
        process=str(os.getpid()),
        wake=SocketWake,
        turn=FileTurn,
        alive=LockedAlive,
    )


def _clock(base: TimeBase) -> SystemClock:
    return SystemClock(base.us, base.boot_ns, partial(time.clock_gettime_ns, SINCE_BOOT))
