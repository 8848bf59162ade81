"""The port of a bus: it keeps records by topic, partition and key, and hands them to consumer groups.

Walk 7: the relay appends here, consumers poll here. Every adapter passes `partita.testing.conformance`.

Promises that every adapter keeps: a record is delivered to each group at least once until `done` was called for it; an
append that was not acknowledged may still have happened. Further promises are features (`bus/features.py`): an adapter
declares those that it keeps, and a method whose feature it does not declare raises `FeatureAbsent`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from partita.bell import Bell
from partita.bus.features import Feature
from partita.bus.position import Position
from partita.cloudevents.binary_mode import HeaderSet
from partita.databases.log_tables import LogTables
from partita.size import RECORD_BYTES_MAX, over, record_over

READ_RECORDS_MAX = 1_000
"""The most records that one `read` returns, whatever its limit."""


BEHIND = "behind a record of its key that was refused"
"""The answer of an append for a record that it left out: appended, it would overtake an earlier one of its key."""


class Outgoing(NamedTuple):
    """A record on its way to the bus: `headers` are the envelope's bytes, `value` the encoded message."""

    topic: str
    key: str | None
    headers: bytes
    value: bytes
    id: str


def screened(records: Sequence[Outgoing], refusal: Callable[[Outgoing], str | None]) -> list[str | None]:
    """The answers for these records before any is taken: None, the reason for a final refusal, or `BEHIND`."""
    held: set[tuple[str, str]] = set()
    answers: list[str | None] = []
    for record in records:
        why = BEHIND if held and (record.topic, record.key) in held else refusal(record)
        if why is not None and record.key is not None:
            held.add((record.topic, record.key))
        answers.append(why)
    return answers


def too_large(record: Outgoing) -> str | None:
    """The reason why no bus takes a record of this size; None = it is small enough."""
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
    """Records of one partition in offset order, and the position behind the last of them, to read on from. No
    records: there are none yet."""

    records: Sequence[Record]
    next: Position


@dataclass(frozen=True, slots=True)
class Fence:
    """The appender: a name (outbox and slot) and the epoch of its lease; an older epoch is refused."""

    name: str
    epoch: int


class Polled(NamedTuple):
    """The result of a poll: waiting records, and partitions that came or must go."""

    records: Sequence[Record]
    assigned: Sequence[tuple[str, int]]
    revoked: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpec:
    """A declared topic: partitions, and how long records stay (seconds; None = for ever). The broker chooses the
    copies, and how many of them must be written before an append is acknowledged, where they are None. `headers` is what
    its records carry where the bus has headers for other programs."""

    name: str
    partitions: int = 4
    retention_s: float | None = 7 * 86_400.0
    replication: int | None = None
    min_insync: int | None = None
    headers: HeaderSet = "full"


class GroupLag(NamedTuple):
    """A group's lag in one partition: next offset to handle, the log's head, records between; the member that holds it,
    None = no living member; and when the oldest unhandled record was appended, None = all are handled, or unknown."""

    group: str
    topic: str
    partition: int
    position: int
    head: int
    lag: int
    owner: str | None
    oldest_us: int | None = None


class Moved(NamedTuple):
    """The move of a group in a partition: next offset before (None = none yet) and after."""

    partition: int
    before: int | None
    after: int


class Stand(NamedTuple):
    """A group's state in a held partition: the identity of the log, the offset from which records are handed out, the
    oldest that exists, the offset of the next record, and whether records before the oldest were deleted."""

    log: str
    next: int
    oldest: int
    head: int
    cut: bool


