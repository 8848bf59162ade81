"""`TopicPlan`: the sizes, retentions and headers of topics, and their cluster, declared beside the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from partita.cloudevents.binary_mode import HEADER_SETS, HeaderSet
from partita.errors import DeclarationError
from partita.settings.amount import check_count, check_seconds
from partita.topics.load import PARTITIONS, Load

BROKERS_MAX = 100_000
PARTITIONS_MAX = 100_000
WEEK_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The declared brokers: `Cluster(brokers=3, replication=3, min_insync=2, racks=("a", "b", "c"))`.

    With three copies, two of which must have a record before it is acknowledged, one broker may be lost and writing
    continues; a second one may be lost and no acknowledged record is.

    Args:
        brokers: how many there are.
        replication: copies of each record.
        min_insync: copies that must be written before an append is acknowledged.
        racks: the failure domains (`broker.rack`) that the copies are spread over; empty = not checked.
        acks: always "all": our guarantees depend on it, so that it can be read here and not changed.

    Raises:
        DeclarationError: more copies than brokers, or more acknowledgements than copies.
    """

    brokers: int = 3
    replication: int = 3
    min_insync: int = 2
    racks: tuple[str, ...] = ()
    acks: Literal["all"] = "all"

    def __post_init__(self) -> None:
        for name in ("brokers", "replication", "min_insync"):
            check_count(DeclarationError, f"Cluster({name})", getattr(self, name), least=0, most=BROKERS_MAX)
        if not 1 <= self.replication <= self.brokers:
            raise DeclarationError(
                f"{self.replication} copies on {self.brokers} brokers cannot be.",
                hint="Cluster(replication=...) is 1 up to the number of brokers.",
            )
        if not 1 <= self.min_insync <= self.replication:
            raise DeclarationError(
                f"{self.min_insync} of {self.replication} copies cannot be in sync.",
                hint="Cluster(min_insync=...) is 1 up to replication; replication - 1 lets one broker be down.",
            )
        if len(self.racks) > self.brokers:
            raise DeclarationError(f"{len(self.racks)} racks need as many brokers; there are {self.brokers}.")
        if self.acks != "all":
            raise DeclarationError(
                f"acks={self.acks!r} loses records that only one lost broker had.", hint='acks="all"'
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """The size and the retention of a topic, and the headers of its records.

    Args:
        load: its expected load; the number of partitions follows from it.
        partitions: instead of a load, the number itself.
        retention_s: how long records stay, in seconds; None = for ever.
        replication: copies, where they differ from the cluster's.
        headers: on Kafka, "full": all CloudEvents attributes; "required": the four that each CloudEvent has, and the
            content type; "ours": none, for topics that Partita alone reads. All three have Partita's own header.

    Raises:
        DeclarationError: both a load and a number of partitions, a number that is not positive, or headers of another name.
    """

    load: Load | None = None
    partitions: int | None = None
    retention_s: float | None = WEEK_S
    replication: int | None = None
    headers: HeaderSet = "full"

    def __post_init__(self) -> None:
        if self.headers not in HEADER_SETS:
            raise DeclarationError(
                f"Sizing(headers={self.headers!r}) is no choice of headers.",
                hint="One of " + ", ".join(map(repr, HEADER_SETS)) + ".",
            )
        if self.load is not None and self.partitions is not None:
            raise DeclarationError("A load and a number of partitions: one follows from the other.", hint="Drop one.")
        for name, most in (("partitions", PARTITIONS_MAX), ("replication", BROKERS_MAX)):
            if getattr(self, name) is not None:
                check_count(DeclarationError, f"Sizing({name})", getattr(self, name), most=most)
        if self.retention_s is not None:
            check_seconds(DeclarationError, "Sizing(retention_s)", self.retention_s)

    @property
    def count(self) -> int:
        """The number of partitions."""
        return self.partitions or (self.load.partitions if self.load is not None else PARTITIONS)

    @property
    def why(self) -> str:
        """The reason for the number, in words."""
        if self.partitions is not None:
            return "as declared"
        return self.load.why if self.load is not None else "no load is declared"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """The declaration of an app's topics: `App(orders, ..., topics=TopicPlan(cluster=Cluster(...), of={...}))`.

    `of` gives sizes by a topic's name (`"shop.order.events"`) or by a namespace (`"shop.order"`, its events, commands
    and faults); the name goes before the namespace. Everything else has `default`; retry topics and dead letters have
    one partition and a week unless their own name is in it.
    """

    cluster: Cluster | None = None
    of: Mapping[str, Sizing] = field(default_factory=dict)
    default: Sizing = field(default_factory=Sizing)
