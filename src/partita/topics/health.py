"""Whether a cluster keeps acknowledged records: brokers, copies, settings and clients against the declared topology."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from partita.bus.administration import Broker, FoundTopic
from partita.size import RECORD_BYTES_MAX
from partita.topics.topic_plan import Cluster

SAFE_CLIENT = {"acks": "all", "enable.idempotence": "true", "enable.auto.commit": "false"}
NAMED_MAX = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of a cluster: its subject, the finding and why it matters, and what to do."""

    level: Literal["ok", "note", "bad"]
    what: str
    found: str
    fix: str = ""


def findings(
    cluster: Cluster | None,
    brokers: Sequence[Broker],
    found: Mapping[str, FoundTopic],
    clients: Mapping[str, str],
    wanted: Mapping[str, int],
) -> list[Finding]:
    """Every check; `wanted` is the declared number of copies of each topic. Without a declared cluster, a weakness of a
    single copy or a single broker is only a note: a laptop runs that way."""
    topics = [topic for _, topic in sorted(found.items())]
    return [
        _brokers(cluster, brokers),
        *_racks(cluster, brokers, topics),
        *_copies(cluster, topics, wanted),
        *_in_sync(cluster, topics),
        *_behind(topics),
        *_unclean(topics),
        *_sizes(topics, clients),
        *_clients(clients),
    ]


def _brokers(cluster: Cluster | None, brokers: Sequence[Broker]) -> Finding:
    up = f"{len(brokers)} up ({', '.join(b.where for b in brokers)})"
    if cluster is None:
        note = f"{up}; no cluster is declared, so nothing to compare with"
        return Finding("note", "brokers", note, "App(..., topics=TopicPlan(cluster=Cluster(brokers=3)))")
    if len(brokers) < cluster.brokers:
        return Finding(
            "bad",
            "brokers",
            f"{up}, {cluster.brokers} are declared: the next one lost may stop writing, or lose records that it alone has",
            "Start the others, or declare the present number: Cluster(brokers=...).",
        )
    if len(brokers) > cluster.brokers:
        return Finding(
            "note", "brokers", f"{up}, {cluster.brokers} are declared", "Declare them: Cluster(brokers=...)."
        )
    return Finding("ok", "brokers", up)


def _racks(cluster: Cluster | None, brokers: Sequence[Broker], topics: Sequence[FoundTopic]) -> list[Finding]:
    if cluster is None or not cluster.racks:
        return []
    racks = {broker.id: broker.rack for broker in brokers}
    empty = [rack for rack in cluster.racks if rack not in racks.values()]
    told = []
    if empty:
        said = f"no broker is up in {', '.join(empty)}: losing one rack may lose every copy"
        told.append(Finding("bad", "racks", said, "Set broker.rack on each broker."))
    homeless = [b.where for b in brokers if b.rack not in cluster.racks]
    if homeless:
        said = f"{', '.join(homeless)} are in none of {', '.join(cluster.racks)}"
        told.append(Finding("bad", "racks", said, "Set broker.rack there, or declare the rack: Cluster(racks=...)."))
    alone = [t.name for t in topics if any(_one_rack(p.replicas, racks) for p in t.partitions)]
    if alone and not empty:
        said = f"all copies of a partition are in one rack: {_named(alone)}"
        told.append(Finding("bad", "racks", said, "Spread them: kafka-reassign-partitions.sh"))
    return told or [Finding("ok", "racks", f"copies are spread over {', '.join(cluster.racks)}")]


def _one_rack(replicas: Sequence[int], racks: Mapping[int, str | None]) -> bool:
    where = {racks.get(broker) for broker in replicas}
    return len(replicas) > 1 and len(where) == 1 and None not in where


