"""The bus of a design, and the treatment of messages that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from partita.design.model.origin import Fact

BusKind = Literal["kafka", "nats", "rabbitmq", "eventbridge", "database"]
BUS_KINDS: tuple[str, ...] = get_args(BusKind)


@dataclass(frozen=True, slots=True)
class BusDesign:
    """The chosen bus, its partitions for each topic, and its replication."""

    use: Fact[BusKind]
    partitions: Fact[int]
    replication: Fact[int]


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """The waits of the retry topics in seconds, the end of a message that failed them all, and the receiver of the alert."""

    retry_topics: Fact[tuple[float, ...]]
    then: Fact[str]
    alert: Fact[str]
    window: Fact[float]  # seconds for which consumers know the messages that they have handled
