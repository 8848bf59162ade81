"""Databases compared with the bus: one of the two may have been restored from a backup."""

from __future__ import annotations

from pathlib import Path

from partita.assembly.existing import open_bus, open_stores
from partita.bus.port import Bus
from partita.clock import US
from partita.errors import BusUnavailable, NotFound, PartitaError
from partita.observability.declarations import Declarations
from partita.observability.put_back import done_and_unknown, sent_and_unknown
from partita.store.groups import SENT_TO
from partita.store.port import Store
from partita.topics.declared import declared_topics
from partita.topics.health import Finding

SHOWN_MAX = 20
SLACK_US = 600 * US
"""Rows that are a little older than the window may have been deleted."""


async def check_backups(app: Declarations, data: Path) -> list[Finding]:
    """Compare each service's database with the bus; no findings while there is no data, or the bus does not answer."""
    found: list[Finding] = []
    try:
        async with open_stores(app, data) as stores, open_bus(app, data) as bus:
            identity = await bus.identity()
            for name, store in stores.items():
                async with store.reading() as session:
                    sent_to = (await session.groups.kept(name)).get(SENT_TO, identity)
                if sent_to != identity:
                    said = f"the log was restored, or is another one: it is {identity}, the messages went to {sent_to}"
                    found.append(
                        Finding("note", name, said, "Its next start sends again all messages that its outbox keeps.")
                    )
                found += await _received(store, bus, identity)
                found += await _sent(app, name, store, bus)
    except (NotFound, BusUnavailable):
        return []  # other lines of the doctor say so
    except PartitaError as error:
        what, _, hint = str(error).partition("\n")
        return [Finding("bad", "backups", what, hint.strip())]
    return found or [Finding("ok", "backups", "databases and bus agree")]


async def _received(store: Store, bus: Bus, identity: str) -> list[Finding]:
    lags = await bus.lag(store.name)
    apart = await done_and_unknown(store, lags, identity)
    if not apart:
        return []
    places = ", ".join(
        f"{lag.topic}[{lag.partition}] from {noted.first} to {lag.position - 1}" for lag, noted in apart[:SHOWN_MAX]
    )
    said = f"its database was restored: the bus counts records as done that it has not handled, {places}"
    return [
        Finding(
            "bad", store.name, said, "Its next start handles them again; where the log no longer has them, it says so."
        )
    ]


async def _sent(app: Declarations, name: str, store: Store, bus: Bus) -> list[Finding]:
    """Used only for a database that was restored, because it reads the whole window of the log."""
    if store.source.endswith(".1"):
        return []
    topics = [
        topic.name
        for topic in declared_topics(app.catalog, app.topics)
        if name in topic.producers and topic.kind in ("events", "commands", "faults")
    ]
    since_us = await store.now_us() - round(app.catalog.service(name).window_s * US) + SLACK_US
    beyond = await sent_and_unknown(store, bus, topics, since_us)
    if not beyond:
        return []
    ids = ", ".join(f"{each.message_id} ({each.type} of key {each.key})" for each in beyond[:SHOWN_MAX])
    more = f" and {len(beyond) - SHOWN_MAX} more" if len(beyond) > SHOWN_MAX else ""
    said = f"its database was restored: {len(beyond)} messages that it sent are on the log and not in it: {ids}{more}"
    return [
        Finding("bad", name, said, "Other services have acted on them. Enter them again by hand, or undo them there.")
    ]
