"""The arithmetic of leases, the same in every database: the share of a member, and whether its heartbeat still moves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from partita.clock import Clock


class Holding(NamedTuple):
    """The leases of a member: resource to epoch, and those of them that it should give up for another member."""

    held: Mapping[str, int]
    surplus: tuple[str, ...]


def share_of(member: str, members: Sequence[str], resources: Iterable[str]) -> set[str]:
    """The resources that belong to a member; every member computes the same from the same lists."""
    return {r for i, r in enumerate(sorted(resources)) if members and members[i % len(members)] == member}


def holding_of(held: Mapping[str, int], share: set[str]) -> Holding:
    """A member's leases; those outside its share are the surplus."""
    return Holding(held, tuple(sorted(held.keys() - share)))


class Heartbeats:
    """The heartbeats of other members as this process sees them. Only the time since the last change is measured, by its
    own monotonic clock: clocks of two machines are never compared."""

    def __init__(self, clock: Clock, stale_s: float) -> None:
        self._clock = clock
        self._stale_s = stale_s
        self._seen: dict[tuple[str, str], tuple[object, float]] = {}

    def stands_still(self, scope: str, member: str, beat: object) -> bool:
        """Whether a member's heartbeat has not changed for longer than `stale_s`."""
        now = self._clock.monotonic()
        before, since = self._seen.get((scope, member), (None, now))
        if beat != before:
            self._seen[(scope, member)] = (beat, now)
            return False
        return now - since > self._stale_s
