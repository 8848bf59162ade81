"""What a bus must do: keep records by topic, partition and key, and hand them to consumer groups.

Walk 7: the relay appends here, consumers poll here. Every adapter passes `partita.testing.conformance`.

Promises that every adapter keeps: a record is delivered to each group at least once until `done` was called for it; an
append that was not acknowledged may still have happened. Further promises are features (`bus/features.py`): an adapter
declares those that it keeps, and a method whose feature it does not declare raises `FeatureAbsent`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from partita.bus.features import Feature
from partita.bus.position import Position
from partita.size import RECORD_BYTES_MAX, over, record_over

READ_RECORDS_MAX = 1_000
"""The most records that one `read` returns, whatever its limit."""


BEHIND = "behind a record of its key that was refused"
"""What an append answers of a record that it left out: taken, it would pass an earlier one of its key."""


class Outgoing(NamedTuple):
    """A record on its way to the bus: `headers` are the envelope's bytes, `value` the encoded message."""

    topic: str
    key: str | None
    headers: bytes
    value: bytes
    id: str


def screened(records: Sequence[Outgoing], refusal: Callable[[Outgoing], str | None]) -> list[str | None]:
    """What a bus answers of these before it takes them: None, why it is refused for good, or `BEHIND`."""
    held: set[tuple[str, str]] = set()
    answers: list[str | None] = []
    for record in records:
        why = BEHIND if held and (record.topic, record.key) in held else refusal(record)
        if why is not None and record.key is not None:
            held.add((record.topic, record.key))
        answers.append(why)
    return answers


def too_large(record: Outgoing) -> str | None:
    """Why no bus takes a record of this size; None = it is small enough."""
    size = record_over(record.key, record.headers, record.value)
    return f"it has {over(size, RECORD_BYTES_MAX)}" if size else None


class Record(NamedTuple):
    """A record read from the bus; its bytes are raw and may be anything."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: bytes
    value: bytes
    appended_us: int

    @property
    def at(self) -> tuple[str, int]:
        """Topic and partition."""
        return (self.topic, self.partition)


class Reading(NamedTuple):
    """Records of one partition in offset order, and the position behind the last of them, from which to read on. No
    records: there are none yet."""

    records: Sequence[Record]
    next: Position


@dataclass(frozen=True, slots=True)
class Fence:
    """Who appends: a name (outbox and slot) and the epoch of its lease; an older epoch is refused."""

    name: str
    epoch: int


class Polled(NamedTuple):
    """What a poll found: records that are waiting, and partitions that came or must go."""

    records: Sequence[Record]
    assigned: Sequence[tuple[str, int]]
    revoked: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A topic as declared: partitions, and how long records stay (seconds; None = for ever). Copies, and how many of
    them must be written before an append is acknowledged, are the broker's own choice where they are None."""

    name: str
    partitions: int = 4
    retention_s: float | None = 7 * 86_400.0
    replication: int | None = None
    min_insync: int | None = None


class GroupLag(NamedTuple):
    """How far a group is in one partition: next offset to handle, the log's head, records between; the member that holds it,
    None = nobody that is there; and when the oldest record that is not handled was appended, None = all are, or the bus
    does not say."""

    group: str
    topic: str
    partition: int
    position: int
    head: int
    lag: int
    owner: str | None
    oldest_us: int | None = None


class Moved(NamedTuple):
    """Where a group stood in a partition (None = nowhere yet), and where it was put: next offsets to handle."""

    partition: int
    before: int | None
    after: int


class Stand(NamedTuple):
    """Where a group stands in a partition it holds: which log this is, the offset from which records are handed out, the
    oldest that is there, the one the next record gets, and whether records before the oldest were deleted."""

    log: str
    next: int
    oldest: int
    head: int
    cut: bool


