"""The entries in the histories of all sagas of a service."""

from __future__ import annotations

from partita.store.port import Store
from partita.store.sagas import SagaEvent, entries_of
from partita.testing.scenario import Scenario


async def entries(store: Store, *kinds: str) -> list[SagaEvent]:
    """The entries of these kinds, or all; those of one instance are in their order."""
    async with store.reading() as session:
        rows = await session.fetch("SELECT saga, saga_id FROM saga", {})
        found = [entry for row in rows for entry in await session.sagas.history(row["saga"], row["saga_id"])]
    return [entry for entry in found if not kinds or entry.kind in kinds]


async def entries_in(t: Scenario, service: str, *kinds: str) -> list[SagaEvent]:
    """The same in a scenario, whose stores are its own."""
    rows = await t.fetch(service, "SELECT saga, saga_id, entries FROM saga_history ORDER BY seq")
    rows += await t.fetch(service, "SELECT saga, saga_id, history AS entries FROM saga")
    found = [entry for row in rows for entry in entries_of(row["saga"], row["saga_id"], row["entries"])]
    return [entry for entry in found if not kinds or entry.kind in kinds]
