"""The port of the trail: the messages of a key and the consumers that handled them, for people who follow one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class TrailRow(NamedTuple):
    """A message that left, for people who follow it."""

    message_id: str
    type: str
    topic: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    at_us: int
    payload: bytes
    headers: bytes


class TrailMark(NamedTuple):
    """The mark of a consumer that handled a message, for people who follow it."""

    consumer: str
    message_id: str
    type: str
    key: str | None
    correlation_id: str
    causation_id: str | None
    at_us: int
    outcome: str


class TrailEdit(NamedTuple):
    """A dead letter whose place an edited copy took, by their message ids."""

    consumer: str
    message_id: str
    copy_id: str


class Trail(Protocol):
    """Questions about one key's messages. A journey is read from the ledgers; nothing extra is written for it."""

    async def correlations(self, key: str) -> Sequence[str]:
        """The correlation ids of messages with this key."""
        ...

    async def messages(self, correlation_ids: Sequence[str]) -> Sequence[TrailRow]:
        """Messages that left with these correlation ids, in commit order."""
        ...

    async def marks(self, ids: Sequence[str]) -> Sequence[TrailMark]:
        """The consumers that handled these messages here."""
        ...

    async def edits(self, ids: Sequence[str]) -> Sequence[TrailEdit]:
        """The edited copies that took the places of these messages' dead letters here."""
        ...
