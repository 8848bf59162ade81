"""The topics of an app, from the catalog and the plan: the one place that decides them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from partita.bus.port import TopicSpec
from partita.catalog.catalog import Catalog
from partita.catalog.contract import Contract
from partita.catalog.service import Service
from partita.cloudevents.binary_mode import HeaderSet
from partita.errors import DeclarationError
from partita.topics.naming import dlq_topic, retry_topic, span
from partita.topics.topic_plan import Sizing, TopicPlan

Kind = Literal["events", "commands", "faults", "retry", "dlq"]
KEY_OF_MESSAGE = "key of the message"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTopic:
    """A topic of an app: its settings, its owner, its writers and the groups that read it.

    `keys` are the fields that spread its records over the partitions; none = each record goes anywhere.
    """

    name: str
    kind: Kind
    owner: str
    partitions: int
    why: str
    retention_s: float | None
    replication: int | None
    min_insync: int | None
    headers: HeaderSet
    keys: tuple[str, ...]
    groups: tuple[str, ...]
    producers: tuple[str, ...]

    @property
    def spec(self) -> TopicSpec:
        """The declaration for a bus."""
        return TopicSpec(
            name=self.name,
            partitions=self.partitions,
            retention_s=self.retention_s,
            replication=self.replication,
            min_insync=self.min_insync,
            headers=self.headers,
        )

    @property
    def kept(self) -> str:
        """How long records stay, in words."""
        return "for ever" if self.retention_s is None else span(self.retention_s)


def declared_topics(catalog: Catalog, plan: TopicPlan) -> list[DeclaredTopic]:
    """The topics of an app: events, commands and faults by name, then each service's retry topics and dead letters.

    Raises:
        DeclarationError: the plan sizes a name that is not a topic and no namespace of this app, or wants more copies than
            its cluster has brokers.
    """
    found: dict[str, DeclaredTopic] = {}
    for service in catalog.services:
        for kind in _kinds_of(service) if service.messages else ():
            topic = _of_owner(catalog, plan, service, kind)
            found[topic.name] = topic
    topics = sorted(found.values(), key=lambda topic: topic.name)
    for service in catalog.services:
        topics += _of_group(catalog, plan, service)
    _check(catalog, plan, topics)
    return topics


def retry_topics(catalog: Catalog, service: Service) -> list[str]:
    """The topics in which a service's failed messages wait."""
    return [
        retry_topic(topic, service.name, wait)
        for topic in catalog.topics_of(service)
        for wait in _waits(catalog, service, topic)
    ]


def _waits(catalog: Catalog, service: Service, topic: str) -> list[float]:
    """The waits that have a topic, beside this one: delays of one length share it. The service's own come first; a handler may
    have others."""
    interests = [i for i in catalog.interests(service).values() if i.contract.topic == topic]
    retries = [service.retry, *(interest.retry for interest in interests)]
    return list({span(wait): wait for retry in retries for wait in retry.delays}.values())


def _kinds_of(service: Service) -> list[Kind]:
    topics = {contract.topic for contract in service.contracts.values()}
    kinds: list[Kind] = ["faults"]
    if service.events_topic in topics:
        kinds.append("events")
    if service.commands_topic in topics:
        kinds.append("commands")
    return kinds


def _of_owner(catalog: Catalog, plan: TopicPlan, service: Service, kind: Kind) -> DeclaredTopic:
    contracts = [contract for contract in service.contracts.values() if contract.upcaster is None]
    if kind == "faults":
        name = service.faults_topic
        keys = {KEY_OF_MESSAGE} if any(c.key_field for c in contracts) else set()
        # A service that cannot handle a message publishes the fault on the topic of the message's owner.
        own = {c.full_name for c in contracts}
        producers = {s.name for s in catalog.services if own & catalog.interests(s).keys()}
    else:
        name = service.events_topic if kind == "events" else service.commands_topic
        keys = {c.key_field for c in contracts if c.topic == name and c.key_field}
        producers = {service.name} if kind == "events" else _senders(catalog, name)
    groups = {s.name for s in catalog.services if name in catalog.topics_of(s)}
    size = plan.of.get(name) or plan.of.get(service.namespace) or plan.default
    return _topic(name, kind, service, plan, size, (keys, groups, producers))


def _senders(catalog: Catalog, topic: str) -> set[str]:
    """The services whose sagas send commands there; `app.send` may enter in any process of the owner."""
    return {
        s.name
        for s in catalog.services
        for definition in s.declared.sagas
        if any(contract.topic == topic and contract.kind == "command" for contract in definition.sends)
    }


def _of_group(catalog: Catalog, plan: TopicPlan, service: Service) -> list[DeclaredTopic]:
    """The topics of a group's failed messages, and of the faults about its dead letters."""
    keyed = {i.contract.topic for i in catalog.interests(service).values() if _keyed(i.contract)}
    one = Sizing(partitions=1)
    waiting: list[DeclaredTopic] = []
    dead: list[DeclaredTopic] = []
    for source in catalog.topics_of(service):
        keys = {KEY_OF_MESSAGE} if source in keyed else set()
        for wait in _waits(catalog, service, source):
            name = retry_topic(source, service.name, wait)
            parties = (keys, {f"{service.name}.retry"}, {service.name})
            waiting.append(_topic(name, "retry", service, plan, plan.of.get(name, one), parties))
        name = dlq_topic(source, service.name)
        dead.append(_topic(name, "dlq", service, plan, plan.of.get(name, one), (keys, set(), {service.name})))
    return waiting + dead


def _keyed(contract: Contract) -> bool:
    return contract.kind == "fault" or contract.key_field is not None


def _topic(
    name: str, kind: Kind, service: Service, plan: TopicPlan, size: Sizing, parties: tuple[set[str], set[str], set[str]]
) -> DeclaredTopic:
    keys, groups, producers = (tuple(sorted(names)) for names in parties)
    cluster = plan.cluster
    copies = size.replication or (cluster.replication if cluster is not None else None)
    return DeclaredTopic(
        name=name,
        kind=kind,
        owner=service.name,
        partitions=size.count,
        why="it has failed messages only" if kind in ("retry", "dlq") and size.partitions == 1 else size.why,
        retention_s=size.retention_s,
        replication=copies,
        min_insync=None if cluster is None else min(cluster.min_insync, copies or cluster.min_insync),
        headers=size.headers,
        keys=keys,
        groups=groups,
        producers=producers,
    )


def _check(catalog: Catalog, plan: TopicPlan, topics: Sequence[DeclaredTopic]) -> None:
    namespaces = {service.namespace for service in catalog.services}
    unknown = sorted(plan.of.keys() - {t.name for t in topics} - namespaces)
    if unknown:
        raise DeclarationError(
            f"TopicPlan sizes {unknown[0]!r}, which is not a topic and no namespace of this app.",
            hint=f"Namespaces: {', '.join(sorted(namespaces))}. partita topics describe lists the topics.",
        )
    for topic in topics:
        if plan.cluster is not None and (topic.replication or 0) > plan.cluster.brokers:
            raise DeclarationError(
                f"{topic.name}: {topic.replication} copies on {plan.cluster.brokers} brokers cannot be.",
                hint=f"TopicPlan(of={{{topic.name!r}: Sizing(replication=...)}})",
            )
