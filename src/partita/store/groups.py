"""Consumer groups: whether they are paused, and the states that their processes report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

SENT_TO = "sent to"
"""Kept of a group: the log that its outbox was sent to last."""


class Said(NamedTuple):
    """A state that a member of a group reports: `what` (storm, full, unknown) of `subject` (a message type), since
    when; or alerts that the watch still has to send (`owed`) to a channel."""

    consumer: str
    member: str
    what: str
    subject: str
    detail: str
    at_us: int


class Groups(Protocol):
    """The operators' settings of a group, and the states that its members report."""

    async def pause(self, consumer: str, reason: str, at_us: int) -> None:
        """The group handles nothing until it is resumed."""
        ...

    async def resume(self, consumer: str) -> bool:
        """Resume the group; returns whether it was paused."""
        ...

    async def paused(self, consumer: str) -> tuple[str, int] | None:
        """Why the group is paused and since when; None = it is not."""
        ...

    async def say(self, said: Said) -> None:
        """Store a state that a member reports."""
        ...

    async def unsay(self, consumer: str, member: str, what: str, subject: str) -> None:
        """Delete it: the state is over."""
        ...

    async def said(self, consumer: str) -> Sequence[Said]:
        """The states that the members report; the watch deletes those of dead members."""
        ...

    async def kept(self, consumer: str) -> Mapping[str, str]:
        """The values kept of the group, by name: its declaration at the last start, the name of its log."""
        ...

    async def keep(self, consumer: str, values: Mapping[str, str]) -> None:
        """Keep these values."""
        ...

    async def alarms(self) -> Sequence[tuple[Any, ...]]:
        """The alarms as last kept."""
        ...

    async def keep_alarms(self, alarms: Sequence[tuple[Any, ...]]) -> None:
        """Keep these alarms and no others."""
        ...
