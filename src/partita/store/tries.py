"""Tries: how often a record was begun, and how often that was seen to fail; in the other tries the process died."""

from __future__ import annotations

from typing import Protocol


class Tries(Protocol):
    """The tries of each record in work. This is no fence: also a former holder of the partition counts here.

    Each write is a transaction of its own, since that of the try is rolled back. It is not synced to disk: it survives a
    dead process, and after a power cut no try is counted wrongly.
    """

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
