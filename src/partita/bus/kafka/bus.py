"""Apache Kafka as a bus: classic clients on threads of their own (the client library's asyncio variants drop or refuse
headers; measured, docs/decisions/0008)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from partita.bell import Bell
from partita.bus.features import Feature
from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.ages import FETCH, Ages
from partita.bus.kafka.errors import LastError, log, making_a_client
from partita.bus.kafka.frames import Frames
from partita.bus.kafka.groups import Groups
from partita.bus.kafka.history import HISTORY_GROUP, history
from partita.bus.kafka.positions import ENDS, Positions
from partita.bus.kafka.reader import Reader
from partita.bus.kafka.registry import KafkaRegistry
from partita.bus.kafka.schema_topic import CONFIG as SCHEMA_CONFIG
from partita.bus.kafka.schema_topic import TOPIC as SCHEMA_TOPIC
from partita.bus.kafka.subscription import KafkaSubscription
from partita.bus.kafka.topics import ASK_S, Topics, new_topic
from partita.bus.kafka.writer import KafkaWriter
from partita.bus.port import (
    Fence,
    GroupLag,
    Moved,
    Outgoing,
    Reading,
    Record,
    Subscription,
    TopicSpec,
    screened,
    too_large,
)
from partita.bus.position import Position
from partita.bus.specs import Specs
from partita.clock import Clock
from partita.errors import BusUnavailable

SCHEMAS = TopicSpec(name=SCHEMA_TOPIC, partitions=1, retention_s=None)


class KafkaBus:
    """See `partita.bus.port.Bus`. `instance` is a name this process keeps over restarts (static membership); `ask_s` is how
    long a query for people or metrics waits; `frames` put the id of its schema before each value."""

    features = Feature.KEY_ORDER | Feature.PARTITIONS | Feature.OFFSETS | Feature.REPLAY | Feature.LAG

    def __init__(
        self, url: str, *, clock: Clock, instance: str = "", ask_s: float = ASK_S, frames: Frames | None = None
    ) -> None:
        self.address = KafkaAddress.parse(url)
        self._frames = frames
        self._ask_s = ask_s
        self._clock = clock
        self._instance = instance
        self._last_error = LastError(clock)
        self.registry = KafkaRegistry(self.address, partial(self._make, [SCHEMAS]))
        self._specs = Specs()
        self._known: set[str] = set()
        self._subscribed: dict[str, Sequence[str]] = {}
        self._writer: KafkaWriter | None = None

    @property
    def tables(self) -> None:
        """It is in no database of services."""
        return None

    async def identity(self) -> str:
        """The cluster's id: a broker's topics are not restored from backups one by one."""
        return (await asyncio.to_thread(self._topics.metadata)).cluster_id or ""

    async def open(self) -> None:
        """Make the clients. They connect when the broker is there: services start, and orders commit, without it."""
        self._topics = Topics(self._new_admin(), self.address.shown, self._clock, self._last_error)
        self._ages = Ages(partial(self._new_looker, FETCH), self._clock)
        self._groups = Groups(self._new_admin, self.address.shown, self._clock, ages=self._ages, ask_s=self._ask_s)
        self._positions = Positions(partial(self._new_looker, ENDS), self.address.shown, self._clock)
        self._writer = KafkaWriter(self.address, self._clock, frames=self._frames, specs=self._specs)

    def _new_admin(self) -> AdminClient:
        settings: dict[str, Any] = {**self.address.admin(), "error_cb": self._last_error, "logger": log}
        with making_a_client(self.address.shown):
            return AdminClient(settings)

    def _new_looker(self, settings: Mapping[str, Any]) -> Consumer:
        with making_a_client(self.address.shown):
            return Consumer({**self.address.consumer(HISTORY_GROUP), **settings, "logger": log})

    async def close(self) -> None:
        """Disconnect; unacknowledged records stay in the outboxes."""
        if self._writer is not None:
            await asyncio.to_thread(self._ages.close)
            await asyncio.to_thread(self._positions.close)
            await asyncio.to_thread(self._writer.close)
            await self.registry.close()
            self._writer = None

    async def ensure_topics(self, topics: Sequence[TopicSpec]) -> None:
        """Create the topics that do not exist."""
        self._specs.declare(topics)
        await self._make(topics)

    async def _make(self, topics: Sequence[TopicSpec]) -> None:
        unknown = [t for t in topics if t.name not in self._known]
        if not unknown:
            return
        existing = (await asyncio.to_thread(self._topics.metadata)).topics
        missing = [_schemas_or(t) for t in unknown if t.name not in existing]
        if missing:
            await asyncio.to_thread(self._topics.create, missing)
        self._known.update(t.name for t in unknown)

    async def partitions(self, topics: Sequence[str]) -> Mapping[str, int]:
        """The number of partitions of each of these topics."""
        found = (await asyncio.to_thread(self._topics.metadata)).topics
        return {topic: len(found[topic].partitions) for topic in topics if topic in found}

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence] = ()) -> Sequence[str | None]:
        """Append durably, in order; all in-sync replicas acknowledge."""
        await self._make(self._specs.of(records))
        refusals = screened(records, too_large)
        if self._writer is None:
            raise BusUnavailable(f"{self.address.shown} is not open.")
        going = [record for record, refusal in zip(records, refusals, strict=True) if refusal is None]
        answers = iter(await self._writer.append(going))
        return [next(answers) if refusal is None else refusal for refusal in refusals]

    def subscribe(self, group: str, topics: Sequence[str], member: str, bell: Bell | None = None) -> Subscription:
        """Join a consumer group."""
        self._subscribed[group] = topics
        settings = {**self.address.consumer(group, self._instance), "client.id": member.replace("/", "-")}
        return KafkaSubscription(Reader(settings, topics, self._clock, bell or Bell(), where=self.address.shown))

    async def history(self, topics: Sequence[str], since_us: int) -> AsyncIterator[Sequence[Record]]:
        """The records of these topics since then."""
        async for records in history(self.address.consumer(HISTORY_GROUP), topics, since_us, self.address.shown):
            yield records

    async def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """At most `limit` records of a partition from a position on."""
        return await asyncio.to_thread(self._positions.read, topic, partition, position, limit)

    async def trim(self, now_us: int, limit: int = 1_000) -> int:
        """Do nothing: Kafka's own retention deletes."""
        return 0

    async def reset(self, group: str, topic: str, to_start: bool) -> Sequence[Moved]:
        """Move a group to the start or the end of a topic; it must have no members."""
        known = (await asyncio.to_thread(self._topics.metadata)).topics.get(topic)
        if known is None:
            return []
        return await asyncio.to_thread(self._groups.reset, group, topic, len(known.partitions), to_start)

    async def forget(self, group: str) -> int:
        """Forget the positions of a group that no longer exists."""
        self._subscribed.pop(group, None)
        return await asyncio.to_thread(self._groups.forget, group)

    async def answers(self) -> None:
        """Return when a broker answers and accepts this user."""
        await asyncio.to_thread(self._topics.metadata, self._ask_s)

    async def lag(self, group: str | None = None) -> Sequence[GroupLag]:
        """The positions of groups."""
        return await asyncio.to_thread(self._groups.lag, group, dict(self._subscribed))


def _schemas_or(topic: TopicSpec) -> NewTopic:
    if topic.name == SCHEMA_TOPIC:
        return NewTopic(topic.name, topic.partitions, config=dict(SCHEMA_CONFIG))
    return new_topic(topic)
