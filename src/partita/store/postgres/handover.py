"""Outboxes that a logical replication slot is the reader of, in place of the relays.

The switch is a trigger on each queue that lets no row in. To create it the queue is locked against writers, so it
falls between two transactions of a key, never between a row and its queueing; who writes a row needs to know nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from partita.databases.postgres.asking import ERRORS, Link, meaning
from partita.databases.postgres.database import Database
from partita.databases.postgres.migrations import Switched
from partita.databases.postgres.naming import quoted
from partita.databases.postgres.patience import WRITERS, Holder, Waiting, patiently
from partita.errors import Conflict, SettingsError, StoreContended
from partita.machine.port import Machine
from partita.migration import WAIT_S
from partita.store.handover import Place, Position
from partita.store.postgres.outbox import HELD, OUTSIDE
from partita.store.postgres.schema import MIGRATIONS

HAND_OVER = """
CREATE OR REPLACE FUNCTION outbox_is_read_outside() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER outbox_is_read_outside BEFORE INSERT ON outbox_queue
    FOR EACH ROW EXECUTE FUNCTION outbox_is_read_outside();
"""
# While the relays wait for the reader to come back, rows are queued already.
IS_HANDED_OVER = f"""
SELECT 1 FROM partita_meta WHERE name = '{OUTSIDE}' AND NOT EXISTS (SELECT 1 FROM partita_meta WHERE name = '{HELD}')
"""
SWITCHED = Switched(IS_HANDED_OVER, HAND_OVER)
TAKE_BACK = "DROP TRIGGER IF EXISTS outbox_is_read_outside ON outbox_queue"
REMEMBER = "INSERT INTO partita_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2"
REMEMBERED = "SELECT value FROM partita_meta WHERE name = $1"
FORGET = "DELETE FROM partita_meta WHERE name = $1"
QUEUE_ALL = "INSERT INTO outbox_queue SELECT slot, seq FROM outbox WHERE slot >= 0 ON CONFLICT DO NOTHING"
REFUSED = "SELECT count(*) FROM outbox_parked"
WAL_LEVEL = "SELECT current_setting('wal_level'), current_setting('server_version_num')::int"
SHOWN = "SELECT schemaname FROM pg_publication_tables WHERE pubname = $1"
PUBLISHED = "SELECT count(*) FROM pg_publication WHERE pubname = $1"
MAKE_SLOT = "SELECT pg_create_logical_replication_slot($1, 'pgoutput')"
DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1"
POSITION = """
SELECT active, coalesce(pg_wal_lsn_diff(confirmed_flush_lsn, '0/0'), 0)::bigint,
       pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint
FROM pg_replication_slots WHERE slot_name = $1
"""
WRITTEN = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
ROW_FILTERS_SINCE = 150_000


class PostgresHandover:
    """See `partita.store.handover.Handover`. The slot and its publication have one name, and belong to the database."""

    def __init__(self, url: str, machine: Machine, services: Sequence[str], slot: str, wait_s: float = WAIT_S) -> None:
        self.slot = slot
        self._clock = machine.clock
        self._url = url
        self._databases = [Database(url, service, machine.clock, create=False) for service in services]
        for database in self._databases:
            database.wait_s = wait_s

    @property
    def place(self) -> Place:
        """Where the outboxes are."""
        parts = urlsplit(self._databases[0].url)
        schemas = tuple(database.schema for database in self._databases)
        return Place(parts.hostname or "localhost", parts.port or 5432, unquote(parts.path.strip("/")), schemas)

    async def open(self) -> None:
        """Connect to the services' schemas."""
        for database in self._databases:
            await database.open(MIGRATIONS)

    async def close(self) -> None:
        """Disconnect."""
        for database in self._databases:
            await database.close()

    async def prepare(self) -> None:
        """The publication first: a slot decodes what it was there for, as it was then."""
        async with self._databases[0].reading() as link:
            level, version = (await link.rows(WAL_LEVEL))[0]
        if level != "logical":
            raise SettingsError(
                f"{self._databases[0].where}: wal_level is {level}; a slot needs logical.",
                hint="ALTER SYSTEM SET wal_level = logical; then restart the server.",
            )
        for database in self._databases:
            async with database.reading() as link:
                refused = (await link.rows(REFUSED))[0][0]
            if refused:
                raise Conflict(
                    f"{database.where}: the bus refused {refused} rows; later ones of their keys wait behind them.",
                    hint="partita outbox list; then outbox retry. What is handed over would pass them.",
                )
        await self._autocommit(functools.partial(self._publish, version=version))
        if await self.position() is None:
            await self._autocommit(self._make_slot)

    async def hand_over(self) -> None:
        """Create the triggers; where a transaction does not end in time nothing is changed in that schema."""
        for database in self._databases:
            await database.changing("handing its outbox over", functools.partial(self._hand_over, database.where))

    async def _hand_over(self, where: str, link: Link) -> None:
        await link.run(HAND_OVER)
        if await link.row(REMEMBERED, HELD) is not None:
            raise Conflict(
                f"{where}: its reader has still to read what is its own, since it was taken back; the relays would pass that.",
                hint="Finish it first: partita outbox take-back, or take-back --without-reader.",
            )
        await link.run(REMEMBER, OUTSIDE, self.slot)

    async def hold(self) -> int:
        """Drop the triggers; from the same commit on the relays pass over the queues."""

        async def held(link: Link) -> None:
            await link.run(TAKE_BACK)
            await link.run(REMEMBER, HELD, "yes")

        for database in self._databases:
            await database.changing("taking its outbox back", held)
        async with self._databases[0].reading() as link:
            return int((await link.rows(WRITTEN))[0][0])

    async def queue_all(self) -> int:
        """Queue every row that is still kept."""

        async def queued(link: Link) -> int:
            return await link.run(QUEUE_ALL)

        return sum([await database.changing("queueing the rows of its outbox", queued) for database in self._databases])

    async def release(self) -> None:
        """The relays go on; what a reader still reads are copies from here on."""

        async def released(link: Link) -> None:
            await link.run(FORGET, HELD)
            await link.run(FORGET, OUTSIDE)

        for database in self._databases:
            await database.changing("letting its relays go on", released)

    async def position(self) -> Position | None:
        """How far the reader is."""
        async with self._databases[0].reading() as link:
            rows = await link.rows(POSITION, self.slot)
        return Position(*rows[0]) if rows else None

    async def forget(self) -> None:
        """Drop the slot and its publication."""
        found = await self.position()
        if found is not None and found.active:
            raise Conflict(f"A reader is connected to the slot {self.slot}.", hint="Stop the connector first.")
        await self._autocommit(self._drop)

    async def _publish(self, connection: Any, version: int) -> None:
        """Show the inserts of each outbox to who reads the slot: what the janitor deletes is no message, nor is a row
        that never was to travel, where the server can tell."""
        which = " WHERE (slot >= 0)" if version >= ROW_FILTERS_SINCE else ""
        shown = {row[0] for row in await connection.fetch(SHOWN, self.slot)}
        new = [f"{quoted(d.schema)}.outbox{which}" for d in self._databases if d.schema not in shown]
        name = quoted(self.slot)
        if not await connection.fetchval(PUBLISHED, self.slot):
            await connection.execute(f"CREATE PUBLICATION {name} FOR TABLE {', '.join(new)} WITH (publish = 'insert')")
        elif new:
            await connection.execute(f"ALTER PUBLICATION {name} ADD TABLE {', '.join(new)}")

    async def _make_slot(self, connection: Any) -> None:
        """The server waits for every transaction that has written and is open, in whatever database."""

        async def look() -> list[Holder]:
            return [Holder(*row) for row in await connection.fetch(WRITERS)]

        async def attempt(moment: str) -> None:
            await connection.execute(f"SET lock_timeout TO '{moment}'")
            try:
                await connection.execute(MAKE_SLOT, self.slot)
            except asyncpg.LockNotAvailableError as error:
                raise StoreContended(f"{first.where}: {error}.") from error

        first = self._databases[0]
        await patiently(self._clock, Waiting(f"making the slot {self.slot}", first.where, look, first.wait_s), attempt)

    async def _drop(self, connection: Any) -> None:
        await connection.execute(DROP_SLOT, self.slot)
        await connection.execute(f"DROP PUBLICATION IF EXISTS {quoted(self.slot)}")

    async def _autocommit(self, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """Slots are made and dropped outside a transaction that has written."""
        connection = await self._databases[0].connect()
        where = self._databases[0].where
        try:
            await work(connection)
        except asyncpg.InsufficientPrivilegeError as error:
            raise SettingsError(
                f"{where}: this user may not do that ({error}).",
                hint="ALTER ROLE ... REPLICATION; GRANT CREATE ON DATABASE ...; or let an administrator run this.",
            ) from error
        except ERRORS as error:
            raise meaning(error, where) or error from error
        finally:
            await connection.close()