def _copies(cluster: Cluster | None, topics: Sequence[FoundTopic], wanted: Mapping[str, int]) -> list[Finding]:
    if cluster is None:
        single = [t.name for t in topics if t.replication == 1]
        said = f"{_named(single)}: records lost by its broker are lost for good"
        fix = "Declare a cluster and make topics with copies before there is data in them."
        return [Finding("note", "one copy only", said, fix)] if single else []
    fewer = [t for t in topics if t.replication < wanted.get(t.name, cluster.replication)]
    if not fewer:
        return [Finding("ok", "copies", f"{cluster.replication} of each topic, or its declared number")]
    said = _named([f"{t.name} has {t.replication} of {wanted.get(t.name, cluster.replication)}" for t in fewer])
    fix = "Add copies with kafka-reassign-partitions.sh; a topic's number does not change by itself."
    return [Finding("bad", "copies", f"{said}: fewer brokers may be lost than declared", fix)]


def _in_sync(cluster: Cluster | None, topics: Sequence[FoundTopic]) -> list[Finding]:
    told = []
    if cluster is not None and cluster.min_insync == cluster.replication > 1:
        said = f"min_insync={cluster.min_insync} of {cluster.replication} copies: one broker down stops all writing"
        told.append(Finding("note", "min.insync.replicas", said, "Cluster(min_insync=replication - 1)"))
    low: list[str] = []
    stuck: list[str] = []
    for topic in topics:
        is_ = int(topic.settings.get("min.insync.replicas", "1"))
        least = cluster.min_insync if cluster is not None else min(2, topic.replication)
        if is_ < least:
            low.append(f"{topic.name} has {is_} of {least}")
        elif is_ > topic.replication:
            stuck.append(f"{topic.name} wants {is_} of {topic.replication}")
    if low:
        said = f"{_named(low)}: acks=all waits for so few copies that a lost broker may lose acknowledged records"
        told.append(Finding("bad", "min.insync.replicas", said, "partita topics apply, with a declared Cluster"))
    if stuck:
        said = f"{_named(stuck)}: nothing can be written"
        told.append(Finding("bad", "min.insync.replicas", said, "Add copies, or lower it."))
    return told or [Finding("ok", "min.insync.replicas", "acknowledged records are on as many copies as declared")]


def _behind(topics: Sequence[FoundTopic]) -> list[Finding]:
    behind = [f"{t.name} ({t.behind} of {len(t.partitions)})" for t in topics if t.behind]
    if not behind:
        return [Finding("ok", "partitions in sync", f"all of {len(topics)} topics")]
    said = f"{_named(behind)}: copies are missing or behind, or without a leader"
    return [
        Finding("bad", "partitions in sync", said, "Look at the brokers' logs; partita topics plan when it is mended.")
    ]


def _unclean(topics: Sequence[FoundTopic]) -> list[Finding]:
    unclean = [t.name for t in topics if t.settings.get("unclean.leader.election.enable") == "true"]
    if not unclean:
        return [Finding("ok", "unclean.leader.election.enable", "false")]
    said = f"true on {_named(unclean)}: a copy that was behind may lead, and the records it lacks are lost"
    return [Finding("bad", "unclean.leader.election.enable", said, "partita topics apply")]


def _sizes(topics: Sequence[FoundTopic], clients: Mapping[str, str]) -> list[Finding]:
    small = [
        f"{t.name} takes {int(t.settings['max.message.bytes']):,}"
        for t in topics
        if int(t.settings.get("max.message.bytes", RECORD_BYTES_MAX)) < RECORD_BYTES_MAX
    ]
    if int(clients["message.max.bytes"]) < RECORD_BYTES_MAX:
        small.append(f"our producer sends {int(clients['message.max.bytes']):,}")
    if not small:
        return [Finding("ok", "max.message.bytes", f"our largest message, {RECORD_BYTES_MAX:,} bytes, fits")]
    said = f"{_named(small)}, our largest message has {RECORD_BYTES_MAX:,}: larger ones stay in the outbox"
    return [Finding("bad", "max.message.bytes", said, "partita topics apply; take message.max.bytes out of the URL")]


def _clients(clients: Mapping[str, str]) -> list[Finding]:
    other = [f"{name}={clients.get(name)}" for name, value in SAFE_CLIENT.items() if clients.get(name) != value]
    said = ", ".join(f"{name}={value}" for name, value in SAFE_CLIENT.items())
    if other:
        return [Finding("bad", "clients", f"{', '.join(other)}: our guarantees need {said}", "Take it out of the URL.")]
    return [Finding("ok", "clients", said)]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more
