"""`PostgresOwnTables`: the tables of a service's own, made and migrated in its schema."""

from __future__ import annotations

from functools import partial

import asyncpg

from partita.databases.postgres.asking import Link
from partita.databases.postgres.database import Database
from partita.databases.postgres.lock_waits import LOCK
from partita.databases.postgres.naming import quoted
from partita.databases.postgres.statements import statements_of
from partita.databases.postgres.versions import NOTICE_THE_DEAD
from partita.migrations.own_tables import TEXT, MigrationFile, OwnTables, Record, check_statements, tables_refused
from partita.texts.cause import without_rows
from partita.texts.foreign_text import logger

log = logger(__name__)
OWN_MIGRATION = """
-- Which files of the service's own tables were applied; 0 is the text of tables=.
CREATE TABLE own_migration (
    number BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
"""
RECORDS_EXIST = "SELECT 1 WHERE to_regclass($1) IS NOT NULL"
RECORDS = "SELECT number, name, checksum FROM {table} ORDER BY number"
RECORD = "INSERT INTO {table} (number, name, checksum) VALUES ($1, $2, $3)"
RECORD_TEXT = f"{RECORD} ON CONFLICT (number) DO NOTHING"
TAKE_TEXT = (
    "UPDATE {table} SET checksum = $1, applied_at = clock_timestamp() WHERE number = " + f"{TEXT} AND checksum <> $1"
)
# A deferred constraint would fail at the commit, where its statement is no longer known.
CONSTRAINTS = "SET CONSTRAINTS ALL IMMEDIATE"
# A script may set a search path or a role (one of pg_dump does), and other work uses the connection afterwards.
RESET = "RESET ROLE; RESET ALL"


class PostgresOwnTables:
    """Works on an open database. Each numbered file commits by itself, with its record."""

    def __init__(self, database: Database, own: OwnTables) -> None:
        self._database = database
        self._own = own
        self._where = database.where
        self._table = table_of(database.schema)

    async def upgrade(self, *, take_text: bool = False) -> list[int]:
        """Run the text, or the files that the schema lacks, and return their numbers. A text that was changed since its first
        run is reported until `take_text` records it again.

        Raises:
            DeclarationError: the database refuses a statement; nothing of its file is kept.
            StoreMismatch: a file was changed after it was applied. StoreUnavailable: others were in the way for too long.
        """
        done: list[int] = []
        if self._own.text:
            self._report(
                await self._database.changing("making the service's own tables", partial(self._text, take_text))
            )
        elif self._own.files:
            pending = self._own.pending(self._where, await self.records())
            more = await self._next(pending[0]) if pending else None
            while more is not None:  # each commits by itself: after a kill the next start continues where it was
                done.append(more.number)
                more = await self._next(self._own.files[more.number]) if more.number < len(self._own.files) else None
            await self.check()
        return done

    async def check(self) -> None:
        """Refuse a schema that lacks files, and report a schema that is newer or was made by another text.

        Raises:
            MigrationPending: it lacks files. StoreMismatch: a file was changed after it was applied.
        """
        if self._own.text or self._own.files:
            applied = await self.records()
            self._report(applied)
            self._own.refuse_pending(self._where, applied)

    async def records(self) -> list[Record]:
        """The schema's own records of applied files."""
        async with self._database.reading() as link:
            return await records(link, self._database.schema)

    async def _next(self, file: MigrationFile) -> MigrationFile | None:
        return await self._database.changing(f"migration {file.name}", self._advance)

    async def _advance(self, link: Link) -> MigrationFile | None:
        await link.rows(LOCK, f"partita/{self._database.schema}")
        # Checked under the lock: another process may have applied it meanwhile.
        pending = self._own.pending(self._where, await records(link, self._database.schema))
        if not pending:
            return None
        file = pending[0]
        await link.rows(NOTICE_THE_DEAD)
        await self._run(link, file.sql, file.name)
        await link.run(RECORD.format(table=self._table), file.number, file.name, file.checksum)
        return file

    async def _text(self, take: bool, link: Link) -> list[Record]:
        # IF NOT EXISTS does not see an object that another process is creating now.
        await link.rows(LOCK, f"partita/{self._database.schema}")
        await self._run(link, self._own.text)
        checksum = self._own.text_checksum
        await link.run(RECORD_TEXT.format(table=self._table), TEXT, "tables=", checksum)
        applied = await records(link, self._database.schema)
        if take:
            await link.run(TAKE_TEXT.format(table=self._table), checksum)
        return applied

    async def _run(self, link: Link, script: str, file: str = "") -> None:
        await make_tables(link, self._own.service, script, file)
        await link.run(RESET)

    def _report(self, applied: list[Record]) -> None:
        said = self._own.told(self._where, applied)
        if said:
            log.warning("%s", said)


def table_of(schema: str) -> str:
    """The table of the records, whatever the search path is."""
    return f"{quoted(schema)}.own_migration"


async def records(link: Link, schema: str) -> list[Record]:
    """A schema's own records of applied files; none where Partita's tables are missing."""
    table = table_of(schema)
    if await link.row(RECORDS_EXIST, table) is None:
        return []
    return [Record(*row) for row in await link.rows(RECORDS.format(table=table))]


async def make_tables(link: Link, service: str, script: str, file: str = "") -> None:
    """Run a script statement by statement, in the caller's transaction; `file` names it in errors.

    Raises:
        DeclarationError: the database refuses a statement. StoreUnavailable: it cannot be written now.
    """
    statements = statements_of(script)
    check_statements(service, statements, file)
    for statement in [*statements, CONSTRAINTS]:
        try:
            await link.run(statement)
        except asyncpg.PostgresError as error:
            raise tables_refused(service, statement, without_rows(str(error)), file) from error
