"""The pending commands: those that were handled, and whose answer comes later."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Protocol

Waits = Literal["open", "answered", "undone"]
"""The state of a pending command: it waits, it has its answer, or its step was undone before there was one."""


class PendingCommand(NamedTuple):
    """A command that was handled without an answer. `reply_to` is the id of its message.

    `headers` and `value` are the command as it came. `saga`, `saga_id` and `step` are those of its address, empty without one;
    `business` holds the names of its other marks, in a stored form. `answer` is the answer as it was sent, given by `by`.
    """

    reply_to: str
    type: str
    topic: str
    key: str | None
    headers: bytes
    value: bytes
    saga: str
    saga_id: str
    step: str
    business: bytes
    at_us: int
    state: Waits = "open"
    answer: bytes | None = None
    by: str = ""
    closed_us: int = 0


class PendingStatus(NamedTuple):
    """How many commands wait, and since when the oldest of them does (0 = none)."""

    waiting: int
    oldest_us: int


class PendingAge(NamedTuple):
    """The open commands of one type and step: how many wait, and since when the oldest of them does."""

    type: str
    saga: str
    step: str
    waiting: int
    oldest_us: int


class Pending(Protocol):
    """Pending commands. An open one is never purged, however old it is."""

    async def add(self, rows: Sequence[PendingCommand]) -> None:
        """Write pending commands. One that is there already is replaced: its command was handled again."""
        ...

    async def hold(self, reply_to: str) -> PendingCommand | None:
        """One of them, locked until the transaction ends: of an answer and an undo in two transactions, or of two answers, the
        second sees the first."""
        ...

    async def answer(self, reply_to: str, answer: bytes, by: str, at_us: int) -> None:
        """Close one with its answer; the caller holds it."""
        ...

    async def undo(
        self, steps: Sequence[tuple[str, str, str]], at_us: int, but: Collection[str] = ()
    ) -> Sequence[PendingCommand]:
        """Close the open ones of these (saga, saga_id, step), and lock all that there are of them. Those of the types `but` stay
        open: sagas carry them out. Returns the ones that were open, as they were."""
        ...

    async def find(
        self, *, state: Waits = "open", key: str | None = None, limit: int = 100
    ) -> Sequence[PendingCommand]:
        """Those in a state, the oldest first; with `key` those of this key, or of the sagas with it."""
        ...

    async def of_ids(self, ids: Sequence[str]) -> Sequence[PendingCommand]:
        """Those of these that are kept, in any state."""
        ...

    async def status(self) -> PendingStatus:
        """The number of open ones, and the oldest."""
        ...

    async def of_sagas(self, saga_ids: Sequence[str]) -> Sequence[PendingCommand]:
        """The open ones that saga instances with these ids have sent."""
        ...

    async def ages(self, limit: int = 1_000) -> Sequence[PendingAge]:
        """The open ones by type and step, the oldest first."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete at most `limit` that were closed before that time; returns how many."""
        ...
