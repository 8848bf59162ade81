"""The partitions that a member of a group holds by leases, and their news that no poll has reported yet.

It does no I/O: the adapter reads the leases and positions from its database, and reports its commits here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from partita.bus.port import Record
from partita.bus.watermark import Watermark
from partita.databases.leases import Holding

IN_FLIGHT_MAX = 10_000

Where = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class Part:
    """A held partition: its unfinished offsets, and the stored position, the offset of the last record that is done. `place` is
    the partition's number in the database, `epoch` the lease's."""

    where: Where
    place: int
    epoch: int
    mark: Watermark
    written: int
    leaving: bool = False
    paused: bool = False
    released: bool = False

    @classmethod
    def begun(cls, where: Where, place: int, epoch: int, position: int) -> Part:
        """A claimed partition, to be read behind the stored position."""
        return cls(where, place, epoch, Watermark(position + 1), position)

    def put_back(self, position: int) -> Part:
        """The same partition, to be read again behind this position. It is a new object, so that a running read for the old
        one hands nothing out."""
        return replace(self, mark=Watermark(position + 1), written=position)

    @property
    def resource(self) -> str:
        """The name of its lease."""
        return resource_of(self.where)

    @property
    def read(self) -> int:
        """The last offset that was handed out."""
        return self.mark.next - 1

    @property
    def done_to(self) -> int:
        """The offset up to which all records are done."""
        return self.mark.position - 1

    def is_passed(self, floor: int) -> bool:
        """Whether records behind the last one handed out were deleted; a group that has read nothing begins at the oldest
        record."""
        return 0 < self.read < floor


Positions = Sequence[tuple[Part, int]]
"""Partitions with the position that is stored, or is to be stored, for them."""


class Beat(NamedTuple):
    """A committed heartbeat: the leases held now, the partitions that it began, the positions that it wrote."""

    holding: Holding
    begun: Sequence[Part]
    written: Positions


class Parts:
    """A member's partitions. The state changes after a commit, never before: a lease or a position that was rolled back
    does not exist."""

    def __init__(self) -> None:
        self._held: dict[Where, Part] = {}
        self._assigned: list[Where] = []
        self._revoked: list[Where] = []
        self._turn = 0

    def __iter__(self) -> Iterator[Part]:
        return iter(list(self._held.values()))

    def get(self, where: Where) -> Part | None:
        """A held partition."""
        return self._held.get(where)

    def readable(self) -> list[Part]:
        """The partitions to read from now, each time starting with another one, so that none starves."""
        ready = [p for p in self._held.values() if _is_readable(p)]
        self._turn += 1
        shift = self._turn % len(ready) if ready else 0
        return ready[shift:] + ready[:shift]

    def still(self, asked: Iterable[Part]) -> dict[Where, Part]:
        """Those of the partitions asked for whose records may be handed out: while the database answered, one may have gone,
        or gone and come back."""
        return {part.where: part for part in asked if self._held.get(part.where) is part and _is_readable(part)}

    def done(self, records: Sequence[Record]) -> None:
        """Mark these as handled."""
        for record in records:
            part = self._held.get((record.topic, record.partition))
            if part is not None:
                part.mark.done(record.offset)

    def pause(self, partitions: Sequence[Where], *, paused: bool) -> None:
        """Read nothing more of these, or read them again."""
        for where in partitions:
            if where in self._held:
                self._held[where].paused = paused

    def release(self, partitions: Sequence[Where]) -> None:
        """Note that the caller no longer works on these. One that came back meanwhile is held again, and stays."""
        for where in partitions:
            part = self._held.get(where)
            if part is not None and part.leaving:
                part.released = True

    def released(self) -> list[Part]:
        """Those to be given back."""
        return [part for part in self._held.values() if part.released]

    def unclaimed(self, holding: Holding) -> dict[str, int]:
        """Leases, with their epochs, of partitions that are not worked on yet, or were lost and claimed again."""
        known = {part.resource: part.epoch for part in self._held.values()}
        return {resource: epoch for resource, epoch in holding.held.items() if known.get(resource) != epoch}

    def moved(self, parts: Iterable[Part] | None = None) -> Positions:
        """The positions that moved since they were stored: of these partitions, or of all."""
        of = self._held.values() if parts is None else parts
        return [(part, done_to) for part in of if (done_to := part.done_to) > part.written]

    def written(self, positions: Positions) -> None:
        """These positions are stored."""
        for part, position in positions:
            part.written = position

    def beaten(self, beat: Beat) -> bool:
        """Take up new partitions, drop lost ones, announce those that another member should have; returns whether there
        is news."""
        self.written(beat.written)
        news = bool(beat.begun)
        for part in beat.begun:
            if part.where in self._held:
                self._revoke(part.where)
            self._held[part.where] = part
            self._assigned.append(part.where)
        for part in self:
            lost = part.resource not in beat.holding.held
            if lost:
                del self._held[part.where]
            if lost or (part.resource in beat.holding.surplus and not part.leaving):
                part.leaving = True
                self._revoke(part.where)
                news = True
        return news

    def put_back(self, part: Part, position: int) -> None:
        """Read this partition again behind this position."""
        self._held[part.where] = part.put_back(position)

    def drop(self, parts: Iterable[Part]) -> None:
        """Drop these; the caller knows it."""
        for part in parts:
            del self._held[part.where]

    def clear(self) -> None:
        """Drop all."""
        self._held.clear()

    def news(self) -> tuple[list[Where], list[Where]]:
        """The partitions that came, and those that must go, since the last call."""
        news = (self._assigned, self._revoked)
        self._assigned, self._revoked = [], []
        return news

    def _revoke(self, where: Where) -> None:
        """Announce that it must go, and no longer that it came: with both reports the caller would take it for one that came
        back, claim it, and never release it."""
        if where in self._assigned:
            self._assigned.remove(where)
        if where not in self._revoked:
            self._revoked.append(where)


def _is_readable(part: Part) -> bool:
    return not (part.leaving or part.paused) and len(part.mark.open) < IN_FLIGHT_MAX


def resource_of(where: Where) -> str:
    """The name of the lease on a partition."""
    return f"{where[0]}/{where[1]}"


def where_of(resource: str) -> Where:
    """The partition of a lease."""
    topic, _, number = resource.rpartition("/")
    return (topic, int(number))
