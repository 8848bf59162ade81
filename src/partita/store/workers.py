"""The states of a service's workers, reported by its processes for people, probes, alerts and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol


class WorkerState(NamedTuple):
    """One worker that does not work: `failing` since then with this last cause, or `stuck` since then with this in
    hand. `member` is its process. A worker without a state works."""

    service: str
    member: str
    worker: str
    state: Literal["failing", "stuck"]
    since_us: int
    cause: str


class Workers(Protocol):
    """The reported states of workers. A state ends with its process. Reporting needs no lock that a stuck worker could
    hold: a handler that hangs in its transaction locks the whole SQLite file."""

    async def report(self, member: str, states: Sequence[WorkerState]) -> None:
        """Report the states of this member's workers, in place of its last report. It is void unless repeated now and
        then."""
        ...

    async def reported(self) -> Sequence[WorkerState]:
        """The states that living members report."""
        ...
