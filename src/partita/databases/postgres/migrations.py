"""The migrations of a PostgreSQL schema, checked and applied beside the processes that use it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database, PoolOptions
from partita.databases.postgres.lock_waits import LOCK
from partita.databases.postgres.naming import quoted
from partita.databases.postgres.shape import shape_of
from partita.databases.postgres.tables import PostgresOwnTables, make_tables
from partita.databases.postgres.versions import LOCK_TIMEOUT, META, MigratedSchema, advance, applied
from partita.errors import NotFound
from partita.machine.port import Machine
from partita.migrations.migration import MIGRATE, WAIT_S, Deviation, Shape, Standing, deviations, ended
from partita.migrations.own_tables import OwnTables

SCRATCH = "partita_check"


class Switched(NamedTuple):
    """The extra parts of a schema in another mode of use: `script` makes them, and `asked` returns a row where they must
    exist."""

    asked: str
    script: str


class _Undone(Exception):
    """Leaves a transaction so that nothing of it stays."""


class PostgresMigrations:
    """See `partita.migrations.migration.Migrations`. `tables` is the script of the service's own tables."""

    def __init__(
        self,
        url: str,
        machine: Machine,
        service: str,
        migrations: Sequence[str],
        tables: str = "",
        switched: Switched | None = None,
    ) -> None:
        self._database = Database(url, service, machine.clock)
        self._database.options = unhurried(self._database.options)
        self._place = MigratedSchema(self._database.schema, self._database.where, migrations)
        self._service, self._tables = service, tables.strip()
        self._switched = switched
        self.where = self._database.where

    async def standing(self) -> Standing:
        """The schema's version; nothing is created."""
        async with self._opened(), self._database.reading() as link:
            return Standing(await applied(link, self._place) or 0, len(self._place.migrations))

    def script(self, applied: int) -> str:
        """For `psql -v ON_ERROR_STOP=1`: one transaction for each migration, as `upgrade` would run it."""
        schema, begin = quoted(self._place.schema), beginning(self._place.schema)
        parts = []
        for number, script in enumerate(self._place.migrations[applied:], start=applied + 1):
            first = f"CREATE SCHEMA IF NOT EXISTS {schema};{META}" if number == 1 else ""
            # The number is a key: a script that is run twice ends here, and its transaction with it.
            last = f"INSERT INTO partita_migration (number) VALUES ({number});\nCOMMIT;\n"
            parts.append(f"{begin}{first}{ended(script)}\n{last}")
        if parts and self._tables:
            parts.append(f"-- the service's own tables\n{begin}{ended(self._tables)}\nCOMMIT;\n")
        return "\n".join(parts)

    async def upgrade(self, wait_s: float = WAIT_S) -> Sequence[int]:
        """Apply the pending migrations, under the schema's lock."""
        done: list[int] = []
        self._database.wait_s = wait_s
        async with self._opened():
            more: int | None = 0
            while more is not None:
                more = await self._database.changing("the next migration", lambda link: advance(link, self._place))
                done += [] if more is None else [more]
            own = OwnTables(self._service, text=self._tables)
            await PostgresOwnTables(self._database, own).upgrade(take_text=True)
        return done

    async def check(self) -> Sequence[Deviation]:
        """Compare the schema with one that the migrations make beside it, in a transaction that is rolled back."""
        async with self._opened():
            async with self._database.reading() as link:
                if not await applied(link, self._place):
                    raise NotFound(f"{self.where}: it does not exist yet.", hint=MIGRATE)
                found = await shape_of(link, self._place.schema)
                switched = self._switched is not None and await link.row(self._switched.asked) is not None
            expected: Shape = {}
            own: Shape = {}
            with contextlib.suppress(_Undone):
                async with self._database.writing() as link:
                    expected, own = await self._made(link, switched)
                    raise _Undone
        missing = [d for d in deviations(own, found) if d.found == "missing"]
        return [*deviations(expected, found), *missing]

    async def _made(self, link: Link, switched: bool) -> tuple[Shape, Shape]:
        """The parts that the migrations make, and by name those of the service's own script: a service may change these."""
        await link.rows(LOCK, f"partita/{SCRATCH}")
        await link.run(f"CREATE SCHEMA {SCRATCH}; SET LOCAL search_path TO {SCRATCH}, public; {META}")
        for script in self._place.migrations:
            await link.run(script)
        if self._switched is not None and switched:
            await link.run(self._switched.script)
        expected = await shape_of(link, SCRATCH)
        if self._tables:
            await make_tables(link, self._service, self._tables)
        return expected, {name: {} for name in sorted((await shape_of(link, SCRATCH)).keys() - expected.keys())}

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        await self._database.open_pool()
        try:
            yield
        finally:
            await self._database.close()


def unhurried(options: PoolOptions) -> PoolOptions:
    """Connect without time limits for a migration, and without a session of its own."""
    return options._replace(pool_max=1, statement_cache_size=0, command_timeout_s=None)


def beginning(schema: str) -> str:
    """The beginning of a transaction that changes a schema, in a script for people."""
    lock = LOCK.replace("$1", text_of(f"partita/{schema}"))
    return f"BEGIN;\n{lock};\nSET LOCAL search_path TO {quoted(schema)}, public;\n{LOCK_TIMEOUT};\n"


def text_of(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
