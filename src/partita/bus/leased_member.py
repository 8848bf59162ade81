"""A member of a consumer group, on the buses that keep groups in a database of Partita's.

The group, its partitions and its positions work the same on each of them; an adapter writes the SQL.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from partita.bell import Bell
from partita.bus.held_partitions import Beat, Part, Parts, Positions, Where
from partita.bus.port import Polled, Record, Stand
from partita.errors import BusError


class LeasedSubscription(ABC):
    """See `partita.bus.port.Subscription`."""

    def __init__(self, group: str, member: str, bell: Bell) -> None:
        self._bell = bell
        self._group = group
        self._scope = f"group:{group}"
        self._member = member
        self._parts = Parts()
        # Joining, heartbeats, releases and leaving run one at a time: a running heartbeat must not join a group again that was
        # left meanwhile.
        self._membership = asyncio.Lock()
        self._joined = False
        self._may_be_member = False
        self._closed = False
        self._last: Positions = ()  # to be written when it leaves
        self._stop_listening: Callable[[], None] = lambda: None

    async def poll(self, count: int) -> Polled:
        """At most `count` waiting records of the held partitions."""
        if not self._joined:
            await self.keep()
        records = await self._read(count) if count > 0 else []
        # Taken last: a failed read must not lose them.
        assigned, revoked = self._parts.news()
        return Polled(records, assigned, revoked)

    def done(self, records: Sequence[Record]) -> None:
        """Mark these as handled."""
        self._parts.done(records)

    def pause(self, partitions: Sequence[Where]) -> None:
        """Deliver nothing more of these."""
        self._parts.pause(partitions, paused=True)

    def resume(self, partitions: Sequence[Where]) -> None:
        """Deliver from these again."""
        self._parts.pause(partitions, paused=False)
        self._may_find()

    async def release(self, partitions: Sequence[Where]) -> None:
        """The caller no longer works on these."""
        async with self._membership:
            self._parts.release(partitions)
            await self._give_back_released()

    async def stand(self, partition: Where) -> Stand | None:
        """The group's position; records done since the last heartbeat are not counted yet."""
        part = self._parts.get(partition)
        bounds = None if part is None else await self._bounds(part)
        if part is None or bounds is None:
            return None
        head, floor = bounds
        return Stand(self._log(), part.written + 1, floor + 1, head + 1, floor > 0)

    async def rewind(self, partition: Where, offset: int) -> None:
        """Hand out again from this offset on."""
        async with self._membership:
            part = self._parts.get(partition)
            if part is not None:
                await self._put_back(part, offset - 1)
                self._parts.put_back(part, offset - 1)
                self._may_find()

    async def keep(self) -> None:
        """Send a heartbeat, take partitions over, write positions."""
        async with self._membership:
            if self._closed:
                return
            self._may_be_member = True  # also if the heartbeat fails: it may be committed all the same
            beat = await self._beat()
            self._joined = True
            if self._parts.beaten(beat):
                self._woken()
            # A release that failed is made again here: its caller reads nothing more of the partition, and forgets it.
            await self._give_back_released()

    async def close(self) -> None:
        """Write the position and leave the group."""
        self._stop_listening()
        async with self._membership:
            if not self._closed:
                self._closed = True
                self._last = self._parts.moved()
                self._parts.clear()
            if self._may_be_member:  # also when this is called again after it failed
                await self._leave(self._last)
                self._may_be_member = False

    async def _give_back_released(self) -> None:
        gone = self._parts.released()
        if gone:
            moved = self._parts.moved(gone)
            await self._give_back(gone, moved)
            self._parts.written(moved)
            self._parts.drop(gone)

    def _woken(self) -> None:
        self._may_find()
        self._bell.ring("records")

    def _may_find(self) -> None:
        """The next read may find records that the last one did not."""
        return

    def _passed(self, part: Part, floor: int) -> BusError:
        return BusError(
            f"{self._group} is at {part.read} of {part.where}, records up to {floor} were deleted.",
            hint="They are lost to this group; reset it to the floor when that is accepted.",
        )

    @abstractmethod
    def _log(self) -> str:
        """The identity of this log."""

    @abstractmethod
    async def _read(self, count: int) -> list[Record]:
        """At most `count` waiting records; they are handed out after all of them were read."""

    @abstractmethod
    async def _beat(self) -> Beat:
        """One heartbeat: claim free partitions, begin with them, write the positions that moved."""

    @abstractmethod
    async def _give_back(self, parts: Sequence[Part], moved: Positions) -> None:
        """Write these positions and release these leases, in one transaction."""

    @abstractmethod
    async def _leave(self, moved: Positions) -> None:
        """Write these positions and leave the group, in one transaction."""

    @abstractmethod
    async def _put_back(self, part: Part, position: int) -> None:
        """Write a position that may be before the stored one."""

    @abstractmethod
    async def _bounds(self, part: Part) -> tuple[int, int] | None:
        """The newest offset, and that of the newest deleted record; None = the partition does not exist."""
