"""Claims and attempts: which process may write the effects of a partition, and the records it has in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from partita.errors import Fenced


class InHand(NamedTuple):
    """The records a consumer was working on when it was last heard of."""

    topic: str
    partition: int
    first: int
    last: int


PUT_BY_A_PERSON = "(put by a person)"
"""Replaces the name of a partition's log after an operator moved the group to another position."""


class Noted(NamedTuple):
    """The database's record of a partition: its log, the oldest offset that may be unhandled, and the first offset that
    was never in hand here. `log` is empty where nothing was noted yet."""

    log: str
    first: int
    reached: int


def check_epochs(consumer: str, held: Sequence[tuple[str, int, int]], epochs: Mapping[tuple[str, int], int]) -> None:
    """Check that all claims in `held` have these current epochs.

    Raises:
        Fenced: one has another.
    """
    for topic, partition, epoch in held:
        if epochs.get((topic, partition)) != epoch:
            raise Fenced(f"{topic}[{partition}] of {consumer} was taken over by another process.")


class Claims(Protocol):
    """The right to write the effects of a partition: the fence between a paused process and its successor."""

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        """Check that this process still holds each (topic, partition, epoch).

        Raises:
            Fenced: another process claimed one of them; the transaction must be rolled back.
        """
        ...

    async def put(self, consumer: str, topic: str) -> None:
        """Record that an operator moved the group in a topic: from now on the bus's position is right."""
        ...


class Attempts(Protocol):
    """The records in hand and the tries of each; written before decoding, so they survive the death of the process.

    These writes are not synced to disk: they survive a dead process, and after a power cut no try is counted wrongly.
    """

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition; returns the new epoch and the records that the former writer had in hand.

        Raises:
            StoreContended: the former writer is in a transaction; ask again later. An adapter may wait instead.
        """
        ...

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """Record that these records are about to be decoded and handled."""
        ...

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a claimed partition, to compare with the group's position on the bus."""
        ...

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record the log of the partition; records before `reached` are not for this database."""
        ...

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> tuple[int, int]:
        """Count tries of one record, and those that were seen to fail; in the others the process died.

        Returns (tries, failed) so far.
        """
        ...

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try failed without killing its process, although another member has the record now."""
        ...

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Forget the count of a settled record. Earlier records may still be in work, so their counts must stay."""
        ...
