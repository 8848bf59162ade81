"""Writers' schemas in a compacted topic of one partition: the fingerprint is the key, the schema's text the value."""

from __future__ import annotations

import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.errors import error_of, log, making_a_client, unavailable

TOPIC = "_partita.schemas"
CONFIG = {"cleanup.policy": "compact", "max.message.bytes": "2097152"}
ASK_S = 10.0
LOOK_S = 0.05
READ_AT_ONCE = 1_000


class SchemaTopic:
    """Blocking; called from threads, one at a time. The clients are made when first needed, and kept."""

    def __init__(self, address: KafkaAddress) -> None:
        self._address = address
        self._known: dict[str, str] = {}
        self._next = 0
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None
        self._producer: Producer | None = None

    def get(self, fingerprint: str) -> str | None:
        """A schema that any writer has put.

        Raises:
            BusUnavailable: the topic cannot be read.
        """
        with self._lock:
            if fingerprint not in self._known:
                self._read_on()
            return self._known.get(fingerprint)

    def put(self, fingerprint: str, text: str) -> None:
        """Keep a schema, if it is new.

        Raises:
            BusUnavailable: the broker did not acknowledge it.
        """
        if self.get(fingerprint) is not None:
            return
        answers: list[KafkaError | None] = []
        with self._lock:
            if self._producer is None:
                # Written twice it is the same schema, so idempotence is not needed.
                once = {"enable.idempotence": False, "enable.gapless.guarantee": False}
                within = {"message.timeout.ms": round(ASK_S * 1_000), "linger.ms": 0}
                self._producer = Producer({**self._address.producer(), **once, **within, "logger": log})
            self._producer.produce(TOPIC, text.encode(), fingerprint, on_delivery=lambda e, _: answers.append(e))
            self._producer.flush(ASK_S)
            if answers != [None]:
                raise unavailable(self._address.shown, "keeping a schema", answers[0] if answers else None)
            self._known[fingerprint] = text

    def close(self) -> None:
        """End the clients."""
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
            self._consumer, self._producer = None, None

    def _read_on(self) -> None:
        """Read everything from the end of the last look to the topic's present end."""
        if self._consumer is None:
            with making_a_client(self._address.shown):
                self._consumer = Consumer({**self._address.consumer("partita-schemas"), "logger": log})
        consumer = self._consumer
        try:
            place = TopicPartition(TOPIC, 0, self._next)
            end = consumer.get_watermark_offsets(place, timeout=ASK_S, cached=False)[1]
            if end <= self._next:
                return
            consumer.assign([place])
            # Compaction leaves gaps, so a count of expected records would never be reached.
            for _ in range(round(ASK_S / LOOK_S)):
                for message in consumer.consume(READ_AT_ONCE, LOOK_S):
                    self._take(message)
                if self._next >= end:
                    break
            else:
                raise unavailable(self._address.shown, "reading the schemas", None)
            consumer.unassign()
        except KafkaException as error:
            raise unavailable(self._address.shown, "reading the schemas", error_of(error)) from error

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            raise unavailable(self._address.shown, "reading the schemas", error)
        self._known[_text(message.key())] = _text(message.value())
        self._next = (message.offset() or 0) + 1


def _text(data: object) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data or "")
