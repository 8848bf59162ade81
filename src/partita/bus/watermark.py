"""The watermark of a partition: everything below it is done, in whatever order the work above it ends."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field


@dataclass(slots=True)
class Watermark:
    """`next` is the offset behind the last one handed out; offsets grow but need not be contiguous. `open` are those in
    work."""

    next: int
    open: set[int] = field(default_factory=set)
    _heap: list[int] = field(default_factory=list)

    def hand_out(self, offset: int) -> None:
        """Record that work on this offset begins; called in offset order."""
        self.open.add(offset)
        heapq.heappush(self._heap, offset)
        self.next = offset + 1

    def done(self, offset: int) -> None:
        """Record that the work on it is done."""
        self.open.discard(offset)

    @property
    def position(self) -> int:
        """The start for a successor: the oldest offset that is not done, else behind all that were handed out."""
        while self._heap and self._heap[0] not in self.open:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else self.next
