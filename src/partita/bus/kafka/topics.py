"""Kafka's topics: the existing ones, the settings of ours, and creation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata
from confluent_kafka.cimpl import NewTopic

from partita.bus.kafka.errors import LastError, error_of, unavailable
from partita.bus.port import TopicSpec
from partita.clock import Clock
from partita.errors import BusUnavailable
from partita.size import RECORD_BYTES_MAX

ASK_S = 10.0
LOOK_S = 0.05
TURN_S = 1.0


class Topics:
    """Blocking; called from a thread."""

    def __init__(self, admin: AdminClient, where: str, clock: Clock, last_error: LastError) -> None:
        self._admin = admin
        self._where = where
        self._clock = clock
        self._last_error = last_error

    def metadata(self, within_s: float = ASK_S) -> ClusterMetadata:
        """All brokers and topics.

        Raises:
            BusUnavailable: no broker answers.
        """
        until = self._clock.monotonic() + within_s
        while (found := self._asked(until)) is None:
            pass
        self._last_error.error = None
        return found

    def _asked(self, until: float) -> ClusterMetadata | None:
        """All brokers and topics, or None: not yet. A user that the broker refuses does not wait: the answer would not
        change."""
        try:
            return self._admin.list_topics(timeout=max(LOOK_S, min(TURN_S, until - self._clock.monotonic())))
        except KafkaException as error:
            self._admin.poll(0)  # makes the client report its own errors: this call only says that no broker answered
            if self._last_error.refused or self._clock.monotonic() >= until:
                raise unavailable(
                    self._where, "asking for topics", self._last_error.error or error_of(error)
                ) from error
            return None

    def create(self, topics: Sequence[NewTopic]) -> None:
        """Create topics; return when each partition has a leader, since an earlier reader would not see it.

        Raises:
            BusUnavailable: a topic cannot be made.
        """
        if not topics:
            return
        made = {topic.topic: topic.num_partitions for topic in topics}
        for name, answer in self._admin.create_topics(list(topics), request_timeout=ASK_S).items():
            try:
                answer.result()
            except KafkaException as error:
                if error_of(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise unavailable(self._where, "creating topics", error_of(error)) from error
                made[name] = 1  # another process made it meanwhile, with its own number of partitions
        self.wait_led(made)

    def wait_led(self, partitions: Mapping[str, int]) -> None:
        """Return when each topic has that many partitions with a leader, at most after ten seconds.

        Raises:
            BusUnavailable: some have none.
        """
        until = self._clock.monotonic() + ASK_S
        while not self._led(partitions):
            if self._clock.monotonic() > until:
                raise BusUnavailable(
                    f"{self._where}: {', '.join(sorted(partitions))} still lack leaders.",
                    hint="Are enough brokers up? partita doctor",
                )
            self._admin.poll(LOOK_S)

    def _led(self, partitions: Mapping[str, int]) -> bool:
        found = self.metadata().topics
        return all(name in found and _leads(found[name], count) for name, count in partitions.items())


def _leads(topic: TopicMetadata, count: int) -> bool:
    return len(topic.partitions) >= max(1, count) and all(p.leader >= 0 for p in topic.partitions.values())


def settings_of(topic: TopicSpec) -> dict[str, str]:
    """The settings of a topic of ours."""
    settings = {
        "cleanup.policy": "delete",
        "retention.ms": "-1" if topic.retention_s is None else str(round(topic.retention_s * 1_000)),
        # The broker's clock: waits in the retry topics are counted by it.
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(2 * RECORD_BYTES_MAX),
        # A copy that is behind would, as leader, lose acknowledged records.
        "unclean.leader.election.enable": "false",
    }
    if topic.min_insync is not None:
        settings["min.insync.replicas"] = str(topic.min_insync)
    return settings


def new_topic(topic: TopicSpec) -> NewTopic:
    """A topic to create; -1 = the broker's default number of copies."""
    return NewTopic(topic.name, topic.partitions, topic.replication or -1, config=settings_of(topic))