class Subscription(Protocol):
    """A member of a consumer group. `poll` never waits."""

    async def poll(self, count: int) -> Polled:
        """At most `count` waiting records of the assigned partitions, in offset order within each.

        A revoked partition delivers nothing more; the caller drops what it holds of it and calls `release`.
        """
        ...

    def done(self, records: Sequence[Record]) -> None:
        """Mark these as handled; the group's position follows behind the oldest unhandled record (watermark)."""
        ...

    def pause(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Deliver nothing more of these until `resume`; polls go on, so that the membership is kept."""
        ...

    def resume(self, partitions: Sequence[tuple[str, int]]) -> None:
        """Deliver from these again."""
        ...

    async def release(self, partitions: Sequence[tuple[str, int]]) -> None:
        """The caller no longer works on these revoked partitions; another member may have them. If it fails, the next
        heartbeat does it."""
        ...

    async def stand(self, partition: tuple[str, int]) -> Stand | None:
        """The group's state in a partition; None = it is no longer held."""
        ...

    async def rewind(self, partition: tuple[str, int], offset: int) -> None:
        """Hand out again from this offset on, also to a successor; records of it handed out before are void."""
        ...

    async def keep(self) -> None:
        """Send a heartbeat, take partitions over, write positions; called about every 0.5 s, also during a long handler."""
        ...

    async def close(self) -> None:
        """Write the position, leave the group, release the partitions."""
        ...


class Bus(Protocol):
    """A log or broker."""

    @property
    def features(self) -> Feature:
        """The features that this bus has. They are a property of the adapter, known before it is opened."""
        ...

    @property
    def tables(self) -> LogTables | None:
        """The tables of this log, if it is in a database in which services may be too."""
        ...

    async def identity(self) -> str:
        """The identity of this log; it changes after a restore from a backup or a new beginning, as far as that can be
        detected.

        Raises:
            BusUnavailable: it does not answer.
        """
        ...

    async def open(self) -> None:
        """Connect, and create the adapter's own objects.

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
        """The number of partitions of each existing one of these topics.

        Raises:
            BusUnavailable: it does not answer.
        """
        ...

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append durably, in order; per record None, the reason for a final refusal, or `BEHIND`: records behind a refused
        one of their topic and key are not appended, or they would overtake it. A refusal is of that record alone.

        Raises:
            BusUnavailable: it is unknown which were appended; try all again.
            Fenced: an epoch is older than one seen for its name; nothing was appended. Only with `FENCING`.
        """
        ...

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Subscription:
        """Join a consumer group; a group new to a topic starts at its oldest record, and a topic that does not exist yet is
        joined when it does. The bell is rung with `records` when a poll may find something."""
        ...

    def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """The existing records of these topics appended since then, in batches, for people: no group moves.

        Raises:
            FeatureAbsent: this bus has no `REPLAY`.
        """
        ...

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """At most `limit` records of a partition from a position on, None = from the oldest existing record; without a
        group, and without waiting for new records.

        The reader keeps the position, best in the transaction of its own effects. No group's progress protects these
        records: if retention deleted records before they were read, the position is refused, never skipped.

        Raises:
            PositionRefused: the position is of another log or partition, or records behind it were deleted.
            NotFound: there is no such topic or partition.
            FeatureAbsent: this bus has no `REPLAY`.
            BusUnavailable: it does not answer.
        """
        ...

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Delete at most `limit` records past their topic's retention that every group has handled; a broker with its own
        retention deletes nothing here."""
        ...

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Move a group to the oldest existing record, or behind the newest, in all partitions of a topic or in none. Empty =
        it has no position in this topic.

        Raises:
            Conflict: it has members, and this bus cannot call back their records; nothing was moved. A dead member counts
                until it is missed, some seconds.
            FeatureAbsent: this bus has no `REPLAY`.
        """
        ...

    async def forget(self, group: str) -> int:
        """Forget the positions of a group that no longer exists, so that nothing is kept for it; returns the number of
        partitions. A new group of that name begins at the oldest record.

        Raises:
            Conflict: it has members. A dead one counts until it is missed, some seconds.
        """
        ...

    async def answers(self) -> None:
        """Return when the bus has answered a query that costs it next to nothing.

        Raises:
            BusUnavailable: it does not answer.
            BusRefused: it refuses this user.
        """
        ...

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """The positions of groups, for people and metrics.

        Raises:
            FeatureAbsent: this bus has no `LAG`.
        """
        ...
