"""The topics of an app, the partitions that a load needs, and the findings about a cluster that differs: all pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from partita import App, Command, DeclarationError, Event, Fault, Key, Service, Settings
from partita.bus.administration import Broker, Copies, FoundTopic
from partita.bus.port import TopicSpec
from partita.bus.specs import Specs
from partita.topics import Cluster, Load, Sizing, TopicPlan
from partita.topics.declared import DeclaredTopic, declared_topics
from partita.topics.drift import Difference, differences, read_elsewhere, undeclared
from partita.topics.health import findings
from partita.topics.load import even

SAFE = {
    "retention.ms": "604800000",
    "cleanup.policy": "delete",
    "min.insync.replicas": "2",
    "max.message.bytes": "2097152",
    "unclean.leader.election.enable": "false",
}
CLIENTS = {
    "acks": "all",
    "enable.idempotence": "true",
    "enable.auto.commit": "false",
    "message.max.bytes": "1114112",
}
THREE = [Broker(1, "b1", "a"), Broker(2, "b2", "b"), Broker(3, "b3", "c")]


def shop(plan: TopicPlan | None = None) -> App:
    """Two services: one is asked by the other's saga, and one message has no key."""
    sales = Service("sales", namespace="my.sales")
    stock = Service("stock", namespace="my.stock")

    class Sold(Event, of=sales):
        order_id: Key[str]

    class Taken(Event, of=stock):
        order_id: Key[str]

    class Take(Command[Taken], of=stock):
        order_id: Key[str]

    class Counted(Event, of=Service("counter", namespace="elsewhere")):
        number: int

    @stock.handles(Take)
    def take(cmd: Take) -> Taken:
        return Taken(order_id=cmd.order_id)

    @stock.on
    def undeliverable(fault: Fault[Sold]) -> None: ...

    @stock.on
    def counted(event: Counted) -> None: ...

    return App(sales, stock, settings=Settings(), topics=plan)


def topics(app: App) -> dict[str, DeclaredTopic]:
    return {topic.name: topic for topic in declared_topics(app.catalog, app.topics)}


@pytest.mark.parametrize(
    ("load", "partitions"),
    [
        (Load(messages_per_s=1), 4),  # never below four: growing moves keys
        (Load(messages_per_s=400, handle_ms=5), 4),  # 4.0 consumers
        (Load(messages_per_s=401, handle_ms=5), 6),
        (Load(messages_per_s=500, handle_ms=12), 12),  # 12.0
        (Load(messages_per_s=500, handle_ms=12, headroom=3), 24),  # 18.0 -> 24
        (Load(messages_per_s=2_000, bytes_each=20_000, handle_ms=0.1), 16),  # 80 MB/s
        (Load(messages_per_s=0.1, handle_ms=30_000, headroom=2), 6),  # 6.000000000000001 by floats
    ],
)
def test_partitions_follow_from_the_load(load: Load, partitions: int) -> None:
    """The larger of what consumers and what bytes need, rounded up to a number that divides well."""
    assert load.partitions == partitions
    assert f"rounded up to {partitions}" in load.why


def test_rounded_numbers_divide_well() -> None:
    """2^n or 3 x 2^n: two, three, four or six processes get equal shares, or nearly."""
    assert sorted({even(n) for n in range(1, 100)}) == [4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Load(messages_per_s=0),
        lambda: Load(messages_per_s=1, headroom=0.5),
        lambda: Load(messages_per_s=float("inf")),
        lambda: Cluster(brokers=2, replication=3),
        lambda: Cluster(replication=1),  # two of one copy
        lambda: Cluster(racks=("a", "b", "c", "d")),
        lambda: Cluster(acks="1"),  # type: ignore[arg-type]
        lambda: Sizing(load=Load(messages_per_s=1), partitions=4),
        lambda: Sizing(retention_s=0),
        lambda: Sizing(headers="all"),  # type: ignore[arg-type]
        lambda: shop(TopicPlan(of={"elsewhere.events": Sizing(headers="ours")})),  # its owner decides, in another app
        lambda: shop(TopicPlan(of={"my.sails": Sizing()})),
        lambda: shop(TopicPlan(cluster=Cluster(), of={"my.sales": Sizing(replication=4)})),
    ],
)
def test_what_cannot_be_is_refused_at_import(wrong: Any) -> None:
    """A misspelt namespace must not leave a topic at its default size."""
    with pytest.raises(DeclarationError):
        wrong()


def test_without_a_plan_topics_are_as_they_always_were() -> None:
    """Four partitions, a week, the broker's default of copies; one partition for what failed."""
    found = topics(shop())

    assert {name: t.spec for name, t in found.items() if t.kind not in ("retry", "dlq")} == {
        name: TopicSpec(name=name)
        for name in ("my.sales.events", "my.sales.faults", "my.stock.commands", "my.stock.events", "my.stock.faults")
    }
    assert all(t.spec == TopicSpec(name=t.name, partitions=1) for t in found.values() if t.kind in ("retry", "dlq"))


