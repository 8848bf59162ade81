"""The arithmetic of leases: shares, and heartbeats that stop."""

from __future__ import annotations

from partita.clock import SystemClock
from partita.databases.leases import Heartbeats, holding_of, share_of


class HandClock(SystemClock):
    """A clock that the test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def monotonic(self) -> float:
        """The time that the test has set."""
        return self.seconds


def test_every_resource_belongs_to_exactly_one_member() -> None:
    """Whatever the order of the calculation is: two members that compute a share must not both take one resource."""
    members, resources = ["a", "b", "c"], [f"t/{n}" for n in range(10)]
    shares = [share_of(member, members, reversed(resources)) for member in members]
    assert sorted(resource for share in shares for resource in share) == sorted(resources)
    assert {len(share) for share in shares} == {3, 4}
    assert share_of("stranger", members, resources) == share_of("a", [], resources) == set()


def test_leases_outside_the_share_are_the_surplus() -> None:
    """They are released when the work on them has ended."""
    assert holding_of({"t/2": 1, "t/0": 4, "t/1": 2}, {"t/0"}) == ({"t/2": 1, "t/0": 4, "t/1": 2}, ("t/1", "t/2"))


def test_a_heart_stands_still_when_it_was_seen_so_for_longer_than_allowed() -> None:
    """A member that was never seen before counts as alive: it is unknown how long its heartbeat has stopped."""
    clock = HandClock()
    heartbeats = Heartbeats(clock, 3.0)
    assert not heartbeats.stands_still("scope", "a", 1)
    clock.seconds += 3.0
    assert not heartbeats.stands_still("scope", "a", 1)
    assert not heartbeats.stands_still("other", "a", 1), "another scope"
    clock.seconds += 0.1
    assert heartbeats.stands_still("scope", "a", 1)
    assert not heartbeats.stands_still("scope", "a", 2), "it beats again"
    clock.seconds += 3.0
    assert not heartbeats.stands_still("scope", "a", 2)
