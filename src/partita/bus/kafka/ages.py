"""The age of a group's oldest unhandled records: Kafka gives the time of a record only with the record."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from partita.bus.kafka.errors import error_of, log
from partita.bus.kafka.wire import record_of
from partita.clock import Clock

RecordId = tuple[str, int, int]
"""Topic, partition, offset."""
FETCH: Mapping[str, Any] = {
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1_024,
    "max.partition.fetch.bytes": 65_536,
}
"""One record of each partition is wanted; a larger one is delivered all the same."""
KNOWN_MAX = 10_000


class Ages:
    """Blocking; called from a thread. `connect` makes a client that is in no group, and that writes no position."""

    def __init__(self, connect: Callable[[], Consumer], clock: Clock) -> None:
        self._connect = connect
        self._clock = clock
        self._turn = threading.Lock()
        self._client: Consumer | None = None
        self._known: dict[RecordId, int] = {}

    def of(self, places: Iterable[RecordId], within_s: float) -> Mapping[RecordId, int]:
        """The append times of the records at these places, in microseconds since 1970 UTC. Times that no broker gives
        in time are left out: the group's lag is known all the same. A group that does not move is asked about once."""
        until = self._clock.monotonic() + within_s
        wanted = list(dict.fromkeys(places))
        if any(place not in self._known for place in wanted) and self._turn.acquire(timeout=within_s):
            try:
                self._learn([place for place in wanted if place not in self._known], until)
            except KafkaException as error:
                log.info("the age of waiting records is not known: %s", error_of(error).str())
                self._drop()
            finally:
                self._turn.release()
        return {place: self._known[place] for place in wanted if place in self._known}

    def close(self) -> None:
        """Disconnect."""
        with self._turn:
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _learn(self, places: list[RecordId], until: float) -> None:
        if len(self._known) > KNOWN_MAX:
            self._known = {}
        while places and self._clock.monotonic() < until:
            # A client reads a partition at one place: two groups of one partition are asked about one after the other.
            now = {place[:2]: place for place in reversed(places)}
            places = [place for place in places if now[place[:2]] != place]
            self._read(now, until)

    def _read(self, now: dict[tuple[str, int], RecordId], until: float) -> None:
        if self._client is None:
            self._client = self._connect()
        self._client.assign([TopicPartition(*place) for place in now.values()])
        try:
            while now and (left := until - self._clock.monotonic()) > 0:
                message = self._client.poll(left)
                if message is None:
                    continue
                error = message.error()
                place = now.pop((message.topic() or "", message.partition() or 0), None)
                if error is not None and place is None:
                    raise KafkaException(error)
                if error is None and place is not None:  # a deleted record has no time
                    self._known[place] = record_of(message).appended_us
        finally:
            self._client.unassign()
