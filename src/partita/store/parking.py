"""The parking: messages that wait in the service's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

State = Literal["waiting", "behind", "gap", "ready", "dead"]
"""State of a parked message: `waiting` in a retry topic, `behind` another of its key, `gap` = for a missing number,
`ready` to run, `dead` until an operator decides."""


REPLAYED = 1_000_000
"""The `delay` of a replayed message: behind all retry topics, however many a later version has."""


class ParkedRow(NamedTuple):
    """A parked message. `idx` (0 = not stored yet) orders the messages of a key; `delay` is the retry topic of its last
    try, -1 = none; `type` is empty where it cannot be read, or where only its number counts; `step` names the saga step
    of a command, so that its undo finds it; `number` is its key sequence in `source`."""

    idx: int
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    message_id: str
    type: str
    state: State
    delay: int
    due_us: int
    tries: int
    step: str
    source: str
    number: int
    headers: bytes
    value: bytes
    appended_us: int
    at_us: int


class ParkingStatus(NamedTuple):
    """The parked messages of a group, by state; the number of held keys; the time since the oldest one waits."""

    waiting: int
    behind: int
    gap: int
    ready: int
    dead: int
    keys: int
    oldest_us: int


class ParkedPlace(NamedTuple):
    """The number of parked messages of a partition in a group, and one of them."""

    topic: str
    partition: int
    messages: int
    message_id: str
    key: str | None
    state: str


class Loosened(NamedTuple):
    """The messages that run in a group that keeps no order any more: how many were behind others, and by (source, topic,
    key) the highest number of those that waited for an earlier one."""

    behind: int
    gaps: Mapping[tuple[str, str, str], int]


class Parking(Protocol):
    """Messages that wait for their turn. A group parks a message once, however many copies of it arrive."""

    async def held(self, consumer: str, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """The (topic, key) that have a parked message; a gap alone holds nothing that comes before it."""
        ...

    async def add(self, rows: Sequence[ParkedRow]) -> None:
        """Park messages at the end of their keys."""
        ...

    async def get(self, consumer: str, message_ids: Sequence[str]) -> Mapping[str, ParkedRow]:
        """The parked ones of these messages; in a writing transaction no other moves or removes them until it ends."""
        ...

    async def of_key(self, consumer: str, topic: str, key: str, limit: int) -> Sequence[ParkedRow]:
        """The first parked messages of a key, in order."""
        ...

    async def keys(self, consumer: str, limit: int) -> Sequence[tuple[str, str]]:
        """The (topic, key) with parked messages, the longest waiting first."""
        ...

    async def of_steps(self, consumer: str, steps: Sequence[str]) -> Sequence[ParkedRow]:
        """The parked commands that do these saga steps."""
        ...

    async def ready(self, consumer: str, places: Sequence[tuple[str, int]], limit: int) -> Sequence[ParkedRow]:
        """Messages of these partitions that may run, also those whose gap is filled; the oldest first."""
        ...

    async def behind(self, consumer: str, keys: Sequence[tuple[str, str]], limit: int) -> Sequence[ParkedRow]:
        """The first messages behind the head of each of these (topic, key), in order: at most `limit` in all."""
        ...

    async def move(
        self, consumer: str, message_ids: Sequence[str], state: State, delay: int, due_us: int, *, tried: int = 0
    ) -> None:
        """Change the state of parked messages, and add to their tries."""
        ...

    async def replace(self, consumer: str, message_id: str, by: ParkedRow) -> bool:
        """Put another message in a parked one's place, ahead of those behind it; False = it is not parked."""
        ...

    async def make_ready(self, consumer: str, message_ids: Sequence[str], upto_us: int) -> int:
        """Set those of these messages that wait and are due by then to ready; returns how many. The row's own due time
        counts, whatever retry topic of whatever version of the service it waits in."""
        ...

    async def make_overdue_ready(self, consumer: str, before_us: int, limit: int) -> int:
        """Set at most `limit` messages that wait since before that to ready: the safety net below the retry topics."""
        ...

    async def remove(self, consumer: str, message_ids: Sequence[str]) -> int:
        """Remove messages; the next message of their key becomes ready. Returns how many became ready."""
        ...

    async def next_due_us(self, consumer: str) -> int | None:
        """The time at which the next waiting message is due for its retry."""
        ...

    async def status(self, consumer: str) -> ParkingStatus:
        """The number of parked messages."""
        ...

    async def places(self, consumer: str) -> Sequence[ParkedPlace]:
        """The partitions from which the parked messages came."""
        ...

    async def rehome(self, consumer: str, place: tuple[str, int], partition: int) -> int:
        """Assign the messages of a partition that no longer exists to another one of its topic; returns how many."""
        ...

    async def loosen(self, consumer: str) -> Loosened:
        """Drop the order of keys in this group: messages behind others may run, and a dead letter holds its key no longer."""
        ...
