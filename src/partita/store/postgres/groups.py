"""Settings of groups and the states that their members report, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partita.databases.postgres.arrays import columns, unnest
from partita.store.groups import Said
from partita.store.postgres.ledger import PostgresLedger

PAUSE = """
INSERT INTO group_pause (consumer, reason, at_us) VALUES ($1, $2, $3)
ON CONFLICT (consumer) DO UPDATE SET reason = excluded.reason
"""
RESUME = "DELETE FROM group_pause WHERE consumer = $1"
PAUSED = "SELECT reason, at_us FROM group_pause WHERE consumer = $1"
SAY = """
INSERT INTO group_said (consumer, member, what, subject, detail, at_us) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (consumer, member, what, subject) DO UPDATE SET detail = excluded.detail
"""
UNSAY = "DELETE FROM group_said WHERE consumer = $1 AND member = $2 AND what = $3 AND subject = $4"
SAID = "SELECT consumer, member, what, subject, detail, at_us FROM group_said WHERE consumer = $1 ORDER BY at_us"
KEPT = "SELECT name, value FROM group_kept WHERE consumer = $1"
KEEP = """
INSERT INTO group_kept (consumer, name, value) VALUES ($1, $2, $3)
ON CONFLICT (consumer, name) DO UPDATE SET value = excluded.value
"""
ALARM = {
    "fingerprint": "text",
    "name": "text",
    "service": "text",
    "severity": "text",
    "summary": "text",
    "hint": "text",
    "since_us": "bigint",
    "told_us": "bigint",
}
ALARMS = f"SELECT {', '.join(ALARM)} FROM alarm"
KEEP_ALARMS = f"INSERT INTO alarm ({', '.join(ALARM)}) SELECT {', '.join(ALARM)} FROM {unnest(**ALARM)} ORDER BY ord"


class PostgresGroups(PostgresLedger):
    """See `partita.store.groups.Groups`."""

    async def pause(self, consumer: str, reason: str, at_us: int) -> None:
        """The group handles nothing until it is resumed."""
        await self._link.run(PAUSE, consumer, reason, at_us)

    async def resume(self, consumer: str) -> bool:
        """Resume the group."""
        return await self._link.run(RESUME, consumer) > 0

    async def paused(self, consumer: str) -> tuple[str, int] | None:
        """Why the group is paused and since when."""
        row = await self._link.row(PAUSED, consumer)
        return None if row is None else (row[0], row[1])

    async def say(self, said: Said) -> None:
        """Store a state that a member reports."""
        await self._link.run(SAY, *said)

    async def unsay(self, consumer: str, member: str, what: str, subject: str) -> None:
        """Delete it: the state is over."""
        await self._link.run(UNSAY, consumer, member, what, subject)

    async def said(self, consumer: str) -> Sequence[Said]:
        """The states that the members report."""
        return [Said(*row) for row in await self._link.rows(SAID, consumer)]

    async def kept(self, consumer: str) -> Mapping[str, str]:
        """The values kept of the group."""
        return {row[0]: row[1] for row in await self._link.rows(KEPT, consumer)}

    async def keep(self, consumer: str, values: Mapping[str, str]) -> None:
        """Keep these values."""
        for name, value in sorted(values.items()):
            await self._link.run(KEEP, consumer, name, value)

    async def alarms(self) -> Sequence[tuple[Any, ...]]:
        """The alarms as last kept."""
        return await self._link.rows(ALARMS)

    async def keep_alarms(self, alarms: Sequence[tuple[Any, ...]]) -> None:
        """Keep these alarms and no others."""
        # Two writers at once would each insert the other's alarms: writers run one after the other, readers are not held up.
        await self._link.run("LOCK TABLE alarm IN SHARE ROW EXCLUSIVE MODE")
        await self._link.run("DELETE FROM alarm")
        if alarms:
            await self._link.run(KEEP_ALARMS, *columns(alarms))
