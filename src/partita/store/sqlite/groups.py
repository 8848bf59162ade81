"""Settings of groups and the states that their members report, on SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partita.store.groups import Said
from partita.store.sqlite.ledger import SqliteLedger

PAUSE = """
INSERT INTO group_pause (consumer, reason, at_us) VALUES (?, ?, ?)
ON CONFLICT (consumer) DO UPDATE SET reason = excluded.reason
"""
RESUME = "DELETE FROM group_pause WHERE consumer = ?"
PAUSED = "SELECT reason, at_us FROM group_pause WHERE consumer = ?"
SAY = """
INSERT INTO group_said (consumer, member, what, subject, detail, at_us) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (consumer, member, what, subject) DO UPDATE SET detail = excluded.detail
"""
UNSAY = "DELETE FROM group_said WHERE consumer = ? AND member = ? AND what = ? AND subject = ?"
SAID = "SELECT consumer, member, what, subject, detail, at_us FROM group_said WHERE consumer = ? ORDER BY at_us"
KEPT = "SELECT name, value FROM group_kept WHERE consumer = ?"
KEEP = """
INSERT INTO group_kept (consumer, name, value) VALUES (?, ?, ?)
ON CONFLICT (consumer, name) DO UPDATE SET value = excluded.value
"""
ALARMS = "SELECT fingerprint, name, service, severity, summary, hint, since_us, told_us FROM alarm"
KEEP_ALARM = """
INSERT INTO alarm (fingerprint, name, service, severity, summary, hint, since_us, told_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


class SqliteGroups(SqliteLedger):
    """See `partita.store.groups.Groups`."""

    async def pause(self, consumer: str, reason: str, at_us: int) -> None:
        """The group handles nothing until it is resumed."""
        self._db.execute(PAUSE, (consumer, reason, at_us))

    async def resume(self, consumer: str) -> bool:
        """Resume the group."""
        return self._db.execute(RESUME, (consumer,)).rowcount > 0

    async def paused(self, consumer: str) -> tuple[str, int] | None:
        """Why the group is paused and since when."""
        row = self._db.execute(PAUSED, (consumer,)).fetchone()
        return None if row is None else (row[0], row[1])

    async def say(self, said: Said) -> None:
        """Store a state that a member reports."""
        self._db.execute(SAY, said)

    async def unsay(self, consumer: str, member: str, what: str, subject: str) -> None:
        """Delete it: the state is over."""
        self._db.execute(UNSAY, (consumer, member, what, subject))

    async def said(self, consumer: str) -> Sequence[Said]:
        """The states that the members report."""
        return [Said(*row) for row in self._db.execute(SAID, (consumer,))]

    async def kept(self, consumer: str) -> Mapping[str, str]:
        """The values kept of the group."""
        return {row[0]: row[1] for row in self._db.execute(KEPT, (consumer,))}

    async def keep(self, consumer: str, values: Mapping[str, str]) -> None:
        """Keep these values."""
        self._db.executemany(KEEP, [(consumer, *each) for each in values.items()])

    async def alarms(self) -> Sequence[tuple[Any, ...]]:
        """The alarms as last kept."""
        return list(self._db.execute(ALARMS))

    async def keep_alarms(self, alarms: Sequence[tuple[Any, ...]]) -> None:
        """Keep these alarms and no others."""
        self._db.execute("DELETE FROM alarm")
        self._db.executemany(KEEP_ALARM, alarms)
