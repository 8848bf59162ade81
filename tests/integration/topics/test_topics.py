"""`partita topics` and the doctor against a real broker whose topics were changed by hand."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.kafka import KafkaCluster
from tests.servers import kafka_cluster

from partita import App, Conflict, Event, Key, Service, Settings
from partita.cli.main import cli
from partita.clock import SystemClock
from partita.errors import BusUnavailable
from partita.observability.topic_drift import drift
from partita.operators.topics import bring
from partita.topics import Cluster, Sizing, TopicPlan

confluent_kafka = pytest.importorskip("confluent_kafka", reason="pip install 'partita[kafka]'")
from partita.bus.kafka.administration import KafkaAdministration  # noqa: E402  # needs the client

NUMBERS = itertools.count(1)

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with kafka_cluster() as found:
        yield found


class Hand:
    """An app with a keyed and an unkeyed topic, the commands for it, and direct access to the cluster."""

    def __init__(self, cluster: KafkaCluster, name: str, capsys: Any, data: Path) -> None:
        from confluent_kafka.admin import AdminClient

        self.name = name
        self.bus = cluster.url
        self.data = data
        self.module: Any = types.ModuleType(f"app_{name}")
        self.admin: Any = AdminClient({"bootstrap.servers": cluster.servers})
        self._capsys = capsys

    def declare(self, plan: TopicPlan | None = None) -> App:
        till, clock = Service("till", namespace=f"{self.name}.till"), Service("clock", namespace=f"{self.name}.clock")

        class Paid(Event, of=till):
            order_id: Key[str]

        class Ticked(Event, of=clock):
            number: int

        @clock.on
        def count(event: Paid) -> None: ...

        self.module.app = App(till, clock, settings=Settings(bus=self.bus, data=self.data), topics=plan)
        return self.module.app

    def run(self, *args: str) -> tuple[int, str]:
        code = cli.main([*args], prog_name="partita", standalone_mode=False)
        return code, self._capsys.readouterr().out

    def topics(self, verb: str, *args: str) -> tuple[int, Any]:
        code, out = self.run("topics", verb, f"{self.module.__name__}:app", *args, "-o", "json")
        return code, json.loads(out)

    def drift(self) -> set[tuple[str, str]]:
        """The differences that `plan` reports: the topic without the app's name, and the setting."""
        code, said = self.topics("plan")
        found = {(d["topic"].removeprefix(f"{self.name}."), d["what"]) for d in said["items"] if not d["told"]}
        assert code == (3 if found else 0)
        return found

    def apply(self, *args: str) -> tuple[int, Any]:
        return self.topics("apply", "--yes", "--data", str(self.data), *args)

    def configure(self, topic: str, **settings: str) -> None:
        from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

        entries = [
            ConfigEntry(n.replace("_", "."), v, incremental_operation=AlterConfigOpType.SET)
            for n, v in settings.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, f"{self.name}.{topic}", incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result()

    def until(self, so: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not so():
            assert time.monotonic() < end
            self.admin.poll(0.05)

    def partitions(self, topic: str) -> int:
        found = self.admin.list_topics(timeout=10).topics.get(f"{self.name}.{topic}")
        return 0 if found is None else len(found.partitions)


@pytest.fixture
def hand(
    cluster: KafkaCluster, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Hand:
    found = Hand(cluster, f"n{next(NUMBERS)}", capsys, tmp_path)
    monkeypatch.setitem(sys.modules, found.module.__name__, found.module)
    found.declare()
    return found


def test_what_a_hand_has_changed_is_named_and_repaired(hand: Hand) -> None:
    """Retention, a deleted topic, a size: plan names each, apply repairs all of them, and a second apply does
    nothing."""
    from confluent_kafka.cimpl import NewTopic

    assert len(hand.drift()) == 8  # no topic exists yet: 2 events, 2 faults, 3 retry topics, the dead letters
    assert hand.apply()[0] == 0
    assert hand.drift() == set()

    hand.configure("till.events", retention_ms="3600000", max_message_bytes="1000")
    hand.configure("till.faults", message_timestamp_type="CreateTime", min_insync_replicas="1")
    hand.admin.delete_topics([f"{hand.name}.clock.events"])[f"{hand.name}.clock.events"].result()
    hand.admin.create_topics([NewTopic(f"{hand.name}.till.stray", 1)])[f"{hand.name}.till.stray"].result()
    hand.until(lambda: hand.partitions("clock.events") == 0 and hand.partitions("till.stray") == 1)
    expected = {
        ("till.events", "retention.ms"),
        ("till.events", "max.message.bytes"),
        ("till.faults", "message.timestamp.type"),
        ("clock.events", "topic"),
    }
    hand.until(lambda: hand.drift() == expected)
    strays = [d["topic"] for d in hand.topics("plan")[1]["items"] if d["told"]]
    assert strays == [f"{hand.name}.till.stray"]

    code, said = hand.apply()

    assert (code, len(said["done"]), [d["topic"] for d in said["left"]]) == (0, 4, strays)
    assert hand.drift() == set()
    assert hand.apply()[1]["done"] == []


def test_a_keyed_topic_grows_only_when_reordering_is_accepted(hand: Hand) -> None:
    """An unkeyed one grows at once: its records have no order."""
    hand.apply()
    hand.declare(TopicPlan(default=Sizing(partitions=6)))

    code, said = hand.apply()

    assert code == 3
    assert hand.partitions("till.events") == 4 and hand.partitions("clock.events") == 6
    assert {(d["what"], d["needs"]) for d in said["left"]} == {("partitions", "reordering")}
    assert hand.apply("--accept-loss")[0] == 3 and hand.partitions("till.events") == 4
    assert hand.apply("--accept-reordering", "--dry-run")[0] == 3 and hand.partitions("till.events") == 4
    assert hand.apply("--accept-reordering")[0] == 0
    assert hand.partitions("till.events") == 6 and hand.drift() == set()


def test_partitions_added_by_hand_are_told_and_left(hand: Hand) -> None:
    """Kafka cannot remove one, and a new topic of that name would lose the records of the old one."""
    from confluent_kafka.cimpl import NewPartitions

    hand.apply()
    name = f"{hand.name}.till.events"
    hand.admin.create_partitions([NewPartitions(name, 5)])[name].result()
    hand.until(lambda: hand.partitions("till.events") == 5)

    code, said = hand.apply("--accept-reordering", "--accept-loss")

    assert (code, [(d["topic"], d["what"]) for d in said["left"]]) == (3, [(name, "partitions")])
    assert hand.partitions("till.events") == 5
    assert "no partition away" in said["left"][0]["why"]


def test_a_retention_below_what_is_stored_needs_a_word(hand: Hand) -> None:
    """The records to be deleted are counted; if none is that old, no acceptance is needed."""
    from confluent_kafka import Producer
    from confluent_kafka.cimpl import NewTopic

    topic = f"{hand.name}.till.events"
    kept = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    hand.admin.create_topics([NewTopic(topic, 4, config=kept)])[topic].result()
    hand.apply("--dry-run")
    producer: Any = Producer({"bootstrap.servers": hand.bus.removeprefix("kafka://"), "acks": "all"})
    month_ago_ms = round((time.time() - 30 * 86_400) * 1_000)
    for number in range(3):
        producer.produce(topic, b"old", f"k{number}", number, timestamp=month_ago_ms)
        producer.produce(topic, b"young", f"k{number}", number)
    assert producer.flush(20) == 0

    code, said = hand.apply()

    (left,) = said["left"]
    assert (code, left["what"], left["needs"]) == (3, "retention.ms", "loss")
    assert left["why"].startswith("3 records are older than 7d")
    assert hand.drift() == {("till.events", "retention.ms")}
    assert hand.apply("--accept-loss")[0] == 0 and hand.drift() == set()


def test_apply_asks_first(hand: Hand) -> None:
    """Without a terminal and without --yes nothing is done."""
    with pytest.raises(Conflict, match="no terminal"):
        hand.topics("apply")
    assert hand.partitions("till.events") == 0


async def _run_once(app: App) -> None:
    async with app.running(roles=()):
        pass


def test_an_app_that_starts_makes_its_topics_as_declared_and_apply_keeps_an_audit(hand: Hand) -> None:
    """One list names the topics: a start makes the topics that plan expects."""
    app = hand.declare(
        TopicPlan(of={f"{hand.name}.clock": Sizing(partitions=3, retention_s=None)}, default=Sizing(replication=1))
    )
    asyncio.run(_run_once(app))
    assert hand.drift() == set() and hand.partitions("clock.events") == 3

    hand.configure("clock.events", retention_ms="1000")
    hand.until(lambda: bool(hand.drift()))
    assert hand.apply("--reason", "set by hand")[0] == 0

    store_rows = asyncio.run(_audit_of(app))
    assert [(e.verb, e.target, e.reason) for e in store_rows] == [
        ("topics apply", f"{hand.name}.clock.events", "set by hand")
    ]


class NoGrowth(KafkaAdministration):
    """A cluster that changes settings, and loses its connection when a topic is to grow."""

    async def grow(self, name: str, partitions: int) -> None:
        """The outcome is unknown."""
        raise BusUnavailable("No broker answers.")


async def _mended(app: App, reason: str) -> None:
    cluster = NoGrowth(app.settings.bus, clock=SystemClock())
    await cluster.open()
    with pytest.raises(BusUnavailable):
        await bring(app, app.settings.data, cluster, await drift(app, cluster), (), reason=reason, by="ann")


def test_what_was_done_before_a_failure_is_in_the_audit(hand: Hand) -> None:
    """A second run finds no difference, so the person who accepted the loss of records would be recorded nowhere."""
    app = hand.declare()
    asyncio.run(_run_once(app))
    hand.until(lambda: hand.drift() == set())
    grown = hand.declare(TopicPlan(of={f"{hand.name}.clock": Sizing(partitions=6, retention_s=3_600.0)}))

    asyncio.run(_mended(grown, "an hour is enough"))

    told = [(e.target.removeprefix(f"{hand.name}."), e.detail, e.reason) for e in asyncio.run(_audit_of(app))]
    of_events = [detail for topic, detail, _ in told if topic == "clock.events"]
    assert of_events[0].startswith("retention.ms: 604800000 (7d) -> 3600000 (1h) on") and "failed" not in of_events[0]
    assert of_events[1:] == [f"partitions: 4 -> 6 on {hand.bus} (failed; it may have happened)"]
    assert {reason for _, _, reason in told} == {"an hour is enough"}


async def _audit_of(app: App) -> list[Any]:
    async with app.running(services=["clock"], roles=()), app.store("clock").reading() as session:
        return list(await session.operations.entries(0, 100))


def test_more_copies_than_brokers_are_told_by_plan_apply_and_doctor(hand: Hand) -> None:
    """A laptop's broker under a production declaration says so, and makes nothing that it cannot."""
    hand.apply()  # one copy of each
    plan = TopicPlan(cluster=Cluster(brokers=3, replication=3, min_insync=2, racks=("a", "b", "c")))
    hand.declare(plan)

    assert {what for _, what in hand.drift()} == {"replication", "min.insync.replicas"}
    code, out = hand.run("doctor", "--app", f"{hand.module.__name__}:app", "--data", str(hand.data), "-o", "json")

    found = {item["what"]: item for item in json.loads(out)["items"] if item["level"] == "bad"}
    assert code == 3
    assert found.keys() >= {"brokers", "racks", "copies", "min.insync.replicas"}
    assert "1 up" in found["brokers"]["found"] and "3 are declared" in found["brokers"]["found"]
    assert all(item["fix"] for item in found.values())


def test_the_doctor_is_content_with_a_laptops_broker(hand: Hand) -> None:
    """No cluster is declared: a weakness of a single broker is a note, not a finding."""
    hand.apply()
    args = ("doctor", "--app", f"{hand.module.__name__}:app", "--data", str(hand.data), "-o", "json")
    code, out = hand.run(*args)
    assert code == 0, out

    hand.configure("till.events", unclean_leader_election_enable="true", max_message_bytes="1000")
    hand.until(lambda: bool(hand.drift()))
    code, out = hand.run(*args)
    found = {item["what"] for item in json.loads(out)["items"] if item["level"] == "bad"}
    assert (code, found) == (3, {"unclean.leader.election.enable", "max.message.bytes"})


def test_the_embedded_log_has_nothing_to_plan() -> None:
    """A system without a broker gets that answer, and it is not an error."""
    program = "from partita.cli.main import main; main()"
    for verb in ("plan", "apply"):
        done = subprocess.run(
            [sys.executable, "-c", program, "topics", verb], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stdout.split(":")[0]) == (0, f"nothing to {verb}")
