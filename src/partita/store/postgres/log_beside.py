"""The log in a store's own database, as the store knows it: whether there is one, and what this user may do there."""

from __future__ import annotations

from dataclasses import dataclass, field

from partita.databases.log_tables import LogTables
from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database
from partita.databases.postgres.log_tables import is_readable, is_writable
from partita.store.postgres.outbox_columns import OUTSIDE
from partita.store.postgres.within import Within
from partita.store.postgres.written import Written

IS_READ_OUTSIDE = f"SELECT 1 FROM partita_meta WHERE name = '{OUTSIDE}'"


@dataclass(slots=True)
class LogBeside:
    """The log beside the tables of a service. `joined`: the app's bus is this log, so messages go there with the commit that
    caused them; `readable`: rows are there that were written so, now or when it was the bus."""

    service: str
    readable: bool = False
    joined: bool = False
    topics: set[str] = field(default_factory=set)

    async def look(self, link: Link) -> None:
        """Find out whether there is one."""
        self.readable = await is_readable(link)

    async def join(self, database: Database, log: LogTables | None, number: int) -> bool:
        """Join this log if it is the one in this database. `number` is one of which no other process makes use.

        An outbox that another program reads is not joined: that program would not get the messages.
        """
        self.joined = False
        self.topics.clear()
        if log is not None:
            async with log.shown(number), database.reading() as link:
                await self.look(link)
                mine = await is_writable(link, number)
                self.joined = mine and await link.row(IS_READ_OUTSIDE) is None
        return self.joined

    def within(self, link: Link) -> Within | None:
        """The part of a transaction that goes into the log."""
        return Within(link, self.service, self.topics) if self.joined else None

    def written(self, link: Link) -> Written:
        """The messages of the service, for people."""
        return Written(link, self.service, in_log=self.readable)
