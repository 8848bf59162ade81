"""Dead letters: the messages that need a person, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

LetterStatus = Literal["open", "replaying", "handled", "discarded", "superseded", "overtaken"]


class Failure(NamedTuple):
    """One stage of trying that failed: `tries` tries in a row, and the cause of the last one."""

    consumer: str
    message_id: str
    at_us: int
    stage: str  # in place, retry-1m, ..., replay
    tries: int
    cause_type: str
    cause: str
    fingerprint: str


class DeadLetter(NamedTuple):
    """A message that could not be handled, with everything needed to understand and repair it.

    `attempts` counts all tries. `superseded_by` names the edited copy that took its place.
    """

    id: str
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    message_id: str
    type: str
    correlation_id: str
    cause_type: str
    cause: str
    stack: str
    fingerprint: str
    attempts: int
    headers: bytes
    value: bytes
    at_us: int
    status: LetterStatus = "open"
    reason: str = ""
    closed_us: int = 0
    superseded_by: str = ""


class LetterGroup(NamedTuple):
    """Open dead letters with one cause."""

    consumer: str
    fingerprint: str
    cause_type: str
    cause: str
    type: str
    topic: str
    letters: int
    first_us: int
    last_us: int


class LetterFilter(NamedTuple):
    """Which dead letters; empty = any. `before_us` is exclusive."""

    status: str = "open"
    fingerprint: str = ""
    type: str = ""
    key: str = ""
    topic: str = ""
    ids: tuple[str, ...] = ()
    before_us: int = 0


class DeadLetters(Protocol):
    """Dead letters; no message is dropped without one. A message that dies again opens its letter again."""

    async def add(self, rows: Sequence[DeadLetter]) -> None:
        """Write dead letters."""
        ...

    async def find(
        self, consumer: str | None = None, limit: int = 100, where: LetterFilter | None = None, after_id: str = ""
    ) -> Sequence[DeadLetter]:
        """The newest first; with `where` the oldest first, behind `after_id`."""
        ...

    async def ending(self, text: str, limit: int) -> Sequence[str]:
        """The ids that end with this text: operators copy the end of one, and its beginning is a time."""
        ...

    async def count(self, consumer: str | None = None, where: LetterFilter | None = None) -> int:
        """How many there are."""
        ...

    async def groups(self, consumer: str | None = None) -> Sequence[LetterGroup]:
        """Open letters by cause, the largest group first."""
        ...

    async def close(self, ids: Sequence[str], status: LetterStatus, reason: str, at_us: int) -> int:
        """Change the status of letters; returns how many there were."""
        ...

    async def release(self, letter_ids: Sequence[str]) -> Sequence[DeadLetter]:
        """Set open letters to `replaying`; returns those that this call set. Of two operators only one gets each
        letter."""
        ...

    async def supersede(self, letter_id: str, by: DeadLetter, at_us: int) -> None:
        """Put an edited copy in a letter's place."""
        ...

    async def settle(self, consumer: str, message_ids: Sequence[str], status: LetterStatus, at_us: int) -> None:
        """Close the letters of messages that were handled or whose undo came first; closed letters stay as they are."""
        ...

    async def failed(self, rows: Sequence[Failure]) -> None:
        """Append failures; they are never changed."""
        ...

    async def failures(self, consumer: str, message_id: str) -> Sequence[Failure]:
        """The failures of one message, oldest first."""
        ...

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete letters closed before that time, with their failures; returns how many."""
        ...

    async def purge_failures(self, before_us: int, after_seq: int, limit: int) -> int:
        """Of the next `limit` failures behind `after_seq`, delete the old ones whose message is neither parked nor has
        a letter. Returns the `after_seq` of the next call; 0 = there are no more old ones."""
        ...
