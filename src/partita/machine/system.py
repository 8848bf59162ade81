"""The machine this process really runs on: the one place that makes its clock, its dice and its locks."""

from __future__ import annotations

import os

from partita.clock import Clock, SystemClock, SystemIds
from partita.machine.alive import LockedAlive
from partita.machine.port import Machine
from partita.machine.threads import SystemThreads
from partita.machine.turn import FileTurn
from partita.machine.wake import SocketWake


def this_machine(clock: Clock | None = None) -> Machine:
    """The machine this process runs on, with a clock and ids of its own."""
    clock = clock or SystemClock()
    return Machine(
        clock=clock,
        ids=SystemIds(clock),
        threads=SystemThreads(),
        process=str(os.getpid()),
        wake=SocketWake,
        turn=FileTurn,
        alive=LockedAlive,
    )
