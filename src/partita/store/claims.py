"""Claims: the fence between a paused process and its successor, and the records that the holder of a partition has in hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from partita.errors import Fenced

Held = Sequence[tuple[str, int, int]]
"""(topic, partition, epoch) of each partition whose effects a transaction writes: the claims of this process."""


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


def check_epochs(consumer: str, held: Held, epochs: Mapping[tuple[str, int], int]) -> None:
    """Check that all claims in `held` have these current epochs.

    Raises:
        Fenced: one has another.
    """
    for topic, partition, epoch in held:
        if epochs.get((topic, partition)) != epoch:
            raise Fenced(f"{topic}[{partition}] of {consumer} was taken over by another process.")


class Claims(Protocol):
    """The right to write the effects of a partition: `claim` takes it, `check` is the fence of every transaction.

    One row per partition. `Store.take` records in it which records its holder has in hand.
    """

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition; returns the new epoch and the records that the former writer had in hand.

        Raises:
            StoreContended: the former writer is in a transaction; ask again later. An adapter may wait instead.
        """
        ...

    async def check(self, consumer: str, held: Held) -> None:
        """Check that this process still holds each of these, and keep it so until this writing transaction ends.
        `Session.read_known` does the same for a batch, in its round trip.

        Raises:
            Fenced: another process claimed one of them; the transaction must be rolled back.
        """
        ...

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """The database's record of a claimed partition, to compare with the group's position on the bus."""
        ...

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """Record the log of the partition; records before `reached` are not for this database."""
        ...

    async def put(self, consumer: str, topic: str, partitions: Sequence[int]) -> None:
        """Record that an operator moved the group in these partitions: from now on the bus's position is right, also where
        no process has claimed the partition yet."""
        ...
