"""Appends to a producer that has ended itself; the producers report when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from partita.bus.port import Outgoing
from partita.clock import SystemClock
from partita.errors import BusUnavailable

kafka = pytest.importorskip("confluent_kafka", reason="no Kafka client; to run these: pip install 'partita[kafka]'")
from partita.bus.kafka.address import KafkaAddress  # noqa: E402  # needs the client
from partita.bus.kafka.writer import KafkaWriter  # noqa: E402

Report = Callable[[Any, Any], None]


class Acknowledges:
    """A producer that has each record acknowledged by the next poll."""

    def __init__(self) -> None:
        self.waiting: list[Report] = []

    def produce(self, *_: Any, on_delivery: Report, **__: Any) -> None:
        self.waiting.append(on_delivery)

    def purge(self, **_: Any) -> None:
        pass

    def __len__(self) -> int:
        return len(self.waiting)

    def poll(self, seconds: float) -> None:
        waiting, self.waiting = self.waiting, []
        for report in waiting:
            report(None, None)


class Ends(Acknowledges):
    """A producer that loses its first record for good; the report of the other comes some polls after it was purged."""

    def __init__(self) -> None:
        super().__init__()
        self.polls_left = -1
        self.error = kafka.KafkaError(kafka.KafkaError._GAPLESS_GUARANTEE, "a gap")

    def purge(self, **_: Any) -> None:
        self.polls_left = 3

    def poll(self, seconds: float) -> None:
        self.polls_left -= self.polls_left > 0
        if len(self.waiting) == 2 or self.polls_left == 0:
            for report in self.waiting[:1]:
                del self.waiting[0]
                report(self.error, None)


class Full(Acknowledges):
    """A producer that has room for one record until a test raises it, and reports when a test says so."""

    room = 1
    silent = True

    def produce(self, *_: Any, on_delivery: Report, **__: Any) -> None:
        if len(self.waiting) >= self.room:
            raise BufferError
        super().produce(on_delivery=on_delivery)

    def poll(self, seconds: float) -> None:
        if not self.silent:
            super().poll(seconds)


class Writer(KafkaWriter):
    """A writer with these producers, in this order."""

    def __init__(self, *producers: Acknowledges) -> None:
        self._next = list(producers)
        super().__init__(KafkaAddress.parse("kafka://nowhere:1"), SystemClock(), patience_s=0.5)

    def _new_producer(self) -> Any:
        return self._next.pop(0)


def record(name: str) -> Outgoing:
    return Outgoing("t", None, b"", b"", name)


async def test_who_shared_a_producer_that_ended_gets_his_answer_though_it_comes_late() -> None:
    """Without its report every append would wait for ever, since no append overtakes records in flight."""
    writer = Writer(Ends(), Acknowledges())
    try:
        one, two = (asyncio.create_task(writer.append([record(name)])) for name in ("one", "two"))
        told = await asyncio.gather(one, two, return_exceptions=True)
        assert all(isinstance(each, BusUnavailable) for each in told)
        assert await writer.append([record("one"), record("two")]) == [None, None]
    finally:
        writer.close()


async def test_an_append_to_a_full_producer_ends() -> None:
    """If the queue never emptied, the append would wait for ever and hold its relay's slots. Records that it did send
    are not sent again when their answers come late."""
    producer = Full()
    writer = Writer(producer)
    records = [record(name) for name in ("one", "two", "three")]
    try:
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for(writer.append(records), 5)
        producer.room, producer.silent = 10, False
        assert await writer.append(records) == [None, None, None]
    finally:
        writer.close()


async def test_a_command_sent_again_under_its_id_is_a_record_of_its_own() -> None:
    """A saga sends a step again under its first id with a new number of its key. If the first answer counted for it,
    it would never reach the bus, and all later messages of its key would wait for its number for ever."""
    late, later = Full(), Acknowledges()
    late.room = 10
    writer = Writer(late, later)
    first, again = Outgoing("t", "k", b"number 1", b"", "step"), Outgoing("t", "k", b"number 2", b"", "step")
    try:
        with pytest.raises(BusUnavailable):
            await writer.append([first])
        late.silent = False
        taken = taken_by(late)
        assert await writer.append([first, again]) == [None, None]
        assert taken() == 2
    finally:
        writer.close()


async def test_copies_under_one_id_in_several_flights_are_all_sent() -> None:
    producer = Acknowledges()
    writer = Writer(producer)
    large = Outgoing("t", "k", b"number 2", b"x" * 20_000, "large")
    records = [
        Outgoing("t", "k", b"number 1", b"", "step"),
        large,
        Outgoing("t", "k", b"number 3", b"", "step"),  # not in the flight of the large one: it waits for its answer
    ]
    try:
        taken = taken_by(producer)
        assert await writer.append(records) == [None, None, None]
        assert taken() == 3
    finally:
        writer.close()


def taken_by(producer: Acknowledges) -> Callable[[], int]:
    """The number of records that this producer has accepted in all."""
    count = len(producer.waiting)
    produce = producer.produce

    def counted(*args: Any, **kwargs: Any) -> None:
        nonlocal count
        produce(*args, **kwargs)
        count += 1

    producer.produce = counted  # type: ignore[method-assign]  # this one only
    return lambda: count
