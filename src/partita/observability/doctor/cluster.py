"""The bus, if it is a broker or a log on a server: brokers, copies, settings, and topics as declared."""

from __future__ import annotations

from partita.assembly.adapters import Adapters
from partita.assembly.existing import Parts
from partita.assembly.servers import open_administration
from partita.bus.administration import Administration
from partita.errors import BusUnavailable, NotFound, PartitaError
from partita.machine.system import this_machine
from partita.observability.declarations import Declarations
from partita.observability.topic_drift import compare
from partita.settings.address import without_secrets
from partita.topics.declared import declared_topics
from partita.topics.drift import Difference
from partita.topics.health import Finding, findings

WIDER = 'Sizing(headers="full") for the topic, unless the group is a service of Partita in another app.'


async def check_cluster(app: Declarations) -> list[Finding]:
    """The findings of the broker or server the settings name; none for the embedded log."""
    try:
        async with open_administration(app, app.settings.ask_s) as cluster:
            return await _check_log(app) if cluster is None else await _check_broker(app, cluster)
    except BusUnavailable as error:
        return [_bad(error)]


async def _check_broker(app: Declarations, cluster: Administration) -> list[Finding]:
    declared = declared_topics(app.catalog, app.topics)
    found = await cluster.describe([*(topic.name for topic in declared), *cluster.own_topics])
    wanted = {topic.name: topic.replication for topic in declared if topic.replication is not None}
    brokers = await cluster.brokers()
    compared = await compare(cluster, declared, ())
    drift = [d for d in compared if not d.told]
    said = f"{len({d.topic for d in drift})} of {len(declared)} differ from their declaration"
    told = Finding("note", "topics", said, "partita topics plan") if drift else Finding("ok", "topics", "as declared")
    return [
        Finding("ok", "bus", cluster.where),
        *findings(app.topics.cluster, brokers, found, cluster.client_settings(), wanted),
        told,
        *(_fewer_headers(d) for d in compared if d.what == "headers"),
    ]


def _fewer_headers(read: Difference) -> Finding:
    return Finding("note", f"headers of {read.topic}", f"{read.declared}, {read.found}: {read.why}", WIDER)


async def _check_log(app: Parts) -> list[Finding]:
    """The findings of a log on a server; `partita consumers list` shows the positions of its groups."""
    where = app.settings.bus
    if not where.startswith("postgres"):
        return []
    bus = Adapters(app.settings, this_machine(), create=False, in_haste=True).bus().bus
    try:
        await bus.open()
        try:
            lags = await bus.lag()
        finally:
            await bus.close()
    except NotFound as error:
        return [Finding("note", "bus", error.what, "The first start makes it: partita run MODULE:APP")]
    except PartitaError as error:
        return [_bad(error)]
    behind = sum(each.lag for each in lags)
    said = f"{without_secrets(where)}: {len({each.group for each in lags})} groups, {behind:,} records behind in all"
    return [Finding("ok", "bus", said)]


def _bad(error: PartitaError) -> Finding:
    return Finding("bad", "bus", error.what, error.hint)
