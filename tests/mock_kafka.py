"""librdkafka's mock cluster, reached through ctypes in the library that the client's wheel brings.

It injects what a real broker cannot be asked for: errors of one kind of request, brokers that go and come in
milliseconds. It does not remember a producer's numbers, so that a request sent again is a copy on its log: our worst
case. The library calls this interface experimental; the lock file pins its version.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

PRODUCER = 0
PRODUCE = 0
"""Kafka's number of the produce request."""
READ_WITHIN_S = 10.0


def library() -> ctypes.CDLL:
    """The very library that the client uses.

    Raises:
        FileNotFoundError: the client was built against a library of the system.
    """
    folder = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    found = sorted(folder.glob("librdkafka-*.so*"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no librdkafka: the mock cluster needs the client's wheel")
    lib = ctypes.CDLL(str(found[0]))
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, []),
        ("rd_kafka_conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
        ("rd_kafka_mock_cluster_destroy", None, [pointer]),
        ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
        ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
        ("rd_kafka_mock_broker_set_down", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [pointer, ctypes.c_int32]),
        ("rd_kafka_mock_partition_set_leader", number, [pointer, text, ctypes.c_int32, ctypes.c_int32]),
        ("rd_kafka_mock_clear_request_errors", None, [pointer, ctypes.c_int16]),
        (
            "rd_kafka_mock_push_request_errors_array",
            None,
            [pointer, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)],
        ),
    ):
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class MockKafka:
    """A cluster of three mock brokers in this process."""

    BROKERS = (1, 2, 3)

    def __init__(self) -> None:
        self._lib = library()
        said = ctypes.create_string_buffer(512)
        conf = self._lib.rd_kafka_conf_new()
        self._lib.rd_kafka_conf_set(conf, b"log_level", b"0", said, len(said))
        self._client = self._lib.rd_kafka_new(PRODUCER, conf, said, len(said))
        assert self._client, said.value
        self._cluster = self._lib.rd_kafka_mock_cluster_new(self._client, len(self.BROKERS))
        self.servers: str = self._lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def close(self) -> None:
        """End the brokers."""
        self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
        self._lib.rd_kafka_destroy(self._client)

    @property
    def url(self) -> str:
        """As Partita's settings name it."""
        return f"kafka://{self.servers}"

    def create(self, topic: str, partitions: int = 4) -> None:
        """Make a topic: the mock has no controller that a client could ask."""
        assert not self._lib.rd_kafka_mock_topic_create(self._cluster, topic.encode(), partitions, len(self.BROKERS))

    def fail(self, errors: Sequence[int], request: int = PRODUCE) -> None:
        """The next requests of that kind are answered with these errors, one each."""
        array = (ctypes.c_int * len(errors))(*errors)
        self._lib.rd_kafka_mock_push_request_errors_array(self._cluster, request, len(errors), array)

    def heal(self, request: int = PRODUCE) -> None:
        """Errors that were not used up are forgotten."""
        self._lib.rd_kafka_mock_clear_request_errors(self._cluster, request)

    def lead(self, topic: str, partition: int, broker: int) -> None:
        """Another broker leads a partition from now on."""
        assert not self._lib.rd_kafka_mock_partition_set_leader(self._cluster, topic.encode(), partition, broker)

    def down(self, *brokers: int) -> None:
        """These brokers, or all, are not there."""
        for broker in brokers or self.BROKERS:
            assert not self._lib.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def up(self, *brokers: int) -> None:
        """These brokers, or all, are there again."""
        for broker in brokers or self.BROKERS:
            assert not self._lib.rd_kafka_mock_broker_set_up(self._cluster, broker)

    def values(self, topic: str, partitions: int = 4) -> list[list[bytes]]:
        """The records of each partition, in order."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader", "enable.auto.commit": False})
        found: list[list[bytes]] = [[] for _ in range(partitions)]
        try:
            for number, mine in enumerate(found):
                # The head as it is now; on the mock, asked only after the topic is known.
                consumer.list_topics(topic, timeout=READ_WITHIN_S)
                place = TopicPartition(topic, number, 0)
                head = consumer.get_watermark_offsets(place, timeout=READ_WITHIN_S, cached=False)[1]
                consumer.assign([place])
                while len(mine) < head:
                    message = consumer.poll(READ_WITHIN_S)
                    assert message is not None and message.error() is None, f"{topic}[{number}] cannot be read"
                    value = message.value()
                    assert isinstance(value, bytes)
                    mine.append(value)
        finally:
            consumer.close()
        return found


@contextlib.contextmanager
def mock_kafka() -> Iterator[MockKafka]:
    """A mock cluster, while the block runs."""
    cluster = MockKafka()
    try:
        yield cluster
    finally:
        cluster.close()
