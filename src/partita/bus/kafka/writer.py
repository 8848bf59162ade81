"""The producer and the thread for its acknowledgements; an append ends when each of its records has an answer.

An append without an answer in time is reported as unavailable, but its records stay in flight, in order: the next append
waits behind them, and late answers are used instead of sending again.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Collection, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.errors import TOO_LARGE, LastError, error_of, log, making_a_client, unavailable
from partita.bus.kafka.frames import Frames
from partita.bus.kafka.wire import headers_of
from partita.bus.port import BEHIND, Outgoing
from partita.bus.specs import Specs
from partita.clock import Clock, within
from partita.cloudevents.binary_mode import Headers
from partita.errors import BusUnavailable

Name = tuple[str, str, bytes]
"""A record by its topic, its row's id and its headers. A saga sends a step again under its first id: the two rows differ in
the number of their key, and each has to reach the bus."""
LARGE_BYTES = 10_000
ANSWERS_MAX = 100_000
POLL_S = 0.1


_FATAL = frozenset(
    {KafkaError._FATAL, KafkaError._GAPLESS_GUARANTEE, KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT}
)


class Flight:
    """Records on their way by one producer: the answer of each, and a signal when all have one."""

    def __init__(self, records: Sequence[Outgoing], producer: Producer, loop: asyncio.AbstractEventLoop) -> None:
        self.records = records
        self.producer = producer
        self.answers: list[KafkaError | None] = [None] * len(records)
        self.failed = False
        self._too_large: KafkaError | None = None  # from the broker: the client's producer ends itself
        self.ended = asyncio.Event()
        self._loop = loop
        # Each is counted on one thread only, so that no count is lost.
        self._reported = 0
        self._refused = 0

    @property
    def refusals(self) -> list[str | None]:
        """The refusals of a flight without a failure: none."""
        return [None] * len(self.records)

    @property
    def why_ended(self) -> KafkaError | None:
        """The reason why the producer takes nothing more; None = it does."""
        fatal = (each for each in self.answers if each is not None and (each.fatal() or each.code() in _FATAL))
        return next(fatal, self._too_large)

    def answered(self, number: int, error: KafkaError | None, _: Message | None) -> None:
        """The delivery report of one record; on the poll thread."""
        if error is not None:
            self.answers[number] = error
            self.failed = True
            if error.code() in TOO_LARGE:
                self._too_large = error
        self._reported += 1
        self._end()

    def refused(self, number: int, error: KafkaError) -> None:
        """The producer did not take it, so no report will come."""
        self.answers[number] = error
        self.failed = True
        self._refused += 1
        self._end()

    def _end(self) -> None:
        if self._reported + self._refused == len(self.records) and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.ended.set)


class KafkaWriter:
    """Appends to a cluster. `patience_s` is how long an append waits for the broker's answers; `specs` say which headers the
    records of a topic carry."""

    def __init__(
        self,
        address: KafkaAddress,
        clock: Clock,
        *,
        patience_s: float = 5.0,
        frames: Frames | None = None,
        specs: Specs | None = None,
    ) -> None:
        self._address = address
        self._frames = frames
        self._specs = specs or Specs()
        self._clock = clock
        self._patience_s = patience_s
        self._last_error = LastError(clock)
        self._late: list[Flight] = []
        self._answers: dict[Name, str | None] = {}
        self._closing = threading.Event()
        self._ended: list[Producer] = []
        self._producer = self._new_producer()
        self._thread = threading.Thread(target=self._hear, name="kafka acknowledgements", daemon=True)
        self._thread.start()

    async def append(self, records: Sequence[Outgoing]) -> list[str | None]:
        """Append in order; per record None, the reason for which it was refused for good, or `BEHIND`.

        A broker refuses a whole batch of the client's, for one record that is too large or because all together are. A record
        refused in company is a suspect and sent again alone; only a record refused alone is refused.

        Raises:
            BusUnavailable: not all have an answer, or some failed; any of them may have been appended, all may be sent again.
        """
        if self._frames is not None:
            await self._frames.learn(records)
        await self._late_flights()
        answers = self._answered_late(records)
        suspects: set[Name] = set()
        held: set[tuple[str, str | None]] = set()
        # Each flight brings one more answer, or one more suspect.
        while waiting := [r for r in records if _name(r) not in answers and (r.topic, r.key) not in held]:
            together = _together(waiting, suspects)
            flight = await self._send(together)
            if not flight.failed and len(together) == len(records):
                return flight.refusals  # the usual case, without a lookup by name
            settled, large, failed = _settle(flight)
            answers |= settled
            if large and len(together) == 1:
                (record,) = together
                answers[_name(record)] = f"the broker takes no message of {len(record.value):,} bytes"
                held |= {(record.topic, record.key)} if record.key is not None else set()
            suspects |= large
            self._renew_if_ended(flight)
            if failed is not None and not large:
                raise unavailable(self._address.shown, "an append", self._cause(failed))
        return [answers.get(_name(r), BEHIND) for r in records]

    def _answered_late(self, records: Sequence[Outgoing]) -> dict[Name, str | None]:
        """The answers of records for which an append had given up waiting."""
        if not self._answers:
            return {}
        names = [_name(record) for record in records]
        return {name: self._answers.pop(name) for name in names if name in self._answers}

    def close(self) -> None:
        """End the producer; records without an answer count as not acknowledged, and the next producer sends them again."""
        self._closing.set()
        self._thread.join(5.0)
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)
        _hear_from(self._producer, 0)

    async def _late_flights(self) -> None:
        """Wait for records in flight, so that none is overtaken; those answered meanwhile are not sent again."""
        for flight in list(self._late):
            await self._wait(flight)
            if flight in self._late:  # another append may have waited for it too
                self._late.remove(flight)
                settled, _, failed = _settle(flight)
                self._answers |= settled
                self._renew_if_ended(flight)
        if len(self._answers) > ANSWERS_MAX:
            self._answers.clear()  # rows whose relay lost them to another process: no append asks for these

    async def _send(self, records: Sequence[Outgoing]) -> Flight:
        flight = Flight(records, self._producer, asyncio.get_running_loop())
        self._last_error.error = None
        produce = flight.producer.produce
        until = self._clock.monotonic() + self._patience_s
        for number, record in enumerate(records):
            answered = functools.partial(flight.answered, number)
            try:
                # on_delivery is called once for each record that was taken, by the thread that polls.
                headers, value = self._on_the_wire(record)
                produce(record.topic, value, record.key, on_delivery=answered, headers=headers)
            except (BufferError, KafkaException):
                if not await self._hand_over(flight, number, answered, until):
                    self._leave_out(flight, number + 1)
                    break
        try:
            await self._wait(flight)
        except BusUnavailable:
            self._late.append(flight)
            raise
        return flight

    async def _hand_over(self, flight: Flight, number: int, answered: Any, until: float) -> bool:
        """Append a record that the producer did not take at once: its queue is full, or it refuses (False).

        Raises:
            BusUnavailable: it is full for too long; neither this one nor those behind it were sent.
        """
        record = flight.records[number]
        headers, value = self._on_the_wire(record)
        while self._clock.monotonic() <= until:
            try:
                flight.producer.produce(
                    record.topic, value=value, key=record.key, headers=headers, on_delivery=answered
                )
                return True
            except BufferError:
                await self._clock.sleep(POLL_S / 10)
            except KafkaException as error:
                flight.refused(number, error_of(error))
                return False
        self._leave_out(flight, number)
        self._late.append(flight)
        raise unavailable(self._address.shown, "an append", self._last_error.error)

    def _on_the_wire(self, record: Outgoing) -> tuple[Headers, bytes]:
        """The headers and the value with which a record travels."""
        headers = headers_of(record, self._specs.headers(record.topic))
        return headers, record.value if self._frames is None else self._frames.framed(record, headers)

    def _leave_out(self, flight: Flight, first: int) -> None:
        """Leave these out: they would overtake the one before them."""
        for unsent in range(first, len(flight.records)):
            flight.refused(unsent, KafkaError(KafkaError._QUEUE_FULL))

    async def _wait(self, flight: Flight) -> None:
        try:
            async with within(self._clock, self._patience_s):
                await flight.ended.wait()
        except TimeoutError:
            raise unavailable(self._address.shown, "an append", self._last_error.error) from None

    def _cause(self, failed: KafkaError) -> KafkaError:
        """The cause for people: the end of a producer alone does not explain it."""
        return self._last_error.error or failed if failed.code() in _FATAL else failed

    def _renew_if_ended(self, flight: Flight) -> None:
        """Begin a new producer: after a gap the old one refuses everything, and the relay sends again in order.

        Only an append that used the current one ends it: records that others sent by the next one must stay in flight.
        """
        producer, why = flight.producer, flight.why_ended
        if why is None or producer is not self._producer:
            return
        log.warning("the producer ended (%s); a new one begins", why.str())
        self._producer = self._new_producer()
        producer.purge(in_queue=True, in_flight=True, blocking=False)
        # Its last reports come later, on its own threads: an append that waits for an unheard report would wait for ever.
        self._ended.append(producer)

    def _new_producer(self) -> Producer:
        with making_a_client(self._address.shown):
            return Producer({**self._address.producer(), "error_cb": self._last_error, "logger": log})

    def _hear(self) -> None:
        while not self._closing.is_set():
            ended = _hear_from(self._producer, POLL_S)
            if ended is not None:
                self._last_error(ended)
            for producer in list(self._ended):
                _hear_from(producer, 0)
                if not len(producer):  # each record has its report
                    self._ended.remove(producer)


def _name(record: Outgoing) -> Name:
    return record.topic, record.id, record.headers


def _hear_from(producer: Producer, seconds: float) -> KafkaError | None:
    """Receive delivery reports. A producer reports its own end by raising here, on whichever thread polls: each
    record's own report says so too, and the append renews it."""
    try:
        producer.poll(seconds)
    except KafkaException as error:
        return error_of(error)
    return None


