"""Reading a topic for people: by a consumer that is in no group and writes no position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from partita.bus.kafka.errors import error_of, log, making_a_client, unavailable
from partita.bus.kafka.wire import record_of
from partita.bus.port import Record

HISTORY_GROUP = "partita-history"
"""A consumer must name a group; this one assigns its own partitions, and never commits."""
ASK_S = 10.0
BATCH = 500


async def history(
    settings: dict[str, Any], topics: Sequence[str], since_us: int, where: str
) -> AsyncIterator[Sequence[Record]]:
    """The records of these topics from that time on, up to the ends at its start.

    Raises:
        BusUnavailable: no broker answers.
    """
    with making_a_client(where):
        consumer = Consumer({**settings, "logger": log})
    try:
        ends = await asyncio.to_thread(_begin, consumer, topics, since_us)
        while ends:
            messages = await asyncio.to_thread(consumer.consume, BATCH, ASK_S)
            broken = next((error for m in messages if (error := m.error()) is not None), None)
            if broken is not None or not messages:
                raise unavailable(where, "reading what is there", broken)
            records = [record_of(message) for message in messages]
            yield records
            for record in records:
                if record.offset + 1 >= ends.get(record.at, 0):
                    ends.pop(record.at, None)
    except KafkaException as error:
        raise unavailable(where, "reading what is there", error_of(error)) from error
    finally:
        await asyncio.to_thread(consumer.close)


def _begin(consumer: Consumer, topics: Sequence[str], since_us: int) -> dict[tuple[str, int], int]:
    """Assign the partitions with such records; returns the end of each."""
    known = consumer.list_topics(timeout=ASK_S).topics
    asked = [
        TopicPartition(topic, number, since_us // 1_000)
        for topic in topics
        if topic in known
        for number in known[topic].partitions
    ]
    ends: dict[tuple[str, int], int] = {}
    begin: list[TopicPartition] = []
    for place in consumer.offsets_for_times(asked, timeout=ASK_S) if asked else []:
        end = consumer.get_watermark_offsets(place, timeout=ASK_S, cached=False)[1]
        if 0 <= place.offset < end:  # -1: no record is as young
            ends[place.topic, place.partition] = end
            begin.append(TopicPartition(place.topic, place.partition, place.offset))
    consumer.assign(begin)
    return ends
