"""Outboxes that a logical replication slot reads, in place of the relays.

The switch is a trigger on each queue that rejects every row. Creating it locks the queue against writers, so the switch
falls between two transactions of a key, never between a row and its queue entry; a writer of rows needs no change.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from partita.databases.postgres.asking import ERRORS, Link, meaning
from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import WRITERS, Holder, Waiting, patiently
from partita.databases.postgres.migrations import Switched
from partita.databases.postgres.naming import quoted
from partita.errors import Conflict, SettingsError, StoreContended
from partita.machine.port import Machine
from partita.migrations.migration import WAIT_S
from partita.store.handover import Address, Position
from partita.store.postgres.outbox import HELD
from partita.store.postgres.outbox_columns import OUTSIDE
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
# While the relays wait for the reader to come back, rows are already queued again.
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
    def place(self) -> Address:
        """The address of the outboxes."""
        parts = urlsplit(self._databases[0].url)
        schemas = tuple(database.schema for database in self._databases)
        return Address(parts.hostname or "localhost", parts.port or 5432, unquote(parts.path.strip("/")), schemas)

    async def open(self) -> None:
        """Connect to the services' schemas."""
        for database in self._databases:
            await database.open(MIGRATIONS)

    async def close(self) -> None:
        """Disconnect."""
        for database in self._databases:
            await database.close()

    async def prepare(self) -> None:
        """Create the publication first: a slot decodes each change by the publication as it was at that change."""
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
                    hint="partita outbox list; then outbox retry. Rows read by another program would overtake them.",
                )
        await self._autocommit(functools.partial(self._publish, version=version))
        if await self.position() is None:
            await self._autocommit(self._make_slot)

    async def hand_over(self) -> None:
        """Create the triggers; if a transaction does not end in time, that schema is left unchanged."""
        for database in self._databases:
            await database.changing("handing its outbox over", functools.partial(self._hand_over, database.where))

    async def _hand_over(self, where: str, link: Link) -> None:
        await link.run(HAND_OVER)
        if await link.row(REMEMBERED, HELD) is not None:
            raise Conflict(
                f"{where}: the outbox was taken back, and its reader has not yet read its rows; the relays would overtake those.",
                hint="Finish it first: partita outbox take-back, or take-back --without-reader.",
            )
        await link.run(REMEMBER, OUTSIDE, self.slot)

    async def hold(self) -> int:
        """Drop the triggers; from the same commit on the relays skip the queues."""

        async def held(link: Link) -> None:
            await link.run(TAKE_BACK)
            await link.run(REMEMBER, HELD, "yes")

        for database in self._databases:
            await database.changing("taking its outbox back", held)
        async with self._databases[0].reading() as link:
            return int((await link.rows(WRITTEN))[0][0])

    async def queue_all(self) -> int:
        """Queue every kept row again."""

        async def queued(link: Link) -> int:
            return await link.run(QUEUE_ALL)

        return sum([await database.changing("queueing the rows of its outbox", queued) for database in self._databases])

    async def release(self) -> None:
        """Let the relays continue; rows that the reader still reads are copies from here on."""

        async def released(link: Link) -> None:
            await link.run(FORGET, HELD)
            await link.run(FORGET, OUTSIDE)

        for database in self._databases:
            await database.changing("letting its relays go on", released)

    async def position(self) -> Position | None:
        """The reader's progress."""
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
        """Publish the inserts of each outbox: the janitor's deletes are no messages. Rows that need not be sent are left out
        where the server can filter."""
        which = " WHERE (slot >= 0)" if version >= ROW_FILTERS_SINCE else ""
        shown = {row[0] for row in await connection.fetch(SHOWN, self.slot)}
        new = [f"{quoted(d.schema)}.outbox{which}" for d in self._databases if d.schema not in shown]
        name = quoted(self.slot)
        if not await connection.fetchval(PUBLISHED, self.slot):
            await connection.execute(f"CREATE PUBLICATION {name} FOR TABLE {', '.join(new)} WITH (publish = 'insert')")
        elif new:
            await connection.execute(f"ALTER PUBLICATION {name} ADD TABLE {', '.join(new)}")

    async def _make_slot(self, connection: Any) -> None:
        """Create the slot; the server waits for every open transaction that has written, in any database."""

        async def find_holders() -> list[Holder]:
            return [Holder(*row) for row in await connection.fetch(WRITERS)]

        async def attempt(moment: str) -> None:
            await connection.execute(f"SET lock_timeout TO '{moment}'")
            try:
                await connection.execute(MAKE_SLOT, self.slot)
            except asyncpg.LockNotAvailableError as error:
                raise StoreContended(f"{first.where}: {error}.") from error

        first = self._databases[0]
        await patiently(
            self._clock, Waiting(f"making the slot {self.slot}", first.where, find_holders, first.wait_s), attempt
        )

    async def _drop(self, connection: Any) -> None:
        await connection.execute(DROP_SLOT, self.slot)
        await connection.execute(f"DROP PUBLICATION IF EXISTS {quoted(self.slot)}")

    async def _autocommit(self, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        """Run outside a transaction: slots cannot be made or dropped in one that has written."""
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