def test_each_topic_says_who_owns_writes_and_reads_it() -> None:
    """Topics that another app owns are not ours to make; what failed of them in our group is."""
    found = topics(shop())

    commands = found["my.stock.commands"]
    assert (commands.kind, commands.owner, commands.keys, commands.groups) == (
        "commands",
        "stock",
        ("order_id",),
        ("stock",),
    )
    assert (found["my.sales.events"].producers, found["my.sales.faults"].groups) == (("sales",), ("stock",))
    assert "elsewhere.events" not in found
    assert found["elsewhere.events.stock.retry-1m"].groups == ("stock.retry",)
    assert (found["elsewhere.events.stock.dlq"].keys, found["elsewhere.events.stock.dlq"].groups) == ((), ())
    assert found["my.stock.commands.stock.dlq"].keys


def test_a_saga_is_named_as_sender_of_its_commands() -> None:
    """The services that must stop sending before a topic is drained."""
    from partita.examples.shop.app import app

    assert topics(app)["shop.payment.commands"].producers == ("order-service",)


def test_the_name_goes_before_the_namespace_and_the_namespace_before_the_default() -> None:
    sizes = {
        "my.sales": Sizing(load=Load(messages_per_s=500, handle_ms=12), retention_s=None),
        "my.sales.faults": Sizing(partitions=1),
        "my.stock.commands.stock.dlq": Sizing(partitions=2, retention_s=30 * 86_400),
    }
    found = topics(shop(TopicPlan(cluster=Cluster(), of=sizes, default=Sizing(partitions=8, replication=1))))

    assert (found["my.sales.events"].partitions, found["my.sales.events"].kept) == (12, "for ever")
    assert (found["my.sales.events"].replication, found["my.sales.events"].min_insync) == (3, 2)
    assert (found["my.sales.faults"].partitions, found["my.stock.events"].partitions) == (1, 8)
    assert (found["my.stock.events"].replication, found["my.stock.events"].min_insync) == (1, 1)
    assert (found["my.stock.commands.stock.dlq"].partitions, found["my.stock.commands.stock.dlq"].kept) == (2, "30d")


def test_headers_are_declared_as_sizes_are() -> None:
    """By name, by namespace, by default. Retry topics and dead letters, which an operator may read with other tools, have all
    headers unless they are named."""
    sizes = {
        "my.sales": Sizing(headers="required"),
        "my.sales.faults": Sizing(headers="full"),
        "my.stock.commands.stock.dlq": Sizing(headers="ours"),
    }
    found = topics(shop(TopicPlan(of=sizes, default=Sizing(headers="ours"))))

    assert {name: found[name].spec.headers for name in ("my.sales.events", "my.sales.faults", "my.stock.events")} == {
        "my.sales.events": "required",
        "my.sales.faults": "full",
        "my.stock.events": "ours",
    }
    assert found["my.stock.commands.stock.dlq"].headers == "ours"
    assert found["my.stock.commands.stock.retry-1m"].headers == "full"


def test_the_headers_of_a_topic_of_another_app_are_all() -> None:
    """A participant in another language reads the attributes of the commands that this app sends to it."""
    specs = Specs()
    app = shop(TopicPlan(default=Sizing(headers="ours")))
    specs.declare(topic.spec for topic in declared_topics(app.catalog, app.topics))

    assert (specs.headers("my.sales.events"), specs.headers("elsewhere.commands")) == ("ours", "full")


def test_a_reader_from_elsewhere_is_told_where_headers_are_left_out() -> None:
    """A group of this app reads all choices; another one may be a program that needs the attributes."""
    sizes = {"my.sales.events": Sizing(headers="ours"), "my.sales.faults": Sizing(headers="required")}
    declared = list(topics(shop(TopicPlan(of=sizes))).values())
    readers = {
        "my.sales.events": ["billing", "stock", "stock.retry"],
        "my.sales.faults": ["stock"],
        "my.stock.events": ["billing"],
    }
    (told,) = read_elsewhere(declared, readers)

    assert (told.topic, told.what, told.declared, told.found) == (
        "my.sales.events",
        "headers",
        "ours",
        "read by billing",
    )
    assert told.told and "neither the id nor the type" in told.why
    missing = {each.topic: each.declared for each in differences(declared, {}, {}, 3)}
    assert missing["my.sales.events"] == "4 partitions, kept 7d, headers ours"
    assert missing["my.stock.events"] == "4 partitions, kept 7d"


def test_a_plan_stays_with_the_app_under_other_settings() -> None:
    """The commands open an app under the settings of the folder they look at."""
    app = shop(TopicPlan(cluster=Cluster()))
    assert app.configured(Settings()).topics is app.topics


def there(name: str, partitions: int = 4, copies: tuple[int, ...] = (1, 2, 3), **settings: str) -> FoundTopic:
    changed = {name.replace("_", "."): value for name, value in settings.items()}
    return FoundTopic(
        name=name, partitions=(Copies(copies[0], copies, copies),) * partitions, settings={**SAFE, **changed}
    )


