"""Topics as declared, compared with those of the cluster."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from partita.bus.administration import Administration
from partita.observability.declarations import Declarations
from partita.topics.declared import DeclaredTopic, declared_topics
from partita.topics.drift import Difference, differences, read_elsewhere, undeclared


async def drift(app: Declarations, cluster: Administration) -> list[Difference]:
    """The differences between a cluster's topics and those that an app declares, and undeclared topics in its namespaces.

    Raises:
        BusUnavailable: the cluster does not answer.
    """
    namespaces = {service.namespace for service in app.services}
    return await compare(cluster, declared_topics(app.catalog, app.topics), namespaces)


async def compare(
    cluster: Administration, declared: Sequence[DeclaredTopic], namespaces: Collection[str]
) -> list[Difference]:
    """The differences between the cluster's topics and the declared ones, and readers of other programs that may miss headers.

    Raises:
        BusUnavailable: the cluster does not answer.
    """
    found = await cluster.describe([topic.name for topic in declared])
    settings = {topic.name: cluster.settings_of(topic.spec) for topic in declared}
    told = differences(declared, found, settings, len(await cluster.brokers()))
    told = [await _counted(cluster, topics_of(declared)[d.topic], d) for d in told]
    told += undeclared(declared, namespaces, await cluster.names())
    fewer = [topic.name for topic in declared if topic.headers != "full" and topic.name in found]
    return told + (read_elsewhere(declared, await cluster.readers(fewer)) if fewer else [])


def topics_of(declared: Sequence[DeclaredTopic]) -> dict[str, DeclaredTopic]:
    """The declared topics by name."""
    return {topic.name: topic for topic in declared}


async def _counted(cluster: Administration, topic: DeclaredTopic, difference: Difference) -> Difference:
    """A shorter retention deletes older records; without such records no acceptance is needed."""
    if difference.needs != "loss" or topic.retention_s is None:
        return difference
    older = await cluster.older(topic.name, topic.retention_s)
    if not older:
        return replace(difference, needs="", why="")
    return replace(difference, why=f"{older:,} records are older than {topic.kept} and would be deleted: --accept-loss")
