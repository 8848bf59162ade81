"""Claims and attempts: who may write the effects of a partition, and what it has in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class InHand(NamedTuple):
    """The records a consumer was working on when it was last heard of."""

    topic: str
    partition: int
    first: int
    last: int


PUT_BY_A_PERSON = "(put by a person)"
"""Stands for the log of a partition in which a person has put the group to another place."""


class Noted(NamedTuple):
    """What the database knows of a partition: in which log, the oldest offset that may not be handled yet, and the first
    that was never in hand here. `log` is empty where nothing was ever noted."""

    log: str
    first: int
    reached: int


class Claims(Protocol):
    """Who may write the effects of a partition: the fence between a paused process and its successor."""

    async def check(self, consumer: str, held: Sequence[tuple[str, int, int]]) -> None:
        """Each (topic, partition, epoch) is still ours.

        Raises:
            Fenced: one was claimed by another since; the transaction must be rolled back.
        """
        ...

    async def put(self, consumer: str, topic: str) -> None:
        """A person puts the group to another place in a topic: where the bus says it stands is right."""
        ...


class Attempts(Protocol):
    """What is in hand and how often it was tried; survives the death of the process, written before decoding.

    These writes are not synced to disk: a dead process loses nothing, and a power cut blames no message.
    """

    async def claim(self, consumer: str, topic: str, partition: int, owner: str) -> tuple[int, InHand | None]:
        """Become the writer of a partition: the new epoch, and what the former one left in hand.

        Raises:
            StoreContended: the former one is in a transaction; ask again by and by. Or it is waited for.
        """
        ...

    async def take(self, consumer: str, ranges: Sequence[InHand], epochs: Sequence[int]) -> None:
        """These records are about to be decoded and handled."""
        ...

    async def noted(self, consumer: str, topic: str, partition: int) -> Noted:
        """What is known of a partition that was claimed, to compare with where the bus says that the group stands."""
        ...

    async def note(self, consumer: str, topic: str, partition: int, log: str, reached: int) -> None:
        """From here on it is a partition of this log, and what is before `reached` is no business of this database."""
        ...

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> tuple[int, int]:
        """Count tries of one record, and how many of them were seen to fail: the others did not survive.

        Returns (tries, failed) so far.
        """
        ...

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """A counted try was survived, though its record had become another member's: it failed, and killed nobody."""
        ...

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """That record is settled. Those before it may be in work: of one that kills its process the count must stay."""
        ...
