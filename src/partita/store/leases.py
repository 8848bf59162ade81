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

    A member is gone when its process is dead, or when its heartbeat stood still for `stale_s` as the
    observer's own monotonic clock saw it: clocks of different machines are never compared.
    """

    async def tick(self, scope: str, resources: Sequence[str], member: str) -> Sequence[Lease]:
        """Heartbeat; give up what belongs to others now, take what is free; returns what this member holds."""
        ...

    async def beat(self, scope: str, member: str) -> None:
        """Heartbeat and nothing else, beside work on what is held; who left, or was taken for gone, stays so."""
        ...

    async def leave(self, scope: str, member: str) -> None:
        """Give everything back."""
        ...