class Subscription(Protocol):
    """A member's part in a consumer group. `poll` never waits; `on_wake` is called when a poll may find something."""

    on_wake: Callable[[], None]

    async def poll(self, count: int) -> Polled:
        """At most `count` waiting records of the assigned partitions, in offset order within each.

        A revoked partition delivers nothing more; the caller drops what it holds of it and calls `release`.
        """
        ...

    def done(self, records: Sequence[Record]) -> None:
        """These are handled; the group's position follows behind the oldest that is not (watermark)."""
        ...

    def pause(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Deliver nothing more of these until `resume`; polls go on, so that the membership is kept."""
        ...

    def resume(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Deliver of these again."""
        ...

    async def release(self, partitions: Sequence[tuple[str, int]]) -> None:
        """The caller no longer works on these revoked partitions; another member may have them."""
        ...

    async def stand(self, partition: tuple[str, int]) -> Stand | None:
        """Where the group stands in a partition; None = it is not held any more."""
        ...

    async def rewind(self, partition: tuple[str, int], offset: int) -> None:
        """Hand out again from this offset on, also to a successor; what was handed out of it before is void."""
        ...

    async def keep(self) -> None:
        """Heartbeat, take-over and position write; called about every 0.5 s, also while a handler runs long."""
        ...

    async def close(self) -> None:
        """Write the position, leave the group, give the partitions back."""
        ...


class Bus(Protocol):
    """A log or broker."""

    @property
    def features(self) -> Feature:
        """The features that this bus has. They are a property of the adapter, known before it is opened."""
        ...

    async def identity(self) -> str:
        """Which log this is; another one after it was restored from a backup, or begun anew, as far as that can be told.

        Raises:
            BusUnavailable: it does not answer.
        """
        ...

    async def open(self) -> None:
        """Connect, and create what the adapter itself needs.

        Raises:
            BusUnavailable: it cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that do not exist; never change those that do."""
        ...

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """How many partitions each of these topics has; those that do not exist are left out.

        Raises:
            BusUnavailable: it does not answer.
        """
        ...

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append durably, in order; per record None, why it was refused for good, or `BEHIND`: what follows a refused
        record of its topic and key is not appended, or it would pass it. A refusal is of that record alone.

        Raises:
            BusUnavailable: nothing is known to be appended; try all again.
            Fenced: an epoch is older than one seen for its name; nothing was appended. Only with `FENCING`.
        """
        ...

    def subscribe(self, group: str, topics: Sequence[str], member: str) -> Subscription:
        """Join a consumer group; a group new to a topic starts at its oldest record."""
        ...

    def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """The records of these topics that were appended since then and are there now, in batches, for people: no group
        moves by it.

        Raises:
            FeatureAbsent: this bus has no `REPLAY`.
        """
        ...

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """At most `limit` records of a partition from a position on, None = from the oldest record that is there; without
        a group, and without waiting for new records.

        The reader keeps the position, best in the transaction of what it makes of the records. No group's progress
        protects these records: what retention deletes before it is read is refused, never skipped.

        Raises:
            PositionRefused: the position is of another log or partition, or records behind it were deleted.
            NotFound: there is no such topic or partition.
            FeatureAbsent: this bus has no `REPLAY`.
            BusUnavailable: it does not answer.
        """
        ...

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Delete at most `limit` records past their topic's retention that every group has handled; a broker that
        does this by itself deletes nothing here."""
        ...

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Put a group's place to the oldest record that is there, or behind the newest, in all partitions of a topic or in
        none. Empty = it stands nowhere in this topic.

        Raises:
            Conflict: it has members, and this bus cannot call back what they hold; nothing was moved. One that died counts
                until it is missed, some seconds.
            FeatureAbsent: this bus has no `REPLAY`.
        """
        ...

    async def forget(self, group: str) -> int:
        """Forget where a group stands that is no more, so that nothing is kept for it; returns in how many partitions it
        stood. A group of that name begins at the oldest record again.

        Raises:
            Conflict: it has members. One that died counts until it is missed, some seconds.
        """
        ...

    async def answers(self) -> None:
        """Return when the bus has answered this question, which costs it next to nothing.

        Raises:
            BusUnavailable: it does not. BusRefused: it does not take our word.
        """
        ...

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """Where groups stand, for people and metrics.

        Raises:
            FeatureAbsent: this bus has no `LAG`.
        """
        ...
