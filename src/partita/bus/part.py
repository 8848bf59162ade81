"""A partition that a member of a group holds by a lease, on the buses that keep groups in a database of ours."""

from __future__ import annotations

from dataclasses import dataclass

from partita.bus.watermark import Watermark


@dataclass(slots=True)
class Part:
    """What is not done yet, and the position that was stored: the offset of the last record that is done. `place` is the
    partition's number in the database, `epoch` the one of the lease."""

    where: tuple[str, int]
    place: int
    epoch: int
    mark: Watermark
    written: int
    leaving: bool = False
    paused: bool = False

    @property
    def read(self) -> int:
        """The last offset that was handed out."""
        return self.mark.next - 1

    @property
    def done_to(self) -> int:
        """Everything up to here is done."""
        return self.mark.position - 1
