"""All messages that a service has written and still keeps, whichever way they left: by its outbox, or straight into the log."""

from __future__ import annotations

from partita.store.port import Store
from partita.store.trail import TrailRow

IN_OUTBOX = "SELECT DISTINCT correlation_id AS name FROM outbox"
LOG_IS_HERE = "SELECT 1 AS n FROM pg_namespace WHERE nspname = 'partita_log'"
IN_LOG = "SELECT DISTINCT correlation_id AS name FROM partita_log.record WHERE writer = :service"


async def written(store: Store) -> list[TrailRow]:
    """The messages, in the order of their times."""
    async with store.reading() as session:
        found = list(await session.fetch(IN_OUTBOX, {}))
        on_a_server = type(store).__name__ == "PostgresStore"
        if on_a_server and await session.fetch(LOG_IS_HERE, {}):
            found += await session.fetch(IN_LOG, {"service": store.name})
        return list(await session.trail.messages(sorted({row["name"] for row in found})))
