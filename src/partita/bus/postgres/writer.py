"""Appending to the log: one call of one function on the server, from the first lock to the commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from partita.bus.port import Fence, Outgoing, screened, too_large
from partita.bus.postgres.schema import FENCED, NO_PLACE
from partita.bus.postgres.topics import Topics
from partita.databases.postgres.arrays import kept
from partita.databases.postgres.asking import ERRORS
from partita.databases.postgres.database import Database
from partita.errors import BusUnavailable, Fenced
from partita.texts.key_hash import hash_of

APPEND = "SELECT partita_log.append($1, $2, $3, $4, $5, $6, $7, $8)"


class Writer:
    """Appends whole batches."""

    def __init__(self, database: Database, topics: Topics) -> None:
        self._database = database
        self._topics = topics

    async def append(self, records: Sequence[Outgoing], fences: Sequence[Fence]) -> Sequence[str | None]:
        """Append durably, in order; per record None, or the reason for a final refusal.

        If the connection is lost on the way, the records may have been appended: those appended again are copies with the
        same id, behind all earlier ones, and receivers drop them.
        """
        await self._topics.ensure(self._topics.specs.of(records))
        refusals = screened(records, too_large)
        going = [record for record, refusal in zip(records, refusals, strict=True) if refusal is None]
        if going or fences:
            await self._call(_columns(going), fences)
        return refusals

    async def _call(self, columns: list[list[Any]], fences: Sequence[Fence]) -> None:
        epochs = {kept(fence.name): fence.epoch for fence in fences}
        async with self._database.asking() as link:
            try:
                await link.connection.execute(APPEND, list(epochs), list(epochs.values()), *columns)
            except ERRORS as error:
                state = getattr(error, "sqlstate", None)
                if state == FENCED:
                    raise Fenced(f"{error}.") from error
                if state == NO_PLACE:
                    await self._topics.refresh()
                    raise BusUnavailable(f"{link.where}: {error}.", hint="The topics were looked up again.") from error
                raise link.meant(error) from error


def _columns(records: Sequence[Outgoing]) -> list[list[Any]]:
    """The columns of records; one without a key is spread by its id."""
    return [
        [r.topic for r in records],
        [hash_of(r.key if r.key is not None else r.id) for r in records],
        [kept(r.id) for r in records],
        [r.key if r.key is None else kept(r.key) for r in records],
        [r.headers for r in records],
        [r.value for r in records],
    ]
