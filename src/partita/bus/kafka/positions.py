"""Reading a partition from a position on: by a consumer that is in no group and writes no position."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from partita.bus.kafka.errors import error_of, unavailable
from partita.bus.kafka.wire import record_of
from partita.bus.port import READ_RECORDS_MAX, Reading, Record
from partita.bus.position import Origin, Position, no_partition
from partita.clock import Clock
from partita.errors import BusUnavailable

ASK_S = 10.0
# The broker reports the end of a partition. It cannot be computed: markers of transactions have offsets too, and the
# last offset may be a marker's. A fetch that waits at the end holds up later queries on its connection.
ENDS: Mapping[str, Any] = {"enable.partition.eof": True, "fetch.wait.max.ms": 20}
UNKNOWN = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})


class Positions:
    """Blocking; called from a thread. One client reads one partition at a time, and continues with its fetched records
    where a reading begins at the end of the last one. `connect` makes the client."""

    def __init__(self, connect: Callable[[], Consumer], where: str, clock: Clock) -> None:
        self._connect = connect
        self._where = where
        self._clock = clock
        self._turn = threading.Lock()
        self._client: Consumer | None = None
        self._fetching: tuple[Origin, Position] | None = None

    def read(self, topic: str, partition: int, position: Position | None, limit: int) -> Reading:
        """See `partita.bus.port.Bus.read`."""
        count = max(0, min(limit, READ_RECORDS_MAX))
        with self._turn:
            client = self._client = self._client or self._connect()
            try:
                return self._read(client, topic, partition, position, count)
            except KafkaException as error:
                self._drop()  # its knowledge of leaders may be outdated
                raise unavailable(self._where, f"reading {topic}[{partition}]", error_of(error)) from error
            except BusUnavailable:
                self._drop()
                raise

    def close(self) -> None:
        """Disconnect."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        client, self._client, self._fetching = self._client, None, None
        if client is not None:
            client.close()

    def _read(self, client: Consumer, topic: str, partition: int, position: Position | None, count: int) -> Reading:
        fetching, self._fetching = self._fetching, None
        if fetching is None or fetching[0][1:] != (topic, partition) or fetching[1] != position:
            origin, offset, head = self._begin(client, topic, partition, position)
            if count == 0 or offset == head:
                return Reading([], origin.position(offset))
            client.assign([TopicPartition(topic, partition, offset)])
        else:
            origin = fetching[0]
            offset = origin.offset(fetching[1])
        records, end = self._fetch(client, origin, count)
        after = origin.position(end if end is not None else records[-1].offset + 1 if records else offset)
        if end is None:
            self._fetching = (origin, after)
        else:
            client.unassign()
        return Reading(records, after)

    def _begin(
        self, client: Consumer, topic: str, partition: int, position: Position | None
    ) -> tuple[Origin, int, int]:
        """The partition, the offset to begin at, and its head."""
        found = client.list_topics(topic, timeout=ASK_S)
        known = found.topics.get(topic)
        if known is None or known.error is not None or partition not in known.partitions:
            if known is not None and known.error is not None and known.error.code() not in UNKNOWN:
                raise KafkaException(known.error)  # the user may not see it, or it has no leader yet
            raise no_partition(self._where, topic, partition)
        origin = Origin(found.cluster_id or "", topic, partition)
        asked = None if position is None else origin.offset(position)
        oldest, head = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=ASK_S, cached=False)
        offset = oldest if asked is None else asked
        origin.check(offset, oldest, head)
        return origin, offset, head

    def _fetch(self, client: Consumer, origin: Origin, count: int) -> tuple[list[Record], int | None]:
        """The next records, and the partition's current end offset; None = there may be more."""
        records: list[Record] = []
        until = self._clock.monotonic() + ASK_S
        while len(records) < count:
            first = client.poll(max(0.0, until - self._clock.monotonic()))
            if first is None:
                raise unavailable(self._where, f"reading {origin.topic}[{origin.partition}]", None)
            # A batch waits until it is full or its time is over, so a batch takes only records that are here already.
            more = client.consume(count - len(records) - 1, 0) if count - len(records) > 1 else []
            for message in (first, *more):
                if self._is_end(message):
                    return records, message.offset() or 0
                records.append(record_of(message))
        return records, None

    def _is_end(self, message: Message) -> bool:
        """Any other error ends the client. The next reading finds its meaning, since it checks the bounds again: a
        leader moved, or records were deleted while this reading ran."""
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        return error is not None
