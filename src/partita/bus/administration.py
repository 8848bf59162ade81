"""Administration of a broker's topics: a port of its own, since no running app needs it.

The embedded log has none: it makes the declared topics, and has no settings that could drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from partita.bus.port import TopicSpec


class Broker(NamedTuple):
    """A broker that answers; `rack` is its failure domain, None where it names none."""

    id: int
    where: str
    rack: str | None


class Copies(NamedTuple):
    """The places of a partition's copies: brokers' ids, the preferred leader first; None = no leader."""

    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTopic:
    """A topic as the broker has it; `settings` are those in force, including the broker's defaults."""

    name: str
    partitions: tuple[Copies, ...]
    settings: Mapping[str, str]

    @property
    def replication(self) -> int:
        """The copies of the partition that has the fewest."""
        return min((len(p.replicas) for p in self.partitions), default=0)

    @property
    def behind(self) -> int:
        """The number of partitions with a copy out of sync, or without a leader."""
        return sum(p.leader is None or len(p.in_sync) < len(p.replicas) for p in self.partitions)


class Administration(Protocol):
    """A broker's topics and brokers, to look at and to change. Every method raises BusUnavailable if no broker answers."""

    @property
    def where(self) -> str:
        """The cluster, for people."""
        ...

    @property
    def own_topics(self) -> Sequence[str]:
        """Topics that the adapter itself needs, beside the app's."""
        ...

    def settings_of(self, topic: TopicSpec) -> Mapping[str, str]:
        """The settings that a declared topic should have, by the broker's names."""
        ...

    def client_settings(self) -> Mapping[str, str]:
        """The settings of our own producers and consumers, by the client's names."""
        ...

    async def open(self) -> None:
        """Connect."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def brokers(self) -> Sequence[Broker]:
        """The brokers that are up."""
        ...

    async def names(self) -> Sequence[str]:
        """All topics."""
        ...

    async def describe(self, names: Sequence[str]) -> Mapping[str, FoundTopic]:
        """The existing ones of these topics."""
        ...

    async def readers(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The consumer groups of any program that have read these topics, by topic; topics without one are left out."""
        ...

    async def older(self, name: str, age_s: float) -> int:
        """The number of a topic's records older than that: a retention of `age_s` would delete them."""
        ...

    async def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics; each partition has a leader when it returns."""
        ...

    async def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions; when it returns the broker reports them."""
        ...

    async def configure(self, name: str, settings: Mapping[str, str]) -> None:
        """Change these settings of a topic and no others; they are in force when it returns."""
        ...
