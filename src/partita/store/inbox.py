"""The inbox: which messages were handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class InboxRow(NamedTuple):
    """A message about to be handled: `consumer` + `message_id` is what may happen once."""

    consumer: str
    message_id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    payload_hash: str
    at_us: int
    outcome: str  # handled, refused, tombstone, waiting, dead, discarded
    reply: bytes | None = None  # what is kept of the message and its answer; None where it never comes in other bytes


class InboxEntry(NamedTuple):
    """What the inbox knows of a message."""

    payload_hash: str
    outcome: str  # also "expired": it was handled so long ago that nothing else is known
    at_us: int
    reply: bytes | None


class Inbox(Protocol):
    """Which messages were handled: the mark is written first, in the handler's transaction."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """Those of the ids that are marked already."""
        ...

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages; the caller asked `seen` in this transaction.

        Raises:
            StoreContended: another transaction marked one of them meanwhile; roll back and run again. It may be told
                later, but before the next statement of a handler has run, or by the commit.
        """
        ...

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set (message id, outcome, reply) of messages that are marked; None keeps the reply that is there."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Forget at most `limit` marks older than that, never those of messages that are parked or have an open letter;
        returns how many. Of those that a user named it stays known that they were handled, and nothing else."""
        ...

    async def purge_keys(self, before_us: int, limit: int) -> int:
        """Forget also that; returns of how many."""
        ...

    async def forgotten_us(self) -> int:
        """A message that was made up to then and has no mark may have been handled and forgotten; 0 = none was."""
        ...

    async def newest_us(self) -> int:
        """When the newest mark was written; 0 = there is none."""
        ...
