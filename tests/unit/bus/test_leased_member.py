"""A member of a group after a heartbeat with an unknown outcome."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from partita.bell import Bell
from partita.bus.held_partitions import Beat, Part, Positions
from partita.bus.leased_member import LeasedSubscription
from partita.bus.port import Record
from partita.errors import BusUnavailable


class Doubtful(LeasedSubscription):
    """Its connection is lost at the commit of its heartbeat: the database may have it as a member."""

    def __init__(self) -> None:
        super().__init__("group", "one", Bell())
        self.left = 0
        self.away = False

    def _log(self) -> str:
        return "log"

    async def _read(self, count: int) -> list[Record]:
        return []

    async def _beat(self) -> Beat:
        raise BusUnavailable("The connection was lost.")

    async def _give_back(self, parts: Sequence[Part], moved: Positions) -> None:
        """No partition is held."""

    async def _leave(self, moved: Positions) -> None:
        if self.away:
            raise BusUnavailable("The connection was lost.")
        self.left += 1

    async def _put_back(self, part: Part, position: int) -> None:
        """No partition is held."""

    async def _bounds(self, part: Part) -> tuple[int, int] | None:
        return None


async def test_a_member_that_may_have_joined_leaves() -> None:
    """If a living process stayed in the group, it would keep its share of the partitions on the embedded log."""
    one = Doubtful()
    with pytest.raises(BusUnavailable):
        await one.poll(1)
    await one.close()
    await one.close()
    assert one.left == 1


async def test_a_member_that_has_not_asked_to_join_asks_nothing_when_it_leaves() -> None:
    """A process that ends before it found its bus must not wait for the bus."""
    one = Doubtful()
    await one.close()
    assert one.left == 0


async def test_a_member_that_could_not_leave_leaves_when_it_is_closed_again() -> None:
    """A consumer that starts over tries until its old subscription is closed. If that one stayed in the group, it
    would keep its share of the partitions."""
    one = Doubtful()
    with pytest.raises(BusUnavailable):
        await one.poll(1)
    one.away = True
    with pytest.raises(BusUnavailable):
        await one.close()
    one.away = False
    await one.keep()
    await one.close()
    await one.close()
    assert one.left == 1
