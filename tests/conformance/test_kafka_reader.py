"""The thread that reads from Kafka, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._metadata import ClusterMetadata
from servers.kafka import KafkaCluster
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.bell import Bell
from partita.bus.kafka.address import KafkaAddress
from partita.bus.kafka.bus import KafkaBus
from partita.bus.kafka.reader import HELD_MAX, Reader
from partita.bus.kafka.subscription import KafkaSubscription
from partita.bus.port import Outgoing, Polled, Record, TopicSpec
from partita.clock import SystemClock
from partita.errors import BusError

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as found:
        yield found


class Stumbling(Reader):
    """A reader whose first query for its start fails, as it does while a new topic has no leader yet."""

    stumbles = 1

    def _begin(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self.stumbles:
            self.stumbles -= 1
            # From within the client: an exception raised here by hand would not end its poll.
            consumer.get_watermark_offsets(TopicPartition(partitions[0].topic, 99), timeout=5, cached=False)
        super()._begin(consumer, partitions)


async def test_a_reader_that_cannot_begin_tells_it_and_joins_again(cluster: KafkaCluster) -> None:
    """It once ended its thread there, and its group waited for it for ever: the client's poll raises no error from
    the callback that assigns partitions."""
    bus = KafkaBus(cluster.url, clock=SystemClock())
    await bus.open()
    await bus.ensure_topics([TopicSpec(name="stumbling.events", partitions=1)])
    await bus.append([Outgoing("stumbling.events", "k", b"", b"v", "1")])
    bell = Bell()
    settings = KafkaAddress.parse(cluster.url).consumer("stumbling")

    reader = Stumbling(settings, ["stumbling.events"], SystemClock(), bell, where=cluster.url)
    try:
        async with asyncio.timeout(30):
            while ("stumbling.events", 0) not in reader.parts or not reader.parts["stumbling.events", 0].held:
                await bell.wait()
                bell.begin()
                reader.taken()
            values = [record.value for record in reader.parts["stumbling.events", 0].held]
    finally:
        await reader.close()
        await bus.close()

    assert "Failed to get watermark offsets" in str(reader.error)
    assert values == [b"v"]


def has_partitions(polled: Polled) -> bool:
    """Whether this poll assigned partitions."""
    return bool(polled.assigned)


def has_records(polled: Polled) -> bool:
    """Whether this poll returned records."""
    return bool(polled.records)


def never(polled: Polled) -> bool:
    """Poll until a poll raises."""
    return False


async def test_a_name_is_of_the_newest_process(cluster: KafkaCluster) -> None:
    """Two members of one name would take the membership from each other for ever: the older one reports that, and
    reads no more."""
    older, newer = (KafkaBus(cluster.url, clock=SystemClock(), instance="one") for _ in range(2))
    await older.open()
    await newer.open()
    await older.ensure_topics([TopicSpec(name="named.events", partitions=1)])
    first = older.subscribe("named", ["named.events"], "a")
    await until(lambda: first.poll(10), holds=has_partitions)
    second = newer.subscribe("named", ["named.events"], "b")
    with pytest.raises(BusError, match="named reads no more in this process") as told:
        await until(lambda: first.poll(10), holds=never)
    assert "PARTITA_INSTANCE" in told.value.hint
    with pytest.raises(BusError, match="reads no more"):
        await first.poll(10)
    await newer.append([Outgoing("named.events", "k", b"", b"v", "1")])
    await until(lambda: second.poll(10), holds=has_records)
    for subscription, bus in ((first, older), (second, newer)):
        await subscription.close()
        await bus.close()


async def test_who_stands_still_leaves_the_group_and_joins_again(cluster: KafkaCluster) -> None:
    """The client sends heartbeats whatever its program does: a program that hangs for ever would keep its partitions
    for ever."""
    bus = KafkaBus(cluster.url, clock=SystemClock())
    await bus.open()
    await bus.ensure_topics([TopicSpec(name="still.events", partitions=1)])
    settings = KafkaAddress.parse(cluster.url).consumer("still")

    where = cluster.url
    reader = Reader(settings, ["still.events"], SystemClock(), Bell(), where=where, hand_over_s=0.1, stale_s=1.0)
    first = KafkaSubscription(reader)
    try:
        await until(lambda: first.poll(0), holds=has_partitions)
        second = bus.subscribe("still", ["still.events"], "b")
        await until(lambda: second.poll(0), holds=has_partitions)
        assert (await first.poll(0)).revoked == [("still.events", 0)]
        await second.close()
        await until(lambda: first.poll(0), holds=has_partitions)
    finally:
        await first.close()
        await bus.close()


async def test_who_runs_a_handler_keeps_its_partitions_however_long_it_takes(cluster: KafkaCluster) -> None:
    """The next member would run it as long, and lose its partitions as well: five members did, and the effect never
    happened."""
    bus = KafkaBus(cluster.url, clock=SystemClock())
    await bus.open()
    await bus.ensure_topics([TopicSpec(name="long.events", partitions=1)])
    await bus.append([Outgoing("long.events", "k", b"", b"v", "1")])
    settings = KafkaAddress.parse(cluster.url).consumer("long")
    stale_s = 1.0

    where = cluster.url
    reader = Reader(settings, ["long.events"], SystemClock(), Bell(), where=where, hand_over_s=0.1, stale_s=stale_s)
    first = KafkaSubscription(reader)
    try:
        records = (await until(lambda: first.poll(1), holds=has_records)).records
        second = bus.subscribe("long", ["long.events"], "b")
        loop = asyncio.get_running_loop()
        end = loop.time() + 5 * stale_s
        polled = await until(lambda: second.poll(1), holds=lambda found: found.assigned or loop.time() > end)
        assert not polled.assigned, "it left the group with a record in hand"
        first.done(records)  # and still gives no sign of life
        await until(lambda: second.poll(1), holds=has_partitions)
        await second.close()
    finally:
        await first.close()
        await bus.close()


async def test_a_loss_is_told_as_long_as_it_stands(cluster: KafkaCluster) -> None:
    """If the error came only once, the next poll would find no records and no error, while no member reads on."""
    bus = KafkaBus(cluster.url, clock=SystemClock())
    await bus.open()
    await bus.ensure_topics([TopicSpec(name="gone.events", partitions=1)])
    await bus.append([Outgoing("gone.events", "k", b"", b"v", str(n)) for n in range(4)])
    await bus.reset("gone", "gone.events", to_start=True)
    cut = [TopicPartition("gone.events", 0, 2)]
    admin = AdminClient(KafkaAddress.parse(cluster.url).admin())
    admin.delete_records(cut)[cut[0]].result(30)
    subscription = bus.subscribe("gone", ["gone.events"], "a")
    try:
        with pytest.raises(BusError, match="is at a position whose records were deleted"):
            await until(lambda: subscription.poll(10), 30, holds=never)
        for _ in range(3):
            with pytest.raises(BusError, match="is at a position whose records were deleted"):
                await subscription.poll(10)
            await asyncio.sleep(0.1)
    finally:
        await subscription.close()
        await bus.close()


async def test_a_partition_that_was_full_when_it_went_is_read_when_it_comes_back(cluster: KafkaCluster) -> None:
    """The client remembers a pause beyond the end of an assignment: no member ever read such a partition again."""
    bus = KafkaBus(cluster.url, clock=SystemClock())
    await bus.open()
    await bus.ensure_topics([TopicSpec(name="full.events", partitions=2)])
    numbers = range(3 * HELD_MAX)
    await bus.append([Outgoing("full.events", f"k{n}", b"", b"v", str(n)) for n in numbers])
    first = bus.subscribe("full", ["full.events"], "a")
    try:
        parts = first._reader.parts  # type: ignore[attr-defined]
        await until(lambda: [part.stopped for part in parts.values()] == [True, True])
        second = bus.subscribe("full", ["full.events"], "b")

        async def handed_over() -> bool:
            await first.release((await first.poll(0)).revoked)
            return bool((await second.poll(0)).assigned)

        await until(handed_over)
        await second.close()
        read: list[Record] = []

        async def all_read() -> bool:
            polled = await first.poll(1_000)
            await first.release(polled.revoked)
            first.done(polled.records)
            read.extend(polled.records)
            return len(read) == len(numbers)

        await until(all_read)
    finally:
        await first.close()
        await bus.close()


class Place:
    """A consumer that knows the position of its group, and nothing else: these questions need no broker."""

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        """The position is the seventh record."""
        return [TopicPartition(place.topic, place.partition, 7) for place in partitions]

    def list_topics(self, topic: str, timeout: float) -> ClusterMetadata:
        """A cluster without a name."""
        return ClusterMetadata()

    def get_watermark_offsets(self, place: TopicPartition, timeout: float, cached: bool) -> tuple[int, int]:
        """Ten records."""
        return (0, 10)

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Done."""

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Done."""

    def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Done."""


async def test_a_partition_that_came_and_went_unseen_is_not_told_to_have_come() -> None:
    """If both were reported, the consumer would claim the partition after it was revoked, and so fence the member
    that holds it now. A partition that came back is reported as assigned."""
    settings = KafkaAddress.parse("kafka://127.0.0.1:1").consumer("unseen")
    reader = Reader(settings, ["unseen.events"], SystemClock(), Bell(), where="nowhere")
    place: Any = Place()
    mine, other = TopicPartition("unseen.events", 0), TopicPartition("unseen.events", 1)
    try:
        reader._begin(place, [mine, other])
        reader._lost(place, [mine])
        assert reader.assigned == [("unseen.events", 1)] and reader.revoked == [("unseen.events", 0)]
        reader._begin(place, [mine])
        assert reader.assigned == [("unseen.events", 1), ("unseen.events", 0)]
    finally:
        await reader.close()
