"""A real broker that accepts no large batches: only a record that is too large by itself is refused, and no record of
its key passes it."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
from servers.kafka import KafkaCluster
from tests.servers import kafka_cluster
from tests.waiting import until

from partita.bus.connect import connect_bus
from partita.bus.port import BEHIND, Bus, Outgoing
from partita.machine.system import this_machine

pytest.importorskip("confluent_kafka", reason="no Kafka client here; to run these tests: pip install 'partita[kafka]'")
pytestmark = [pytest.mark.slow]
NUMBERS = itertools.count(1)
LIMIT = 20_000
PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as found:
        yield found


@pytest.fixture
def topic(cluster: KafkaCluster) -> str:
    """A topic of one partition whose broker accepts no batch over the limit."""
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    name = f"refusals.events-{next(NUMBERS)}"
    admin = AdminClient({"bootstrap.servers": cluster.servers})
    made = admin.create_topics([NewTopic(name, 1, 1, config={"max.message.bytes": str(LIMIT)})])
    made[name].result(PATIENCE_S)
    return name


@pytest.fixture
async def bus(cluster: KafkaCluster) -> AsyncIterator[Bus]:
    found = connect_bus(cluster.url, this_machine(), None).bus
    await found.open()
    yield found
    await found.close()


def record(topic: str, number: int, key: str | None, size: int) -> Outgoing:
    """Bytes that do not compress."""
    return Outgoing(topic, key, b"h", random.Random(number).randbytes(size), f"m{number}")


async def on_the_log(bus: Bus, topic: str, records: Sequence[Outgoing]) -> list[int]:
    """The numbers of these records on the log, in its order."""
    numbers = {each.value: number for number, each in enumerate(records)}
    subscription = bus.subscribe(f"reader of {topic}", [topic], "one")
    found: list[int] = []
    await bus.append([Outgoing(topic, None, b"h", b"end", f"end of {topic}")])

    async def ended() -> bool:
        polled = await subscription.poll(100)
        found.extend(numbers[each.value] for each in polled.records if each.value in numbers)
        return any(each.value == b"end" for each in polled.records)

    await until(ended, PATIENCE_S, why=lambda: found)
    await subscription.close()
    return found


async def test_innocent_records_are_not_refused_with_a_large_one(bus: Bus, topic: str) -> None:
    """The client sends them as one batch, and the broker answers for the whole batch."""
    records = [record(topic, n, f"k{n}", 30_000 if n == 3 else 3_000) for n in range(7)]
    answers = await bus.append(records)

    assert answers[3] not in (None, BEHIND) and [a for n, a in enumerate(answers) if n != 3] == [None] * 6
    assert sorted(await on_the_log(bus, topic, records)) == [0, 1, 2, 4, 5, 6]


async def test_records_that_are_too_many_for_one_batch_are_none_too_large(bus: Bus, topic: str) -> None:
    """Each record fits; together they do not. The order of each key holds."""
    records = [record(topic, n, f"k{n % 3}", 5_000) for n in range(30)]
    answers = await bus.append(records)
    found = await on_the_log(bus, topic, records)

    assert list(answers) == [None] * 30
    for key in range(3):
        assert list(dict.fromkeys(n for n in found if n % 3 == key)) == list(range(key, 30, 3))


@pytest.mark.parametrize("place", [0, 2, 4])
async def test_nothing_of_a_key_passes_what_the_broker_refuses(bus: Bus, topic: str, place: int) -> None:
    """From a producer that has sent nothing to the partition yet, the broker accepts any batch first."""
    records = [record(topic, n, "k", 30_000 if n == place else 100) for n in range(6)]
    answers = await bus.append(records)

    assert list(answers[:place]) == [None] * place and answers[place] not in (None, BEHIND)
    assert list(answers[place + 1 :]) == [BEHIND] * (5 - place)
    assert await on_the_log(bus, topic, records) == list(range(place))


async def test_what_the_client_refuses_itself_is_passed_by_nothing_of_its_key(
    cluster: KafkaCluster, topic: str
) -> None:
    """The client checks its own limit before it sends a record, so the records behind it would go on."""
    bus = connect_bus(f"{cluster.url}?message.max.bytes=2000", this_machine(), None).bus
    await bus.open()
    records: list[Any] = [record(topic, n, "k" if n % 2 else None, 5_000 if n == 1 else 100) for n in range(6)]
    answers = await bus.append(records)
    found = await on_the_log(bus, topic, records)
    await bus.close()

    assert answers[1] not in (None, BEHIND) and [answers[3], answers[5]] == [BEHIND] * 2
    assert found == [0, 2, 4]
