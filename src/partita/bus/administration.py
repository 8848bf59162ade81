"""What a broker tells of its topics, and lets a person change of them: a port of its own, since no running app needs it.

The embedded log has none: it makes what is declared, and holds nothing that could drift on other machines.
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
    """Where a partition's copies are: brokers' ids, the leader first asked; None = nobody leads it."""

    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTopic:
    """A topic as the broker has it; `settings` are those in force, the broker's defaults included."""

    name: str
    partitions: tuple[Copies, ...]
    settings: Mapping[str, str]

    @property
    def replication(self) -> int:
        """Copies of the partition that has the fewest."""
        return min((len(p.replicas) for p in self.partitions), default=0)

    @property
    def behind(self) -> int:
        """How many partitions have a copy that is not in sync, or no leader."""
        return sum(p.leader is None or len(p.in_sync) < len(p.replicas) for p in self.partitions)


class Administration(Protocol):
    """A broker's topics and brokers, to look at and to change. Every method raises BusUnavailable when nobody answers."""

    @property
    def where(self) -> str:
        """The cluster, for people."""
        ...

    @property
    def own_topics(self) -> Sequence[str]:
        """Topics that the adapter itself needs, beside the app's."""
        ...

    def settings_of(self, topic: TopicSpec) -> Mapping[str, str]:
        """The settings a topic so declared is to have, by the broker's names."""
        ...

    def client_settings(self) -> Mapping[str, str]:
        """How our own producers and consumers speak to it, by the client's names."""
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
        """Those of these topics that exist."""
        ...

    async def older(self, name: str, age_s: float) -> int:
        """How many records of a topic are older than that: what a retention of `age_s` would delete."""
        ...

    async def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics; each partition has a leader when it returns."""
        ...

    async def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions; the broker tells of them when it returns."""
        ...

    async def configure(self, name: str, settings: Mapping[str, str]) -> None:
        """Change these settings of a topic and no others; they are in force when it returns."""
        ...