def drift(name: str, found: FoundTopic | None, wanted: Mapping[str, str] = SAFE) -> list[Difference]:
    topic = topics(shop(TopicPlan(cluster=Cluster())))[name]
    return differences([topic], {} if found is None else {name: found}, {name: wanted}, 3)


def test_equal_is_no_difference() -> None:
    assert drift("my.sales.events", there("my.sales.events")) == []


def test_what_moves_keys_or_loses_records_needs_a_word() -> None:
    """Growing a keyed topic, and keeping less than what is kept; the rest is done at once."""
    keyed, unkeyed = "my.sales.events", "elsewhere.events.stock.dlq"
    (grown,) = drift(keyed, there(keyed, 2))
    (shorter,) = drift(keyed, there(keyed, retention_ms="-1"))
    (compacted,) = drift(keyed, there(keyed, cleanup_policy="compact"))
    (longer,) = drift(keyed, there(keyed, retention_ms="1000"))
    (missing,) = drift(keyed, None)

    assert (grown.needs, grown.may(()), grown.may(["reordering"]), grown.may(["loss"])) == (
        "reordering",
        False,
        True,
        False,
    )
    assert (shorter.needs, shorter.found, shorter.declared) == ("loss", "-1 (for ever)", "604800000 (7d)")
    assert compacted.needs == "loss"
    assert longer.may(()) and missing.remedy == "create" and missing.may(())
    topic = replace(topics(shop())[unkeyed], partitions=3)
    (free,) = differences([topic], {unkeyed: there(unkeyed, 1)}, {unkeyed: SAFE}, 3)
    assert (free.remedy, free.needs) == ("grow", "")


def test_what_kafka_cannot_do_is_told_and_never_tried() -> None:
    """Fewer partitions, other copies, more copies than brokers."""
    name = "my.sales.events"
    (fewer,) = drift(name, there(name, 6))
    (copies,) = drift(name, there(name, copies=(1,)))
    topic = topics(shop(TopicPlan(cluster=Cluster())))[name]
    (impossible,) = differences([topic], {}, {name: SAFE}, 1)

    for refused in (fewer, copies, impossible):
        assert refused.why and not refused.may(["reordering", "loss"])


def test_topics_below_our_namespaces_that_nobody_declares_are_told_only() -> None:
    declared = list(topics(shop()).values())
    names = ["my.sales.events", "my.sales.old", "my.salesroom.events", "other"]
    (told,) = undeclared(declared, {"my.sales", "my.stock"}, names)
    assert (told.topic, told.told, told.may(["loss"])) == ("my.sales.old", True, False)


def bad(cluster: Cluster | None, brokers: list[Broker], topic: FoundTopic, **clients: str) -> list[str]:
    said = {**CLIENTS, **{name.replace("_", "."): value for name, value in clients.items()}}
    return [f.what for f in findings(cluster, brokers, {topic.name: topic}, said, {}) if f.level == "bad"]


def test_a_healthy_cluster_has_no_findings() -> None:
    assert bad(Cluster(racks=("a", "b", "c")), THREE, there("t")) == []
    assert bad(None, THREE[:1], replace(there("t", copies=(1,)), settings={**SAFE, "min.insync.replicas": "1"})) == []


def test_each_way_to_lose_what_was_acknowledged_is_a_finding() -> None:
    """Every check is seen red once."""
    declared = Cluster(racks=("a", "b", "c"))
    behind = replace(there("t"), partitions=(Copies(1, (1, 2, 3), (1, 2)),))
    same_rack = [Broker(1, "b1", "a"), Broker(2, "b2", "a"), Broker(3, "b3", "b"), Broker(4, "b4", "c")]

    assert bad(declared, THREE[:2], there("t")) == ["brokers", "racks"]
    assert bad(declared, [*THREE[:2], Broker(3, "b3", None)], there("t")) == ["racks", "racks"]
    assert bad(
        Cluster(brokers=4, replication=2, min_insync=1, racks=("a", "b", "c")), same_rack, there("t", copies=(1, 2))
    ) == ["racks"]
    assert bad(declared, THREE, there("t", copies=(1, 2))) == ["copies"]
    assert bad(declared, THREE, there("t", min_insync_replicas="1")) == ["min.insync.replicas"]
    assert bad(declared, THREE, there("t", min_insync_replicas="4")) == ["min.insync.replicas"]
    assert bad(None, THREE, there("t", min_insync_replicas="1")) == ["min.insync.replicas"]
    assert bad(declared, THREE, behind) == ["partitions in sync"]
    assert bad(declared, THREE, there("t", unclean_leader_election_enable="true")) == ["unclean.leader.election.enable"]
    assert bad(declared, THREE, there("t", max_message_bytes="1000000")) == ["max.message.bytes"]
    assert bad(declared, THREE, there("t"), message_max_bytes="1000000") == ["max.message.bytes"]
    assert bad(declared, THREE, there("t"), acks="1") == ["clients"]
