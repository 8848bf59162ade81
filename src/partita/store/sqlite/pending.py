"""The pending commands on SQLite."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from partita.store.pending import PendingAge, PendingCommand, PendingStatus, Waits
from partita.store.sqlite.ledger import IN_LIST, SqliteLedger

COLUMNS = """reply_to, type, topic, key, headers, value, saga, saga_id, step, business, at_us, state, answer, answered_by,
closed_us"""
ADD = f"INSERT OR REPLACE INTO pending ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
GET = f"SELECT {COLUMNS} FROM pending WHERE reply_to = ?"
ANSWER = "UPDATE pending SET state = 'answered', answer = ?, answered_by = ?, closed_us = ? WHERE reply_to = ?"
OF_SAGAS = f"SELECT {COLUMNS} FROM pending WHERE state = 'open' AND saga <> '' AND saga_id {IN_LIST}"
UNDO = "UPDATE pending SET state = 'undone', closed_us = ? WHERE reply_to = ?"
FIND = f"SELECT {COLUMNS} FROM pending WHERE state = ? ORDER BY at_us, reply_to LIMIT ?"
FIND_OF_KEY = f"""
SELECT {COLUMNS} FROM pending WHERE state = ?1 AND (key = ?2 OR saga_id = ?2 AND saga <> '') ORDER BY at_us, reply_to LIMIT ?3
"""
OF_IDS = f"SELECT {COLUMNS} FROM pending WHERE reply_to {IN_LIST} ORDER BY at_us, reply_to"
AGES = """
SELECT type, saga, step, count(*), min(at_us) FROM pending WHERE state = 'open'
GROUP BY type, saga, step ORDER BY min(at_us), type, saga, step LIMIT ?
"""
STATUS = "SELECT count(*), coalesce(min(at_us), 0) FROM pending WHERE state = 'open'"
PURGE = """
DELETE FROM pending WHERE reply_to IN (
    SELECT reply_to FROM pending WHERE state <> 'open' AND closed_us < ? ORDER BY closed_us LIMIT ?)
"""


class SqlitePending(SqliteLedger):
    """See `partita.store.pending.Pending`."""

    async def add(self, rows: Sequence[PendingCommand]) -> None:
        """Write pending commands."""
        self._db.executemany(ADD, rows)

    async def hold(self, reply_to: str) -> PendingCommand | None:
        """One of them; there is only one writing transaction."""
        row = self._db.execute(GET, (reply_to,)).fetchone()
        return None if row is None else PendingCommand(*row)

    async def answer(self, reply_to: str, answer: bytes, by: str, at_us: int) -> None:
        """Close one with its answer."""
        self._db.execute(ANSWER, (answer, by, at_us, reply_to))

    async def undo(
        self, steps: Sequence[tuple[str, str, str]], at_us: int, but: Collection[str] = ()
    ) -> Sequence[PendingCommand]:
        """Close the open ones of these steps."""
        wanted = set(steps)
        # A saga has few commands that wait, so those of its other steps are filtered out here.
        rows = [PendingCommand(*row) for row in self._rows_of(OF_SAGAS, (), [step[1] for step in steps])]
        found = [row for row in rows if (row.saga, row.saga_id, row.step) in wanted]
        self._db.executemany(UNDO, [(at_us, row.reply_to) for row in found if row.type not in but])
        return found

    async def find(
        self, *, state: Waits = "open", key: str | None = None, limit: int = 100
    ) -> Sequence[PendingCommand]:
        """Those in a state, the oldest first."""
        if key is None:
            return [PendingCommand(*row) for row in self._db.execute(FIND, (state, limit))]
        return [PendingCommand(*row) for row in self._db.execute(FIND_OF_KEY, (state, key, limit))]

    async def of_ids(self, ids: Sequence[str]) -> Sequence[PendingCommand]:
        """Those of these that are kept."""
        return [PendingCommand(*row) for row in self._rows_of(OF_IDS, (), ids)] if ids else []

    async def of_sagas(self, saga_ids: Sequence[str]) -> Sequence[PendingCommand]:
        """The open ones of saga instances."""
        return [PendingCommand(*row) for row in self._rows_of(OF_SAGAS, (), saga_ids)] if saga_ids else []

    async def ages(self, limit: int = 1_000) -> Sequence[PendingAge]:
        """The open ones by type and step."""
        return [PendingAge(*row) for row in self._db.execute(AGES, (limit,))]

    async def status(self) -> PendingStatus:
        """The number of open ones, and the oldest."""
        return PendingStatus(*self._db.execute(STATUS).fetchone())

    async def purge(self, before_us: int, limit: int) -> int:
        """Delete old ones that are closed."""
        return self._db.execute(PURGE, (before_us, limit)).rowcount
