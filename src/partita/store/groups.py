"""Consumer groups: paused or not, and what their processes say of themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Said(NamedTuple):
    """What a member of a group says about itself: `what` (storm, full, unknown) of `subject` (a message type), since when; or
    alerts the watch still owes (`owed`) to a channel."""

    consumer: str
    member: str
    what: str
    subject: str
    detail: str
    at_us: int


class Groups(Protocol):
    """What people tell a group, and what its members say."""

    async def pause(self, consumer: str, reason: str, at_us: int) -> None:
        """The group handles nothing until it is resumed."""
        ...

    async def resume(self, consumer: str) -> bool:
        """It goes on; returns whether it was paused."""
        ...

    async def paused(self, consumer: str) -> tuple[str, int] | None:
        """Why the group is paused and since when; None = it is not."""
        ...

    async def say(self, said: Said) -> None:
        """Remember what a member says."""
        ...

    async def unsay(self, consumer: str, member: str, what: str, subject: str) -> None:
        """It is no longer so."""
        ...

    async def said(self, consumer: str) -> Sequence[Said]:
        """What the members say; what a dead one said is dropped by the watch."""
        ...

    async def kept(self, consumer: str) -> Mapping[str, str]:
        """What was kept of the group, by name: how it was declared at its last start, what its log was."""
        ...

    async def keep(self, consumer: str, values: Mapping[str, str]) -> None:
        """Keep these."""
        ...

    async def alarms(self) -> Sequence[tuple[Any, ...]]:
        """The alarms as they were kept last."""
        ...

    async def keep_alarms(self, alarms: Sequence[tuple[Any, ...]]) -> None:
        """Keep these alarms and no others."""
        ...
