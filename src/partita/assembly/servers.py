"""The servers of an app: a cluster's administration, the handover of its outboxes, findings about its databases' servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from partita.assembly.existing import Parts, open_stores
from partita.bus.administration import Administration
from partita.bus.connect import ASK_S, connect_administration
from partita.errors import SettingsError
from partita.machine.system import this_machine
from partita.migrations.migration import WAIT_S
from partita.settings.address import hurried, without_secrets
from partita.store.connect import connect_handover
from partita.store.connect import server_findings as findings_of
from partita.store.handover import Handover
from partita.store.port import Store
from partita.topics.health import Finding


@asynccontextmanager
async def open_administration(app: Parts, ask_s: float = ASK_S) -> AsyncIterator[Administration | None]:
    """The administration of the broker that the settings name; None = the bus is a log that makes its topics itself.

    Raises:
        BusUnavailable: the broker does not answer within `ask_s`.
    """
    cluster = connect_administration(app.settings.bus, app.machine or this_machine(), ask_s=ask_s)
    if cluster is None:
        yield None
        return
    await cluster.open()
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def open_handover(
    app: Parts, data: Path, slot: str, wait_s: float
) -> AsyncIterator[tuple[Handover, dict[str, Store]]]:
    """The handover of an app's outboxes, and its databases, opened.

    Raises:
        SettingsError: as `handover_of`. NotFound: there is no data of this app.
    """
    handover = handover_of(app, slot, wait_s)
    async with open_stores(app, data) as stores:
        try:
            await handover.open()
            yield handover, stores
        finally:
            await handover.close()


def handover_of(app: Parts, slot: str, wait_s: float = WAIT_S) -> Handover:
    """The handover of an app's outboxes to the reader of a slot, not opened yet.

    Raises:
        SettingsError: the bus is not a Kafka cluster, or the store not a PostgreSQL server.
    """
    if app.settings.bus.partition("://")[0] != "kafka":
        raise SettingsError(
            f"Debezium brings an outbox to Kafka, and the bus is {without_secrets(app.settings.bus) or 'a folder'}.",
            hint="PARTITA_BUS=kafka://host:port, or --bus",
        )
    names = [service.name for service in app.services]
    return connect_handover(app.settings.store, app.machine or this_machine(), names, slot, wait_s)


async def server_findings(app: Parts, url: str) -> Sequence[Finding]:
    """Findings about the database server at a URL; none for files.

    Raises:
        StoreUnavailable: it does not answer within the settings' limit.
    """
    found = await findings_of(str(hurried(url, app.settings.ask_s)), app.machine or this_machine())
    return [Finding(*each) for each in found]
