"""`partita topics`: the declared topics, how they differ from the cluster's, and the way back to what is declared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from partita.app import App, load_app
from partita.assembly.existing import open_stores
from partita.bus.administration import Administration
from partita.bus.connect import ASK_S, connect_administration
from partita.cli.operating import acting_options, confirmed, run
from partita.cli.output import bus_option, data_option, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_argument
from partita.errors import NotFound, PartitaError
from partita.machine.system import this_machine
from partita.operators.audit import actor, record
from partita.operators.topics import compare, mend, topics_of
from partita.topics.declared import DeclaredTopic, declared_topics
from partita.topics.drift import Difference

NOTHING = (
    "the embedded log and the log in PostgreSQL make what is declared when the app starts, and leave a topic that is there "
    "as it is; name a broker with --bus kafka://host:port or PARTITA_BUS"
)
UNSURE = " (failed; it may have happened)"
SIGNS = {"create": "+", "configure": "~", "grow": "~", "none": "!"}


@click.group(short_help="Topics: describe, plan, apply.")
def topics() -> None:
    """Topics as declared, and the cluster's."""


@topics.command(epilog="Example:  partita topics describe module:app")
@app_argument
@output_option
def describe(app_name: str, output: str) -> None:
    """Describe the topics of MODULE:APP as declared, and where their numbers come from; needs no broker."""
    app = load_app(app_name)
    declared = declared_topics(app.catalog, app.topics)
    cluster = app.topics.cluster
    if output == "json":
        print_json("Topics", {"cluster": asdict(cluster) if cluster else None, "items": [asdict(t) for t in declared]})
        return
    rows = [
        (
            t.name,
            t.kind,
            t.partitions,
            t.kept,
            t.replication or "broker's",
            ", ".join(t.keys),
            ", ".join(t.groups),
            ", ".join(t.producers),
        )
        for t in declared
    ]
    say(*table(["topic", "kind", "partitions", "kept", "copies", "key", "read by", "written by"], rows))
    said = {t.name: t.why for t in declared if t.kind not in ("retry", "dlq")}
    say("", *(f"{name}: {topics_of(declared)[name].partitions}, {why}" for name, why in said.items()))
    if cluster is not None:
        racks = f" on racks {', '.join(cluster.racks)}" if cluster.racks else ""
        say(
            "",
            f"cluster: {cluster.brokers} brokers{racks}, {cluster.replication} copies, "
            f"{cluster.min_insync} of them before an acknowledgement (acks={cluster.acks})",
        )


@topics.command(epilog="Example:  partita topics plan module:app --bus kafka://broker-1:9092")
@app_argument
@bus_option
@output_option
def plan(app_name: str, output: str) -> int:
    """Show how the cluster's topics differ from those of MODULE:APP; exit 3 when they do. Changes nothing."""
    app = load_app(app_name)

    async def look() -> tuple[str, list[Difference]]:
        async with _cluster(app, app.settings.ask_s) as cluster:
            return ("", []) if cluster is None else (cluster.where, await _compare(app, cluster))

    where, found = run(look())
    drifted = any(not d.told for d in found)
    if output == "json":
        print_json("TopicPlan", {"cluster": where, "drifted": drifted, "items": [asdict(d) for d in found]})
    elif not where:
        say(f"nothing to plan: {NOTHING}")
    else:
        _show(app, where, found)
    return 3 if drifted else 0


