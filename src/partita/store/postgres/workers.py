"""The states of a service's workers, in its PostgreSQL schema: rows that each process repeats now and then."""

from __future__ import annotations

from collections.abc import Sequence

from partita.databases.postgres.arrays import columns, unnest
from partita.databases.postgres.database import Database
from partita.store.workers import WorkerState

SHAPE = {
    "service": "text",
    "member": "text",
    "worker": "text",
    "state": "text",
    "since_us": "bigint",
    "cause": "text",
}
NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
VOID_US = 20_000_000
# Rows of members that died a minute ago are deleted.
UNSAY = f"DELETE FROM worker_state WHERE member = $1 OR beat_us < {NOW_US} - 60000000"
TELL = f"""
INSERT INTO worker_state ({", ".join(SHAPE)}, beat_us) SELECT {", ".join(f"r.{name}" for name in SHAPE)}, {NOW_US}
FROM {unnest(**SHAPE)} ORDER BY ord ON CONFLICT DO NOTHING
"""
TOLD = f"""
SELECT {", ".join(SHAPE)} FROM worker_state WHERE beat_us > {NOW_US} - {VOID_US} ORDER BY since_us, member, worker
"""


class PostgresWorkers:
    """See `partita.store.workers.Workers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(self, member: str, states: Sequence[WorkerState]) -> None:
        """Report the states; they are void unless repeated."""
        async with self._database.writing() as link:
            await link.run(UNSAY, member)
            if states:
                await link.run(TELL, *columns(states))

    async def reported(self) -> Sequence[WorkerState]:
        """The reported states that are not void."""
        async with self._database.asking() as link:
            return [WorkerState(*row) for row in await link.rows(TOLD)]
