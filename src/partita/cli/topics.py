"""`partita topics`: the declared topics, how the cluster's topics differ from them, and the change of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from partita.app import App, load_app
from partita.assembly.servers import open_administration
from partita.cli.operating import acting_options, confirmed, run
from partita.cli.output import bus_option, data_option, output_option, print_json, say, table, talk
from partita.cli.whose_app import app_argument
from partita.observability.topic_drift import drift, topics_of
from partita.operators.audit import actor
from partita.operators.topics import bring
from partita.topics.declared import declared_topics
from partita.topics.drift import Difference

NOTHING = (
    "the embedded log and the log in PostgreSQL make the declared topics when the app starts, and change no topic that "
    "exists; name a broker with --bus kafka://host:port or PARTITA_BUS"
)
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
            t.headers,
            ", ".join(t.keys),
            ", ".join(t.groups),
            ", ".join(t.producers),
        )
        for t in declared
    ]
    say(*table(["topic", "kind", "partitions", "kept", "copies", "headers", "key", "read by", "written by"], rows))
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
    """Show how the cluster's topics differ from those of MODULE:APP; exit 3 when one differs. Changes nothing."""
    app = load_app(app_name)

    async def compare() -> tuple[str, list[Difference]]:
        async with open_administration(app, app.settings.ask_s) as cluster:
            return ("", []) if cluster is None else (cluster.where, await drift(app, cluster))

    where, found = run(compare())
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
    """Create, configure and grow the cluster's topics as MODULE:APP declares them.

    Changes that lose records or their order are listed, and refused until you accept them; exit 3 when one is left.
    """
    app = load_app(app_name)
    accepted = [w for w, yes in (("reordering", accept_reordering), ("loss", accept_loss)) if yes]

    async def work() -> tuple[str, list[Difference], list[Difference]]:
        async with open_administration(app) as cluster:
            if cluster is None:
                return "", [], []
            found = await drift(app, cluster)
            going = [d for d in found if d.may(accepted)]
            if output == "text":
                _show(app, cluster.where, found, accepted)
            if going and not how["dry_run"]:
                count = len({d.topic for d in going})
                confirmed(f"Change {count} topics on {cluster.where}", count, yes=how["yes"], reason=how["reason"])
                await bring(
                    app, data, cluster, found, accepted, reason=how["reason"], by=actor(), unaudited=_warn_unaudited
                )
                found = await drift(app, cluster)
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


def _warn_unaudited(why: str) -> None:
    talk(f"not in the audit: {why}")


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
    if difference.what == "headers":
        return f"headers: {difference.declared}, {difference.found}"
    if difference.what == "topic":
        return "is there" if difference.told else f"is missing: {difference.declared}"
    return f"{difference.what}: {difference.found}, declared {difference.declared}"
