"""The Kafka bus passes the suite on a real broker, and cases that only a broker has."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator

import pytest
from servers.kafka import KafkaCluster
from tests.conformance.feature_cases import listed
from tests.conformance.registries import beside_the_bus
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.bus.connect import connect_bus
from partita.bus.kafka.administration import KafkaAdministration
from partita.bus.kafka.bus import KafkaBus
from partita.bus.port import Bus, Outgoing, Record, TopicSpec
from partita.clock import SystemClock
from partita.errors import PositionRefused
from partita.machine.system import this_machine
from partita.testing.conformance import registry, topics
from partita.testing.conformance.case import Case

pytest.importorskip("confluent_kafka", reason="no Kafka client here; to run these tests: pip install 'partita[kafka]'")
from confluent_kafka import Producer, TopicPartition  # needs the client
from confluent_kafka.admin import AdminClient

pytestmark = [pytest.mark.slow]
NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as found:
        yield found


def bus_at(cluster: KafkaCluster) -> topics.OpenBus:
    async def open_bus() -> Bus:
        bus = connect_bus(cluster.url, this_machine(), None).bus
        await bus.open()
        return bus

    return open_bus


@pytest.mark.parametrize("case", listed(KafkaBus.features))
async def test_the_kafka_bus(case: Case, cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "TOPIC", f"conformance.events-{next(NUMBERS)}")
    await case(bus_at(cluster))


@pytest.mark.parametrize("case", registry.CASES, ids=lambda case: case.__name__)
async def test_the_registry_beside_kafkas_topics(case: registry.Case, cluster: KafkaCluster) -> None:
    await case(beside_the_bus(cluster.url))


async def test_a_group_that_has_not_joined_yet_is_behind_by_all_it_will_read(cluster: KafkaCluster) -> None:
    """A broker knows a group only when its first member has joined, which takes seconds. A caller that asks meanwhile
    must not get the answer that no message is left. As soon as the group has a position anywhere, it counts."""
    topic = f"not-joined.events-{next(NUMBERS)}"
    async with contextlib.AsyncExitStack() as stack:
        bus = await bus_at(cluster)()
        stack.push_async_callback(bus.close)
        await bus.append([Outgoing(topic, f"k{n}", b"h", b"v", f"m{n}") for n in range(5)])
        assert not await bus.lag("late")
        subscription = bus.subscribe("late", [topic], "one")
        stack.push_async_callback(subscription.close)
        assert sum(each.lag for each in await bus.lag("late")) == 5
        assert sum(each.lag for each in await bus.lag()) >= 5
        handled = 0
        while handled < 5:
            polled = await subscription.poll(100)
            subscription.done(polled.records)
            handled += len(polled.records)
            await asyncio.sleep(0)
        await subscription.keep()
        await until(lambda: bus.lag("late"), 10, holds=lambda lags: not sum(each.lag for each in lags))


async def test_a_topic_that_another_made_meanwhile_is_taken_as_it_is(cluster: KafkaCluster) -> None:
    """The second process waited for partitions that never come, and got the error that they lack leaders."""
    topics = KafkaAdministration(cluster.url, clock=SystemClock())
    await topics.open()
    name = f"twice.events-{next(NUMBERS)}"
    await topics.create([TopicSpec(name=name, partitions=1)])
    await topics.create([TopicSpec(name=name, partitions=3)])
    assert len((await topics.describe([name]))[name].partitions) == 1


async def test_since_when_two_groups_of_one_partition_wait_is_told_of_each(cluster: KafkaCluster) -> None:
    """Kafka reports a time only with its record, and a client reads a partition at one position at a time."""
    topic = f"ages.events-{next(NUMBERS)}"
    async with contextlib.AsyncExitStack() as stack:
        bus = await bus_at(cluster)()
        stack.push_async_callback(bus.close)
        await bus.ensure_topics([TopicSpec(name=topic, partitions=1)])
        for number in range(3):
            await bus.append([Outgoing(topic, "k", b"h", b"v" * 200_000 * number, f"m{number}")])
            await asyncio.sleep(0.01)  # the broker's times differ
        appended: list[int] = []
        for name, handled in (("first", 0), ("second", 2)):
            subscription = bus.subscribe(f"{topic}-{name}", [topic], "one")
            stack.push_async_callback(subscription.close)
            records: list[Record] = []
            while len(records) < 3:
                records += (await subscription.poll(100)).records
                await asyncio.sleep(0)
            subscription.done(records[:handled])
            await subscription.keep()
            appended.append(records[handled].appended_us)
        for _ in range(2):  # asked of the broker, and remembered
            stands = {each.group.rpartition("-")[2]: each for each in await bus.lag() if each.topic == topic}
            assert [stands[name].lag for name in ("first", "second")] == [3, 1]
            assert [stands[name].oldest_us for name in ("first", "second")] == appended
        assert appended[0] < appended[1]


async def test_a_position_whose_records_the_broker_deleted_is_refused(cluster: KafkaCluster) -> None:
    """The broker's own retention asks no reader: a projection that is too slow gets an error, and skips nothing."""
    topic = f"deleted.events-{next(NUMBERS)}"
    async with contextlib.AsyncExitStack() as stack:
        bus = await bus_at(cluster)()
        stack.push_async_callback(bus.close)
        await bus.ensure_topics([TopicSpec(name=topic, partitions=1)])
        await bus.append([Outgoing(topic, "k", b"h", b"v", f"m{n}") for n in range(6)])
        early, late = (await bus.read(topic, 0, None, 2)).next, (await bus.read(topic, 0, None, 5)).next
        admin = AdminClient({"bootstrap.servers": cluster.url.removeprefix("kafka://")})
        for answer in admin.delete_records([TopicPartition(topic, 0, 4)]).values():
            await asyncio.to_thread(answer.result, 30)
        with pytest.raises(PositionRefused, match="has no records before offset 4 any more"):
            await bus.read(topic, 0, early, 10)
        assert [r.offset for r in (await bus.read(topic, 0, late, 10)).records] == [5]
        assert [r.offset for r in (await bus.read(topic, 0, None, 10)).records] == [4, 5]


async def test_the_end_of_a_partition_is_known_behind_the_marker_of_a_transaction(cluster: KafkaCluster) -> None:
    """A marker has an offset and is not a record: a reader that waits for the record at the last offset waits for
    ever."""
    topic = f"markers.events-{next(NUMBERS)}"
    async with contextlib.AsyncExitStack() as stack:
        bus = await bus_at(cluster)()
        stack.push_async_callback(bus.close)
        await bus.ensure_topics([TopicSpec(name=topic, partitions=1)])
        servers = cluster.url.removeprefix("kafka://")
        producer = Producer({"bootstrap.servers": servers, "transactional.id": topic})
        await asyncio.to_thread(producer.init_transactions, 30)
        for number, commits in enumerate((True, False, True)):
            producer.begin_transaction()
            producer.produce(topic, f"v{number}".encode(), "k")
            await asyncio.to_thread(producer.commit_transaction if commits else producer.abort_transaction, 30)
        one = await bus.read(topic, 0, None, 1)
        rest = await bus.read(topic, 0, one.next, 10)
        assert [r.value for r in (*one.records, *rest.records)] == [b"v0", b"v2"]
        async with asyncio.timeout(5):
            assert not (await bus.read(topic, 0, rest.next, 10)).records
        await bus.append([Outgoing(topic, "k", b"h", b"v3", "m3")])
        assert [r.value for r in (await bus.read(topic, 0, rest.next, 10)).records] == [b"v3"]
