"""A partition that a member of a group holds by a lease, on the buses that keep groups in a database of Partita's."""

from __future__ import annotations

from dataclasses import dataclass, replace

from partita.bus.watermark import Watermark

Where = tuple[str, int]
"""Topic and partition."""


@dataclass(slots=True)
class Part:
    """The unfinished offsets, and the stored position: the offset of the last record that is done. `place` is the
    partition's number in the database, `epoch` the lease's."""

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


def resource_of(where: Where) -> str:
    """The name of the lease on a partition."""
    return f"{where[0]}/{where[1]}"


def where_of(resource: str) -> Where:
    """The partition of a lease."""
    topic, _, number = resource.rpartition("/")
    return (topic, int(number))
