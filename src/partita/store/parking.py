"""The parking: the messages that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

State = Literal["waiting", "behind", "gap", "ready", "dead"]
"""Of a parked message: `waiting` in a retry tier, `behind` another of its key, `gap` for a number that is missing,
`ready` to run, `dead` until a person decides."""


REPLAYED = 1_000_000
"""The `tier` of a message that a person gave back: behind all tiers, however many there are in a later version."""


class ParkedRow(NamedTuple):
    """A parked message. `idx` (0 = not stored yet) orders those of a key; `tier` is the retry topic it went to last,
    -1 = none; `type` is empty where it cannot be read, or where only its number counts; `step` names the saga step a
    command serves, so that its undo finds it; `number` is its key sequence in `source`."""

    idx: int
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    message_id: str
    type: str
    state: State
    tier: int
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
    """How many messages of a group are parked, by state; `keys` that are held, since when the oldest one waits."""

    waiting: int
    behind: int
    gap: int
    ready: int
    dead: int
    keys: int
    oldest_us: int


class ParkedPlace(NamedTuple):
    """How many messages of a partition are parked in a group, and one of them."""

    topic: str
    partition: int
    messages: int
    message_id: str
    key: str | None
    state: str


class Parking(Protocol):
    """Messages that wait for their turn. One message is parked once in a group, whatever copies of it come."""

    async def held(self, consumer: str, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those (topic, key) that have a message parked; a gap alone holds nothing that comes before it."""
        ...

    async def add(self, rows: Sequence[ParkedRow]) -> None:
        """Park messages at the end of their keys."""
        ...

    async def get(self, consumer: str, message_ids: Sequence[str]) -> Mapping[str, ParkedRow]:
        """The parked ones of these messages; in a writing transaction nobody else moves or removes them until it ends."""
        ...

    async def of_key(self, consumer: str, topic: str, key: str, limit: int) -> Sequence[ParkedRow]:
        """The first of a key, in their order."""
        ...

    async def keys(self, consumer: str, limit: int) -> Sequence[tuple[str, str]]:
        """The (topic, key) that have messages parked, the one that waits longest first."""
        ...

    async def of_steps(self, consumer: str, steps: Sequence[str]) -> Sequence[ParkedRow]:
        """The parked commands that do these saga steps."""
        ...

    async def ready(self, consumer: str, places: Sequence[tuple[str, int]], limit: int) -> Sequence[ParkedRow]:
        """Messages of these partitions that may run, among them those whose gap is filled; the oldest first."""
        ...

    async def behind(self, consumer: str, keys: Sequence[tuple[str, str]], limit: int) -> Sequence[ParkedRow]:
        """Of each of these (topic, key) the first that queue behind its head, in order: at most `limit` in all."""
        ...

    async def move(
        self, consumer: str, message_ids: Sequence[str], state: State, tier: int, due_us: int, *, tried: int = 0
    ) -> None:
        """Change the state of parked messages, and add to their tries."""
        ...

    async def replace(self, consumer: str, message_id: str, by: ParkedRow) -> bool:
        """Put another message in a parked one's place, ahead of those behind it; False = it is not parked."""
        ...

    async def wake(self, consumer: str, message_ids: Sequence[str], upto_us: int) -> int:
        """Those of these messages that wait and are due by then become ready; returns how many. The row says when it is
        due, whichever tier of whichever version of the service it waits in."""
        ...

    async def wake_overdue(self, consumer: str, before_us: int, limit: int) -> int:
        """At most so many messages that wait since before that become ready: the net below the retry topics."""
        ...

    async def remove(self, consumer: str, message_ids: Sequence[str]) -> int:
        """Take messages out; the next of their key becomes ready. Returns how many became so."""
        ...

    async def next_due_us(self, consumer: str) -> int | None:
        """When the next message that waits for its retry is due."""
        ...

    async def status(self, consumer: str) -> ParkingStatus:
        """How much is parked."""
        ...

    async def places(self, consumer: str) -> Sequence[ParkedPlace]:
        """Where the parked messages came from, by topic and partition."""
        ...

    async def rehome(self, consumer: str, place: tuple[str, int], partition: int) -> int:
        """The messages of a partition that is no more belong to this one of its topic; returns how many."""
        ...

    async def loosen(self, consumer: str) -> int:
        """The group keeps no order any more: what queues behind others and what waits for a missing number may run, and
        a dead letter holds its key no longer. Returns how many may run."""
        ...