def _together(waiting: Sequence[Outgoing], suspects: Collection[Name]) -> Sequence[Outgoing]:
    """The first of these that may be sent in one flight.

    A suspect flies alone. Behind a large record the next of its key waits for its answer: the client may put the two in
    two batches, and a broker that refuses the first of a new producer takes the second.
    """
    if not suspects and all(len(record.value) <= LARGE_BYTES for record in waiting):
        return waiting
    large: set[tuple[str, str | None]] = set()
    for number, record in enumerate(waiting):
        if _name(record) in suspects:
            return waiting[: max(number, 1)]
        if (record.topic, record.key) in large:
            return waiting[:number]
        if record.key is not None and len(record.value) > LARGE_BYTES:
            large.add((record.topic, record.key))
    return waiting


def _settle(flight: Flight) -> tuple[dict[Name, str | None], set[Name], KafkaError | None]:
    """The result of a finished flight: appended records, records too large alone or in company, and the first error of
    the others."""
    settled: dict[Name, str | None] = {}
    large: set[Name] = set()
    failed: KafkaError | None = None
    for record, error in zip(flight.records, flight.answers, strict=True):
        if error is None:
            settled[_name(record)] = None
        elif error.code() in TOO_LARGE:
            large.add(_name(record))
        elif failed is None or failed.code() in _FATAL and error.code() != KafkaError._QUEUE_FULL:
            failed = error  # the end of a producer, or a record left out, does not explain it
    return settled, large, failed
