"""How the workers of a service are, as its processes say it: what a person, a probe, an alert and a metric are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol


class WorkerState(NamedTuple):
    """One worker of one process that does not work: it is `failing` since then with this last cause, or `stuck` since then
    with this in hand. `member` is its process. A worker of which nothing is said works."""

    service: str
    member: str
    worker: str
    state: Literal["failing", "stuck"]
    since_us: int
    cause: str


class Workers(Protocol):
    """What processes say of their workers. It ends with its process, and needs no lock that a worker which is stuck could
    hold: a handler that hangs in its transaction has the whole of a SQLite file."""

    async def tell(self, member: str, states: Sequence[WorkerState]) -> None:
        """Say how this member's workers are, in place of what it said before. Said again now and then, or it is void."""
        ...

    async def told(self) -> Sequence[WorkerState]:
        """What the members say that are there."""
        ...
