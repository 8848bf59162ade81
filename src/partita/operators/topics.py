"""Topics compared with a cluster and brought to what is declared: everything that loses nothing, the rest when accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
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
) -> AsyncIterator[list[Difference]]:
    """Mend what may be mended. Tells each time what it does next, since what was begun may have happened although it
    fails. Settings go before partitions: the new ones begin as declared.

    Raises:
        BusUnavailable: the cluster does not answer, or refuses; what was mended stays so, do it again.
    """
    topics = topics_of(declared)
    going = [d for d in found if d.may(accepted)]
    missing = [d for d in going if d.remedy == "create"]
    if missing:
        yield missing
        await cluster.create([topics[d.topic].spec for d in missing])
    changed: dict[str, list[Difference]] = {}
    for difference in going:
        if difference.remedy == "configure":
            changed.setdefault(difference.topic, []).append(difference)
    for name, together in changed.items():
        yield together
        wanted = cluster.settings_of(topics[name].spec)
        await cluster.configure(name, {d.what: wanted[d.what] for d in together})
    for difference in going:
        if difference.remedy == "grow":
            yield [difference]
            await cluster.grow(difference.topic, topics[difference.topic].partitions)


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
