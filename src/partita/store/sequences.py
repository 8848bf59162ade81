"""The sequences of keys: a dense number for each message that leaves, and the last number counted of those that came.

All numbers of a key are in one row. A transaction reads the rows of its keys, counts in memory, and writes each row once,
when it ends. It writes new numbers of messages that leave only if no other transaction gave any since it read the row, or
it has locked the row before it read it: so messages of a key leave in commit order. To count needs neither: one transaction
at a time has the next message of a key (the holder of its partition, or the transaction that made it).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

Place = tuple[str, str]
"""(topic, key): the scope of the numbers of messages that leave."""
SequenceKey = tuple[str, str, str]
"""(source, topic, key): the scope of the numbers of messages that come."""


def counted_name(source: str, topic: str) -> str:
    """The name of a number counted in the row of its key; topics have no space in their names."""
    return f"{topic} {source}"


class KeyNumbers(NamedTuple):
    """The numbers in the row of a key, and how often each half was written: they say whether it is still the row that was
    read."""

    version: int = 0
    sent: Mapping[str, int] = {}  # by topic: the last number given
    counted: Mapping[str, int] = {}  # by `counted_name`: the last number counted
    counted_version: int = 0


class KeyChange(NamedTuple):
    """The numbers of a key that a transaction has changed; `before` is its row as the transaction read it."""

    key: str
    before: KeyNumbers
    sent: Mapping[str, int]
    counted: Mapping[str, int]


class KeyRows(Protocol):
    """The rows of keys in a database."""

    @property
    def alone(self) -> bool:
        """Whether no other transaction writes while one does, so that what it reads is locked."""
        ...

    async def read(self, keys: Collection[str]) -> Mapping[str, KeyNumbers]:
        """The rows that exist."""
        ...

    async def lock(self, places: Collection[Place]) -> Mapping[str, KeyNumbers]:
        """The rows that exist of these keys, locked until the transaction ends."""
        ...

    async def write(self, changes: Sequence[KeyChange]) -> None:
        """Write changed rows. A number counted never goes back, whatever another transaction wrote meanwhile.

        Raises:
            StoreContended: another transaction has given numbers of a key meanwhile to which this one gave some.
            StoreReplaced: the database has another source by now.
        """
        ...

    async def write_last(self, changes: Sequence[KeyChange]) -> None:
        """The same as the last work of the transaction: on a server it goes with the commit, and raises there."""
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
    _free: set[str] = field(default_factory=set)  # numbers of these keys are given without a lock
    _locked: set[Place] = field(default_factory=set)
    _sent: dict[Place, int] = field(default_factory=dict)  # given here
    _counted: dict[SequenceKey, int] = field(default_factory=dict)  # counted here
    _waits: bool = False

    async def reserve(self, counts: Mapping[Place, int]) -> Mapping[Place, int]:
        """Reserve the next numbers of each (topic, key); returns the last number before them.

        Raises:
            StoreReplaced: the database has another source by now.
        """
        new = {place for place in counts if place[1] not in self._free} - self._locked
        if new:
            self._keep({key for _, key in new}, await self.rows.lock(new))
            self._locked |= new
        before: dict[Place, int] = {}
        for place, count in counts.items():
            topic, key = place
            last = before[place] = self._sent.get(place) or self._read[key].sent.get(topic, 0)
            self._sent[place] = last + count
        return before

    async def last_in(self, places: Collection[SequenceKey]) -> dict[SequenceKey, int]:
        """The last counted number of each (source, topic, key); absent = the key is new."""
        await self._find({key for *_, key in places})
        found: dict[SequenceKey, int] = {}
        for place in places:
            source, topic, key = place
            number = self._read[key].counted.get(counted_name(source, topic), 0)
            if number := max(number, self._counted.get(place, 0)):
                found[place] = number
        return found

    def wait_for_others(self) -> None:
        """Give no number without a lock: this transaction waits for others where it would be done again."""
        self._waits = True

    def learn(self, keys: Iterable[str], found: Mapping[str, KeyNumbers], *, free: bool) -> None:
        """Take rows that were read with other questions. Rows that are known already are from behind a lock, or no older.

        `free`: numbers of these keys are given without a lock. If another transaction gives some meanwhile, this one cannot
        commit (`StoreContended`).
        """
        for key in keys:
            if key not in self._read:
                self._read[key] = found.get(key, KeyNumbers())
                if free and not self._waits:
                    self._free.add(key)

    def knows(self, keys: Collection[str]) -> bool:
        """Whether numbers of these keys were learned and are given without a lock."""
        return self._free.issuperset(keys)

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
        self._free.clear()

    async def write(self, *, last: bool = False) -> None:
        """Write what was changed. `last`: the transaction ends, as it does each time."""
        if not self._sent and not self._counted:
            return
        sent: dict[str, dict[str, int]] = {}
        counted: dict[str, dict[str, int]] = {}
        for (topic, key), number in self._sent.items():
            sent.setdefault(key, {})[topic] = number
        await self._find({key for *_, key in self._counted})
        for (source, topic, key), number in self._counted.items():
            name = counted_name(source, topic)
            if number > self._read[key].counted.get(name, 0):
                counted.setdefault(key, {})[name] = number
        keys = sorted(sent.keys() | counted.keys())
        if keys:
            changes = [KeyChange(k, self._read[k], sent.get(k, {}), counted.get(k, {})) for k in keys]
            await (self.rows.write_last(changes) if last else self.rows.write(changes))
        self.restore(Sequences(self.rows))

    def copy(self) -> Sequences:
        """Its state, to be restored where a savepoint is rolled back."""
        return Sequences(
            self.rows,
            self._read.copy(),
            self._free.copy(),
            self._locked.copy(),
            self._sent.copy(),
            self._counted.copy(),
        )

    def restore(self, before: Sequences) -> None:
        """Return to a state: what was locked since is locked no more."""
        self._read, self._free, self._locked, self._sent, self._counted = (
            before._read, before._free, before._locked, before._sent, before._counted
        )  # fmt: skip

    async def _find(self, keys: Collection[str]) -> None:
        missing = [key for key in keys if key not in self._read]
        if missing:
            self._keep(missing, await self.rows.read(missing))

    def _keep(self, keys: Collection[str], found: Mapping[str, KeyNumbers]) -> None:
        self._read.update((key, found.get(key, KeyNumbers())) for key in keys)
        if self.rows.alone:
            self._free.update(keys)
