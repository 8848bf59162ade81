"""Changing a cluster's topics to their declarations: changes that lose nothing, and others if they are accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path

from partita.assembly.existing import open_stores
from partita.bus.administration import Administration
from partita.errors import NotFound, PartitaError
from partita.observability.declarations import Declarations
from partita.observability.topic_drift import topics_of
from partita.operators.audit import record
from partita.topics.declared import DeclaredTopic, declared_topics
from partita.topics.drift import Difference

UNSURE = " (failed; it may have happened)"


async def mend(
    cluster: Administration, declared: Sequence[DeclaredTopic], found: Sequence[Difference], accepted: Collection[str]
) -> AsyncIterator[list[Difference]]:
    """Make the permitted changes. Report each change before it begins, since a failed one may have happened. Settings go
    before partitions: the new ones start with them.

    Raises:
        BusUnavailable: the cluster does not answer, or refuses; changes made so far stay; run it again.
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


async def bring(
    app: Declarations,
    data: Path,
    cluster: Administration,
    found: Sequence[Difference],
    accepted: Collection[str],
    *,
    reason: str,
    by: str,
    unaudited: Callable[[str], None] = lambda why: None,
) -> None:
    """Make the permitted changes, and record in the audit the changes done and begun. A second run finds no difference.
    `unaudited` is called with the reason if the audit could not be written, also when a change failed.

    Raises:
        BusUnavailable: the cluster does not answer, or refuses; the audit has the changes that were begun.
    """
    begun: list[list[Difference]] = []
    answered = False
    try:
        async for together in mend(cluster, declared_topics(app.catalog, app.topics), found, accepted):
            begun.append(together)
        answered = True
    finally:
        unsure = [] if answered else begun[-1:]
        details = {
            d: f"{d.what}: {d.found} -> {d.declared} on {cluster.where}{UNSURE if together in unsure else ''}"
            for together in begun
            for d in together
        }
        why = await _audit(app, data, details, reason, by)
        if why:
            unaudited(why)


async def _audit(app: Declarations, data: Path, details: Mapping[Difference, str], reason: str, by: str) -> str:
    """Record it in the databases of the topics' owners, as far as they exist."""
    owners: dict[str, list[Difference]] = {}
    declared = topics_of(declared_topics(app.catalog, app.topics))
    for difference in details:
        owners.setdefault(declared[difference.topic].owner, []).append(difference)
    try:
        async with open_stores(app, data) as stores:
            for owner in sorted(owners.keys() & stores.keys()):
                at_us = await stores[owner].now_us()
                async with stores[owner].transaction() as session:
                    for d in owners[owner]:
                        await record(session, at_us, by, "topics apply", d.topic, detail=details[d], reason=reason)
    except NotFound:
        return "the databases do not exist yet (--data names the folder)"
    except PartitaError as error:
        return f"{error.what} {error.hint}".rstrip()
    return ""
