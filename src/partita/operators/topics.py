"""Topics compared with a cluster and brought to what is declared: everything that loses nothing, the rest when accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from partita.bus.administration import Administration
from partita.topics.declared import DeclaredTopic
from partita.topics.drift import Difference, differences, undeclared


async def compare(
    cluster: Administration, declared: Sequence[DeclaredTopic], namespaces: Collection[str]
) -> list[Difference]:
    """Where the cluster's topics differ from the declared ones.

    Raises:
        BusUnavailable: the cluster does not answer.
    """
    found = await cluster.describe([topic.name for topic in declared])
    settings = {topic.name: cluster.settings_of(topic.spec) for topic in declared}
    told = differences(declared, found, settings, len(await cluster.brokers()))
    told = [await _counted(cluster, topics_of(declared)[d.topic], d) for d in told]
    return told + undeclared(declared, namespaces, await cluster.names())


async def mend(
    cluster: Administration, declared: Sequence[DeclaredTopic], found: Sequence[Difference], accepted: Collection[str]
) -> list[Difference]:
    """Mend what may be mended, and return that. Settings go before partitions: the new ones begin as declared.

    Raises:
        BusUnavailable: the cluster does not answer, or refuses; what was mended stays so, do it again.
    """
    topics = topics_of(declared)
    going = [d for d in found if d.may(accepted)]
    missing = [topics[d.topic].spec for d in going if d.remedy == "create"]
    if missing:
        await cluster.create(missing)
    changed: dict[str, set[str]] = {}
    for difference in going:
        if difference.remedy == "configure":
            changed.setdefault(difference.topic, set()).add(difference.what)
    for name, what in changed.items():
        wanted = cluster.settings_of(topics[name].spec)
        await cluster.configure(name, {setting: wanted[setting] for setting in wanted if setting in what})
    for difference in going:
        if difference.remedy == "grow":
            await cluster.grow(difference.topic, topics[difference.topic].partitions)
    return going


def topics_of(declared: Sequence[DeclaredTopic]) -> dict[str, DeclaredTopic]:
    """The declared topics by name."""
    return {topic.name: topic for topic in declared}


async def _counted(cluster: Administration, topic: DeclaredTopic, difference: Difference) -> Difference:
    """A shorter retention costs what is older than it: where nothing is, nobody has to accept it."""
    if difference.needs != "loss" or topic.retention_s is None:
        return difference
    older = await cluster.older(topic.name, topic.retention_s)
    if not older:
        return replace(difference, needs="", why="")
    return replace(difference, why=f"{older:,} records are older than {topic.kept} and would be deleted: --accept-loss")
