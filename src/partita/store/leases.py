"""The port of a store's leases: work that several processes share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Lease(NamedTuple):
    """A resource this member holds, with the epoch that fences its former holders."""

    resource: str
    epoch: int


class Leases(Protocol):
    """Work shared by several processes: each resource of a scope has at most one holder.

    A member is gone when its process is dead, or when its heartbeat has not moved for `stale_s` by the observer's own
    monotonic clock: clocks of different machines are never compared.
    """

    async def tick(self, scope: str, resources: Sequence[str], member: str) -> Sequence[Lease]:
        """Send a heartbeat, release resources that now belong to other members, take free ones; returns those this
        member holds."""
        ...

    async def beat(self, scope: str, member: str) -> None:
        """Send a heartbeat and nothing else, while held work goes on; it does not bring back a member that left or was
        ejected."""
        ...

    async def leave(self, scope: str, member: str) -> None:
        """Release everything."""
        ...