@topics.command(epilog="Example:  partita topics apply module:app --bus kafka://broker-1:9092 --yes")
@app_argument
@click.option("--accept-reordering", is_flag=True, help="Grow keyed topics: their keys move to other partitions.")
@click.option("--accept-loss", is_flag=True, help="Shorten a retention below the age of records that are kept now.")
@acting_options
@data_option
@output_option
def apply(
    app_name: str,
    accept_reordering: bool,
    accept_loss: bool,
    data: Path,
    output: str,
    **how: Any,
) -> int:
    """Create, configure and grow the cluster's topics to what MODULE:APP declares.

    What would lose records or turn their order is refused and told, until it is accepted; exit 3 when some is left.
    """
    app = load_app(app_name)
    accepted = [w for w, yes in (("reordering", accept_reordering), ("loss", accept_loss)) if yes]

    async def work() -> tuple[str, list[Difference], list[Difference]]:
        async with _cluster(app) as cluster:
            if cluster is None:
                return "", [], []
            found = await _compare(app, cluster)
            going = [d for d in found if d.may(accepted)]
            if output == "text":
                _show(app, cluster.where, found, accepted)
            if going and not how["dry_run"]:
                count = len({d.topic for d in going})
                confirmed(f"Change {count} topics on {cluster.where}", count, yes=how["yes"], reason=how["reason"])
                await _mend(app, data, cluster, found, accepted, how["reason"])
                found = await _compare(app, cluster)
            return cluster.where, [] if how["dry_run"] else going, found

    where, done, left = run(work())
    drifted = [d for d in left if not d.told]
    if output == "json":
        content = {"cluster": where, "done": [asdict(d) for d in done], "left": [asdict(d) for d in left]}
        print_json("TopicsApplied", content)
    elif not where:
        say(f"nothing to apply: {NOTHING}")
    elif how["dry_run"]:
        talk("nothing was changed (--dry-run)")
    else:
        say("", f"{len(done)} done, {len(drifted)} left" if done or drifted else "nothing to do")
    return 3 if drifted else 0


async def _mend(
    app: App, data: Path, cluster: Administration, found: Sequence[Difference], accepted: Sequence[str], reason: str
) -> None:
    """Mend, and keep in the audit what was done and what was begun: done again, it finds no difference to tell of."""
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
        await _audit(app, data, details, reason)


async def _compare(app: App, cluster: Administration) -> list[Difference]:
    declared = declared_topics(app.catalog, app.topics)
    return await compare(cluster, declared, {service.namespace for service in app.services})


@asynccontextmanager
async def _cluster(app: App, ask_s: float = ASK_S) -> AsyncIterator[Administration | None]:
    cluster = connect_administration(app.settings.bus, this_machine(), ask_s=ask_s)
    if cluster is None:
        yield None
        return
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


def _show(app: App, where: str, found: Sequence[Difference], accepted: Sequence[str] = ()) -> None:
    declared = declared_topics(app.catalog, app.topics)
    differ = {d.topic for d in found if not d.told}
    say(f"{where}: {len(declared)} topics declared, {len(declared) - len(differ)} as declared")
    for difference in found:
        sign = "?" if difference.told else SIGNS[difference.remedy] if difference.may(accepted) else "!"
        say(f"  {sign} {difference.topic}  {_words(difference)}")
        if difference.why:
            say(f"      {difference.why}")


def _words(difference: Difference) -> str:
    if difference.what == "topic":
        return "is there" if difference.told else f"is missing: {difference.declared}"
    return f"{difference.what}: {difference.found}, declared {difference.declared}"


async def _audit(app: App, data: Path, details: Mapping[Difference, str], reason: str) -> None:
    """Keep who changed what in the databases of the topics' owners, as far as there are any yet."""
    owners: dict[str, list[Difference]] = {}
    declared: dict[str, DeclaredTopic] = topics_of(declared_topics(app.catalog, app.topics))
    for difference in details:
        owners.setdefault(declared[difference.topic].owner, []).append(difference)
    try:
        async with open_stores(app, data) as stores:
            for owner in sorted(owners.keys() & stores.keys()):
                at_us = await stores[owner].now_us()
                async with stores[owner].transaction() as session:
                    for d in owners[owner]:
                        await record(session, at_us, actor(), "topics apply", d.topic, detail=details[d], reason=reason)
    except NotFound:
        talk("not in the audit: no databases there yet (--data names the folder)")
    except PartitaError as error:
        talk(f"not in the audit: {error.what} {error.hint}".rstrip())
