"""The inbox: the marks of handled messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class InboxRow(NamedTuple):
    """A message about to be handled; the effects of `consumer` + `message_id` happen once."""

    consumer: str
    message_id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    payload_hash: str
    at_us: int
    outcome: str  # handled, pending, refused, tombstone, waiting, dead, fatal, fatal step, discarded
    reply: bytes | None = None  # the message's answer in a stored form; None where other bytes never carry its id


class InboxEntry(NamedTuple):
    """The inbox's record of a message."""

    payload_hash: str
    outcome: str  # also "expired": handled so long ago that only this is known
    at_us: int
    reply: bytes | None


class Inbox(Protocol):
    """Marks of handled messages: the mark is written first, in the handler's transaction."""

    async def seen(self, consumer: str, ids: Sequence[str]) -> Mapping[str, InboxEntry]:
        """The marks of those ids that have one."""
        ...

    async def mark(self, rows: Sequence[InboxRow]) -> None:
        """Mark messages; the caller asked `seen` in this transaction.

        Raises:
            StoreContended: another transaction marked one of them meanwhile; roll back and run again. It may be raised
            later: before the handler's next statement has run, or by the commit.
        """
        ...

    async def resolve(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]]) -> None:
        """Set (message id, outcome, reply) of marked messages; None keeps the stored reply."""
        ...

    async def renew(self, consumer: str, outcomes: Sequence[tuple[str, str, bytes | None]], at_us: int) -> None:
        """As `resolve`, for marks whose window begins again: they are the newest from now on."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete at most `limit` marks older than that, never those of parked messages, pending commands, open letters or fatal
        steps; returns how many. Of an id that a user chose, a key stays that says it was handled."""
        ...

    async def purge_keys(self, before_us: int, limit: int) -> int:
        """Delete such keys too; returns how many."""
        ...

    async def forgotten_us(self) -> int:
        """A message made up to this time without a mark may have been handled and forgotten; 0 = none was forgotten."""
        ...

    async def newest_us(self) -> int:
        """The time of the newest mark; 0 = there is none."""
        ...
