"""The sequences of keys: a dense number for each message that leaves, and the last number counted of those that came.

All numbers of a key are in one row. A transaction reads the rows of its keys, counts in memory, and writes each row once,
when it ends. To give numbers it locks the row, so messages of a key leave in commit order; to count it does not, since one
transaction at a time has the next message of a key (the holder of its partition, or the transaction that made it).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

Place = tuple[str, str]
"""(topic, key): the scope of the numbers of messages that leave."""
SequenceKey = tuple[str, str, str]
"""(source, topic, key): the scope of the numbers of messages that come."""


class KeyNumbers(NamedTuple):
    """The numbers in the row of a key. `version` 0: the key has no row yet."""

    version: int = 0
    sent: Mapping[str, int] = {}  # by topic: the last number given
    counted: Mapping[Place, int] = {}  # by (source, topic): the last number counted


class KeyChange(NamedTuple):
    """The numbers of a key that a transaction has changed; `before` is its row as the transaction read it."""

    key: str
    before: KeyNumbers
    sent: Mapping[str, int]
    counted: Mapping[Place, int]


class KeyRows(Protocol):
    """The rows of keys in a database."""

    async def read(self, keys: Collection[str]) -> Mapping[str, KeyNumbers]:
        """The rows that exist."""
        ...

    async def lock(self, places: Collection[Place]) -> Mapping[str, KeyNumbers]:
        """The rows that exist of these keys, locked until the transaction ends."""
        ...

    async def write(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows. A number counted never goes back, whatever another transaction wrote meanwhile.

        Raises:
            StoreContended: another transaction has made the row of a key meanwhile to which this one gave numbers as new.
        """
        ...

    async def base_in(self, consumer: str, first: Mapping[SequenceKey, int]) -> None:
        """See `Sequences`."""
        ...

    async def bases_in(self, consumer: str, keys: Sequence[SequenceKey]) -> Mapping[SequenceKey, int]:
        """See `Sequences`."""
        ...

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Delete the numbers counted in a topic, and its bases."""
        ...


@dataclass(slots=True)
class Sequences:
    """The sequences within one transaction."""

    rows: KeyRows
    _read: dict[str, KeyNumbers] = field(default_factory=dict)
    _locked: set[Place] = field(default_factory=set)
    _sent: dict[Place, int] = field(default_factory=dict)  # given here
    _counted: dict[SequenceKey, int] = field(default_factory=dict)  # counted here

    async def reserve(self, counts: Mapping[Place, int]) -> Mapping[Place, int]:
        """Reserve the next numbers of each (topic, key); returns the last number before them.

        No other transaction gets numbers of these keys until this one ends, so messages leave in commit order.
        """
        new = counts.keys() - self._locked
        if new:
            self._keep({key for _, key in new}, await self.rows.lock(new))
            self._locked |= new
        before = {place: self._last_sent(*place) for place in counts}
        self._sent.update((place, before[place] + count) for place, count in counts.items())
        return before

    async def last_in(self, places: Collection[SequenceKey]) -> dict[SequenceKey, int]:
        """The last counted number of each (source, topic, key); absent = the key is new."""
        await self._find({key for *_, key in places})
        found = {place: self._last_counted(*place) for place in places}
        return {place: number for place, number in found.items() if number}

    def learn(self, keys: Iterable[str], found: Mapping[str, KeyNumbers]) -> None:
        """Take rows that were read with other questions. Rows that are known already are from behind a lock, or no older."""
        for key in keys:
            self._read.setdefault(key, found.get(key, KeyNumbers()))

    def count_in(self, last: Mapping[SequenceKey, int]) -> None:
        """Count numbers up to these."""
        for place, number in last.items():
            self._counted[place] = max(number, self._counted.get(place, 0))

    async def base_in(self, consumer: str, first: Mapping[SequenceKey, int]) -> None:
        """Store the bases of keys that a group began in the middle: the first number that it counted."""
        await self.rows.base_in(consumer, first)

    async def bases_in(self, consumer: str, keys: Sequence[SequenceKey]) -> Mapping[SequenceKey, int]:
        """The stored bases; absent = the key began with number 1."""
        return await self.rows.bases_in(consumer, keys)

    async def forget_in(self, consumer: str, topic: str) -> None:
        """Let a group begin again in a topic: the next number of each key is its base."""
        await self.write()
        await self.rows.forget_in(consumer, topic)
        self._read.clear()

    async def write(self) -> None:
        """Write what was changed; the transaction does it at its end."""
        if not self._sent and not self._counted:
            return
        sent: dict[str, dict[str, int]] = {}
        counted: dict[str, dict[Place, int]] = {}
        for (topic, key), number in self._sent.items():
            sent.setdefault(key, {})[topic] = number
        await self._find({key for *_, key in self._counted})
        for (source, topic, key), number in self._counted.items():
            if number > self._read[key].counted.get((source, topic), 0):
                counted.setdefault(key, {})[source, topic] = number
        keys = sorted(sent.keys() | counted.keys())
        if keys:
            await self.rows.write([KeyChange(k, self._read[k], sent.get(k, {}), counted.get(k, {})) for k in keys])
        self.restore(Sequences(self.rows))

    def copy(self) -> Sequences:
        """Its state, to be restored where a savepoint is rolled back."""
        return Sequences(self.rows, self._read.copy(), self._locked.copy(), self._sent.copy(), self._counted.copy())

    def restore(self, before: Sequences) -> None:
        """Return to a state: what was locked since is locked no more."""
        self._read, self._locked, self._sent, self._counted = (
            before._read, before._locked, before._sent, before._counted
        )  # fmt: skip

    def _last_sent(self, topic: str, key: str) -> int:
        return self._sent.get((topic, key)) or self._read[key].sent.get(topic, 0)

    def _last_counted(self, source: str, topic: str, key: str) -> int:
        return max(self._counted.get((source, topic, key), 0), self._read[key].counted.get((source, topic), 0))

    async def _find(self, keys: Collection[str]) -> None:
        missing = [key for key in keys if key not in self._read]
        if missing:
            self._keep(missing, await self.rows.read(missing))

    def _keep(self, keys: Iterable[str], found: Mapping[str, KeyNumbers]) -> None:
        self._read.update((key, found.get(key, KeyNumbers())) for key in keys)
