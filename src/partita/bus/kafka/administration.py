"""A Kafka cluster's topics and brokers, to look at and to change."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import NewPartitions

from partita.bus.administration import Broker, Copies, FoundTopic
from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.errors import MOVED, LastError, error_of, log, making_a_client, unavailable
from partita.bus.kafka.groups import Groups
from partita.bus.kafka.schema_topic import TOPIC as SCHEMA_TOPIC
from partita.bus.kafka.topics import ASK_S, LOOK_S, Topics, new_topic, settings_of
from partita.bus.port import TopicSpec
from partita.clock import US, Clock
from partita.errors import BusUnavailable

SAID = ("acks", "enable.idempotence", "message.max.bytes", "enable.auto.commit")


class KafkaAdministration:
    """See `partita.bus.administration.Administration`."""

    def __init__(self, url: str, *, clock: Clock, ask_s: float = ASK_S) -> None:
        self._address = KafkaAddress.parse(url)
        self._ask_s = ask_s
        self._clock = clock
        self._last_error = LastError(clock)

    @property
    def where(self) -> str:
        """The cluster, for people."""
        return self._address.shown

    @property
    def own_topics(self) -> Sequence[str]:
        """The topic of the schemas."""
        return (SCHEMA_TOPIC,)

    def settings_of(self, topic: TopicSpec) -> Mapping[str, str]:
        """The settings that a declared topic should have."""
        return settings_of(topic)

    def client_settings(self) -> Mapping[str, str]:
        """The settings of our producers and consumers, with those of the URL."""
        settings = {**self._address.consumer("-"), **self._address.producer()}
        return {name: str(settings[name]).lower() for name in SAID}

    async def open(self) -> None:
        """Connect."""
        self._admin = self._new_admin()
        self._groups = Groups(self._new_admin, self.where, self._clock, ask_s=self._ask_s)
        self._topics = Topics(self._admin, self.where, self._clock, self._last_error)
        await asyncio.to_thread(self._topics.metadata, self._ask_s)

    def _new_admin(self) -> AdminClient:
        settings: dict[str, Any] = {**self._address.admin(), "error_cb": self._last_error, "logger": log}
        with making_a_client(self.where):
            return AdminClient(settings)

    async def close(self) -> None:
        """Do nothing: the client ends with its last reference."""

    async def brokers(self) -> Sequence[Broker]:
        """The brokers that are up."""
        return await asyncio.to_thread(self._brokers)

    async def names(self) -> Sequence[str]:
        """All topics."""
        return sorted((await asyncio.to_thread(self._topics.metadata)).topics)

    async def describe(self, names: Sequence[str]) -> Mapping[str, FoundTopic]:
        """The existing ones of these topics."""
        return await asyncio.to_thread(self._describe, names)

    async def readers(self, names: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """The groups that have a position in these topics."""
        return await asyncio.to_thread(self._groups.readers, names)

    async def older(self, name: str, age_s: float) -> int:
        """The number of records older than that."""
        return await asyncio.to_thread(self._older, name, age_s)

    async def create(self, topics: Sequence[TopicSpec]) -> None:
        """Create topics."""
        await asyncio.to_thread(self._topics.create, [new_topic(topic) for topic in topics])

    async def grow(self, name: str, partitions: int) -> None:
        """Give a topic more partitions."""
        await asyncio.to_thread(self._grow, name, partitions)

    async def configure(self, name: str, settings: Mapping[str, str]) -> None:
        """Change these settings and no others."""
        await asyncio.to_thread(self._configure, name, settings)

    def _brokers(self) -> list[Broker]:
        try:
            nodes = self._admin.describe_cluster(request_timeout=self._ask_s).result().nodes
        except KafkaException as error:
            raise unavailable(self.where, "asking for brokers", error_of(error)) from error
        return sorted(Broker(node.id, f"{node.host}:{node.port}", node.rack or None) for node in nodes)

    def _describe(self, names: Sequence[str]) -> dict[str, FoundTopic]:
        topics = self._topics.metadata(self._ask_s).topics
        there = [name for name in names if name in topics]
        settings = self._settings(there)
        found: dict[str, FoundTopic] = {}
        for name in there:
            partitions = tuple(
                Copies(p.leader if p.leader >= 0 else None, tuple(p.replicas), tuple(p.isrs))
                for _, p in sorted(topics[name].partitions.items())
            )
            found[name] = FoundTopic(name=name, partitions=partitions, settings=settings[name])
        return found

    def _settings(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
        try:
            answers = self._admin.describe_configs(asked, request_timeout=self._ask_s)
            told = {resource.name: answer.result() for resource, answer in answers.items()}
        except KafkaException as error:
            raise unavailable(self.where, "asking for the topics' settings", error_of(error)) from error
        return {
            topic: {n: e.value for n, e in entries.items() if e.value is not None} for topic, entries in told.items()
        }

    def _older(self, name: str, age_s: float) -> int:
        count = len(self._topics.metadata().topics[name].partitions)
        spec: Any = OffsetSpec  # its constructors have no types
        since_ms = round(self._clock.now_us() * 1_000 / US - age_s * 1_000)
        oldest = self._offsets(name, count, spec.earliest())
        newest = self._offsets(name, count, spec.latest())
        kept = self._offsets(name, count, spec.for_timestamp(max(0, since_ms)))
        # -1: no record is that young.
        return sum((newest[n] if kept[n] < 0 else kept[n]) - oldest[n] for n in range(count))

    def _offsets(self, name: str, count: int, which: Any) -> dict[int, int]:
        until = self._clock.monotonic() + ASK_S
        found: dict[int, int] | None = None
        while found is None:
            try:
                asked = {TopicPartition(name, number): which for number in range(count)}
                answers = self._admin.list_offsets(asked, request_timeout=ASK_S)
                found = {place.partition: answer.result().offset for place, answer in answers.items()}
            except KafkaException as error:
                # A new topic, or a moved leader: the broker does not know yet that it leads.
                if error_of(error).code() not in MOVED or self._clock.monotonic() > until:
                    raise unavailable(self.where, "asking for offsets", error_of(error)) from error
                self._topics.metadata()
                self._admin.poll(LOOK_S)
        return found

    def _grow(self, name: str, partitions: int) -> None:
        try:
            answers = self._admin.create_partitions([NewPartitions(name, partitions)], request_timeout=ASK_S)
            answers[name].result()
        except KafkaException as error:
            raise unavailable(self.where, f"growing {name}", error_of(error)) from error
        self._topics.wait_led({name: partitions})

    def _configure(self, name: str, settings: Mapping[str, str]) -> None:
        changes = [
            ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
            for setting, value in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=changes)
        try:
            for answer in self._admin.incremental_alter_configs([resource], request_timeout=ASK_S).values():
                answer.result()
        except KafkaException as error:
            raise unavailable(self.where, f"changing {name}", error_of(error)) from error
        until = self._clock.monotonic() + ASK_S
        # The controller has them; a broker learns of them a moment later.
        while not settings.items() <= self._settings([name])[name].items():
            if self._clock.monotonic() > until:
                raise BusUnavailable(
                    f"{self.where}: {name} does not show its new settings.", hint="partita topics plan"
                )
            self._admin.poll(LOOK_S)
