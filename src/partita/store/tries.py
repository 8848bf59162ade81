"""Tries: how often a record was begun, and how often that was seen to fail; in the other tries the process died."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Tried(NamedTuple):
    """The tries of one record: those begun, those seen to fail, and of these the ones that lost the record to another
    member. In the others that were begun the process died, or is at it."""

    tried: int
    failed: int
    lost: int


class Tries(Protocol):
    """The tries of each record in work. This is no fence: also a former holder of the partition counts here.

    Each write is a transaction of its own, since that of the try is rolled back. It is not synced to disk: it survives a
    dead process, and after a power cut no try is counted wrongly.
    """

    async def count(
        self, consumer: str, topic: str, partition: int, offset: int, *, tried: int = 1, failed: int = 0
    ) -> Tried:
        """Count tries of one record, and those that were seen to fail; returns the counts so far."""
        ...

    async def survived(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Record that a counted try lost the record to another member, and did not kill its process. Nothing is recorded
        where that member has settled the record."""
        ...

    async def forget(self, consumer: str, topic: str, partition: int, offset: int) -> None:
        """Forget the count of a settled record. Earlier records may still be in work, so their counts must stay."""
        ...
