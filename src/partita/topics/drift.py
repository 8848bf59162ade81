"""Drift: differences between a cluster's topics and the declared ones, with remedies and their costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from partita.bus.administration import FoundTopic
from partita.topics.declared import DeclaredTopic
from partita.topics.naming import span

Remedy = Literal["create", "configure", "grow", "none"]
RETENTION = ("retention.ms", "cleanup.policy")
"""The settings that decide how long records stay: a policy without `delete` keeps the newest of each key for ever."""


LACKS = {
    "required": "gets no time, correlation, cause, key or trace by headers",
    "ours": "gets neither the id nor the type of a record",
}
"""The loss of a reader that is not built with Partita, by the headers of its topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One difference between a topic and its declaration.

    `remedy` would mend it; `needs` is a cost that a person must accept first ("reordering", "loss"), explained by `why`.
    With the remedy "none" `why` names the work by hand. Differences with `told` are not drift: they are shown only.
    """

    topic: str
    what: str
    declared: str
    found: str
    remedy: Remedy = "none"
    needs: Literal["", "reordering", "loss"] = ""
    why: str = ""
    told: bool = False

    def may(self, accepted: Iterable[str]) -> bool:
        """Whether it may be mended once these costs are accepted."""
        return self.remedy != "none" and (not self.needs or self.needs in accepted)


def differences(
    declared: Sequence[DeclaredTopic],
    found: Mapping[str, FoundTopic],
    settings: Mapping[str, Mapping[str, str]],
    brokers: int,
) -> list[Difference]:
    """The differences of topics; `settings` are those that each declared topic should have, by the broker's names."""
    told: list[Difference] = []
    for topic in declared:
        there = found.get(topic.name)
        if there is None:
            told.append(_missing(topic, brokers))
        else:
            told += _partitions(topic, there)
            told += _copies(topic, there)
            told += _settings(topic.name, there, settings[topic.name])
    return told


def undeclared(declared: Sequence[DeclaredTopic], namespaces: Iterable[str], names: Iterable[str]) -> list[Difference]:
    """Topics in our namespaces that are not declared here: another app's group may need them, so they are only shown."""
    known = {topic.name for topic in declared}
    ours = tuple(f"{namespace}." for namespace in namespaces)
    return [
        Difference(topic=name, what="topic", declared="no", found="yes", told=True, why="not declared in this app")
        for name in names
        if name.startswith(ours) and name not in known
    ]


def read_elsewhere(declared: Sequence[DeclaredTopic], readers: Mapping[str, Sequence[str]]) -> list[Difference]:
    """Topics without all headers that groups read which are not declared here: a program that is not built with Partita needs
    the attributes. They are only shown, since such a group may be a service of Partita in another app."""
    ours = {group for topic in declared for group in (*topic.groups, *topic.producers)}
    told = []
    for topic in declared:
        others = [group for group in readers.get(topic.name, ()) if group not in ours]
        if others and topic.headers != "full":
            told.append(
                Difference(
                    topic=topic.name,
                    what="headers",
                    declared=topic.headers,
                    found=f"read by {', '.join(others)}",
                    told=True,
                    why=f"not declared in this app: a program that is not built with Partita {LACKS[topic.headers]}",
                )
            )
    return told


def _missing(topic: DeclaredTopic, brokers: int) -> Difference:
    copies = topic.replication or 1
    possible = copies <= brokers
    return Difference(
        topic=topic.name,
        what="topic",
        declared=f"{_count(topic.partitions)}, kept {topic.kept}{_headers(topic)}",
        found="missing",
        remedy="create" if possible else "none",
        why="" if possible else f"{copies} copies are declared and {brokers} brokers are up: start the others",
    )


def _partitions(topic: DeclaredTopic, found: FoundTopic) -> list[Difference]:
    is_, wanted = len(found.partitions), topic.partitions
    if is_ == wanted:
        return []
    remedy: Remedy = "none"
    needs: Literal["", "reordering"] = ""
    if is_ > wanted:
        why = f"Kafka takes no partition away: declare {is_}, or move to a topic of another name"
    elif topic.keys:
        remedy, needs = "grow", "reordering"
        why = (
            "keys move to other partitions, and a key's order holds across the change only when every group has "
            "handled all records and no service sends meanwhile: drain it, then --accept-reordering"
        )
    else:
        remedy, why = "grow", ""
    return [
        Difference(
            topic=topic.name,
            what="partitions",
            declared=str(wanted),
            found=str(is_),
            remedy=remedy,
            needs=needs,
            why=why,
        )
    ]


def _copies(topic: DeclaredTopic, found: FoundTopic) -> list[Difference]:
    if topic.replication is None or found.replication == topic.replication:
        return []
    return [
        Difference(
            topic=topic.name,
            what="replication",
            declared=str(topic.replication),
            found=str(found.replication),
            why="the brokers move copies: kafka-reassign-partitions.sh",
        )
    ]


def _settings(name: str, found: FoundTopic, wanted: Mapping[str, str]) -> list[Difference]:
    shorter = _kept_ms(wanted) < _kept_ms(found.settings)
    told = []
    for setting, value in wanted.items():
        is_ = found.settings.get(setting, "not set")
        if is_ != value:
            loses = shorter and setting in RETENTION
            why = f"records older than {_time(_kept_ms(wanted))} would be deleted: --accept-loss" if loses else ""
            told.append(
                Difference(
                    topic=name,
                    what=setting,
                    declared=_words(setting, value),
                    found=_words(setting, is_),
                    remedy="configure",
                    needs="loss" if loses else "",
                    why=why,
                )
            )
    return told


def _kept_ms(settings: Mapping[str, str]) -> float:
    kept = float(settings.get("retention.ms", "-1"))
    return math.inf if kept < 0 or "delete" not in settings.get("cleanup.policy", "delete") else kept


def _words(setting: str, value: str) -> str:
    if setting != "retention.ms" or not value.lstrip("-").isdigit():
        return value
    return "-1 (for ever)" if int(value) < 0 else f"{value} ({_time(int(value))})"


def _time(kept_ms: float) -> str:
    return "for ever" if math.isinf(kept_ms) else span(kept_ms / 1_000)


def _headers(topic: DeclaredTopic) -> str:
    return "" if topic.headers == "full" else f", headers {topic.headers}"


def _count(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"
