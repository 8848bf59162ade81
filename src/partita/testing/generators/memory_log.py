"""A log in memory with groups: a bus for generated cases. It appends twice, or refuses, as a case says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from partita.bell import Bell
from partita.bus.features import Feature, require
from partita.bus.port import Fence, GroupLag, Moved, Outgoing, Polled, Reading, Record, Stand, TopicSpec, screened
from partita.bus.position import Position
from partita.clock import Clock
from partita.errors import BusUnavailable
from partita.texts.key_hash import partition_of

PARTITIONS = 2
Where = tuple[str, int]


class MemoryLog:
    """The records of a case, by partition, and the position of each group."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.records: dict[Where, list[Record]] = {}
        self.positions: dict[tuple[str, Where], int] = {}
        self.moves = 0
        """The count of appends and reads: while it grows, work is going on."""
        self.on_append: Callable[[], None] = lambda: None

    def put(self, records: Sequence[Outgoing]) -> None:
        """Append records, each in the partition of its key."""
        for record in records:
            partition = 0 if record.key is None else partition_of(record.key, PARTITIONS)
            rows = self.records.setdefault((record.topic, partition), [])
            at_us = self._clock.now_us()
            rows.append(Record(record.topic, partition, len(rows), record.key, record.headers, record.value, at_us))
        self.moves += len(records)
        self.on_append()

    def waits(self, group: str, topics: Sequence[str]) -> bool:
        """Whether a group has records before it."""
        return any(
            len(self.records.get((topic, n), ())) > self.positions.get((group, (topic, n)), 0)
            for topic in topics
            for n in range(PARTITIONS)
        )

    def rewind(self, group: str, topics: Sequence[str], count: int) -> None:
        """Move a group back by `count` records of each partition, as if its member died before it wrote its position."""
        for topic in topics:
            for n in range(PARTITIONS):
                name = (group, (topic, n))
                self.positions[name] = max(self.positions.get(name, 0) - count, 0)


class MemorySubscription:
    """See `partita.bus.port.Subscription`: the one member of a group."""

    def __init__(self, log: MemoryLog, group: str, topics: Sequence[str]) -> None:
        self._log = log
        self._group = group
        self.places = [(topic, n) for topic in topics for n in range(PARTITIONS)]
        self._read = {place: log.positions.get((group, place), 0) for place in self.places}
        self._open: dict[Where, set[int]] = {place: set() for place in self.places}
        self._paused: set[Where] = set()
        self._joined = False

    @property
    def has_news(self) -> bool:
        """Whether a poll would return a record."""
        return not self._joined or any(
            len(self._log.records.get(place, ())) > self._read[place]
            for place in self.places
            if place not in self._paused
        )

    async def poll(self, count: int) -> Polled:
        """The waiting records, oldest first."""
        found: list[Record] = []
        for place in self.places:
            if place not in self._paused:
                found += self._log.records.get(place, ())[self._read[place] : self._read[place] + count - len(found)]
        for record in found:
            self._open[record.at].add(record.offset)
            self._read[record.at] = record.offset + 1
        self._log.moves += len(found)
        found.sort(key=lambda record: (record.appended_us, record.offset))
        assigned, self._joined = ([] if self._joined else self.places), True
        return Polled(found, assigned, [])

    def done(self, records: Sequence[Record]) -> None:
        """Mark these as handled; the position follows the oldest unhandled record."""
        for record in records:
            self._open[record.at].discard(record.offset)
            first = min(self._open[record.at], default=self._read[record.at])
            self._log.positions[(self._group, record.at)] = first

    def pause(self, partitions: Sequence[Where]) -> None:
        """Stop delivery of these partitions."""
        self._paused |= set(partitions)

    def resume(self, partitions: Sequence[Where]) -> None:
        """Resume delivery of these partitions."""
        self._paused -= set(partitions)

    async def release(self, partitions: Sequence[Where]) -> None:
        """Nothing to release: no partition is ever revoked."""

    async def stand(self, partition: Where) -> Stand | None:
        """Nothing to compare: no case restores a database from a backup."""
        return None

    async def rewind(self, partition: Where, offset: int) -> None:
        """Deliver again from this offset on."""
        self._read[partition] = self._log.positions[(self._group, partition)] = offset
        self._open[partition].clear()

    async def keep(self) -> None:
        """Nothing to keep: there is no other member."""

    async def close(self) -> None:
        """Nothing to write: positions are written when they move."""


class Sender:
    """The bus as one service's relay sees it. The acknowledgements of the appends in `twice` get lost; `too_large` says until
    when the nth message is refused."""

    features = Feature.KEY_ORDER | Feature.OFFSETS | Feature.DENSE_OFFSETS

    def __init__(self, log: MemoryLog, clock: Clock, twice: frozenset[int], too_large: dict[int, int]) -> None:
        self._log = log
        self._clock = clock
        self._twice = set(twice)
        self._too_large = too_large
        self._appends = 0
        self._ids: dict[str, int] = {}

    @property
    def tables(self) -> None:
        """It is in memory."""
        return None

    async def identity(self) -> str:
        """Each case has one log."""
        return "memory"

    async def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """Refused: no case reads it."""
        require(self.features, Feature.REPLAY, "A history")
        yield []

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """Refused: no case reads it without a group."""
        require(self.features, Feature.REPLAY, "Reading from a position")
        return Reading([], Position(""))

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Topics are made by their first record."""

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """One each."""
        return dict.fromkeys(topics, 1)

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append the records that are not refused."""
        answers = screened(records, self._refusal)
        self._log.put([record for record, why in zip(records, answers, strict=True) if why is None])
        self._appends += 1
        if self._appends - 1 in self._twice:
            raise BusUnavailable("The acknowledgement got lost.")
        return answers

    def _refusal(self, record: Outgoing) -> str | None:
        number = self._ids.setdefault(record.id, len(self._ids))
        return "too large for this broker" if self._clock.now_us() < self._too_large.get(number, 0) else None

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> MemorySubscription:
        """Join a group; each case polls by itself, so nothing is rung."""
        return MemorySubscription(self._log, group, topics)

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Nothing to trim: a case ends before any record is old."""
        return 0

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Refused: no case resets a group."""
        require(self.features, Feature.REPLAY, "A reset")
        return []

    async def forget(self, group: str) -> int:
        """Nothing to forget: no case does it."""
        return 0

    async def answers(self) -> None:
        """Always: the log is in memory."""

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """Refused: a case reads positions itself."""
        require(self.features, Feature.LAG, "Lag")
        return []
