"""The numbers of the schema registry, as this process sees it; a registry within the bus has none of its own."""

from __future__ import annotations

from partita.schemas.confluent.registry import ConfluentRegistry
from partita.schemas.registry import Registry
from partita.signals import (
    REGISTRY_ASKED,
    REGISTRY_FAILED,
    REGISTRY_KEPT,
    REGISTRY_TIME,
    REGISTRY_UNKNOWN,
    REGISTRY_UP,
    Sample,
)


def registry_samples(registry: Registry) -> list[Sample]:
    """The counts of a registry's client since the process started."""
    if not isinstance(registry, ConfluentRegistry):
        return []
    traffic = registry.client.traffic
    counted = [
        REGISTRY_ASKED.of(traffic.asked),
        REGISTRY_FAILED.of(traffic.failed),
        REGISTRY_KEPT.of(traffic.kept),
        REGISTRY_UNKNOWN.of(traffic.unknown),
        REGISTRY_TIME.of(traffic.seconds),
    ]
    return counted if traffic.is_up is None else [REGISTRY_UP.of(traffic.is_up), *counted]
