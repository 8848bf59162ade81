"""`SqliteOwnTables`: the tables of a service's own, made and migrated in its file."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from partita.clock import Clock
from partita.databases.sqlite.file import SqliteFile, statements_of, translate
from partita.migrations.own_tables import TEXT, MigrationFile, OwnTables, Record, check_statements, tables_refused
from partita.texts.foreign_text import logger

log = logger(__name__)
OWN_MIGRATION = """
-- Which files of the service's own tables were applied; 0 is the text of tables=.
CREATE TABLE own_migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL
);
"""
# They hold the number of the schema and the identity of the file's service.
OF_PARTITA = re.compile(
    r"(?:\s|--[^\n]*\n|/\*.*?\*/)*PRAGMA\s+(?:\w+\.)?(?:user_version|application_id)\s*[=(]", re.I | re.S
)
RECORDS_EXIST = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'own_migration'"
RECORDS = "SELECT number, name, checksum FROM own_migration ORDER BY number"
RECORD = "INSERT INTO own_migration (number, name, checksum, applied_us) VALUES (?, ?, ?, ?)"
RECORD_TEXT = f"{RECORD} ON CONFLICT (number) DO NOTHING"
TAKE_TEXT = "UPDATE own_migration SET checksum = ?, applied_us = ? WHERE number = ? AND checksum <> ?"


class SqliteOwnTables:
    """Works on an open file. Each numbered file commits by itself, with its record."""

    def __init__(self, file: SqliteFile, own: OwnTables, clock: Clock) -> None:
        self._file = file
        self._own = own
        self._clock = clock
        self._where = str(file.path)

    async def upgrade(self, *, take_text: bool = False) -> list[int]:
        """Run the text, or the files that the database lacks, and return their numbers. A text that was changed since its
        first run is reported until `take_text` records it again.

        Raises:
            DeclarationError: the database refuses a statement; nothing of its file is kept.
            StoreMismatch: a file was changed after it was applied. StoreUnavailable: the file cannot be written now.
        """
        done: list[int] = []
        if self._own.text:
            await self._run_text(take_text)
        elif self._own.files:
            more = await self._advance()
            while more is not None:  # each commits by itself: after a kill the next start continues where it was
                done.append(more)
                more = await self._advance()
            await self.check()
        return done

    async def check(self) -> None:
        """Refuse a database that lacks files, and report a database that is newer or was made by another text.

        Raises:
            MigrationPending: it lacks files. StoreMismatch: a file was changed after it was applied.
        """
        if self._own.text or self._own.files:
            async with self._file.reading() as db:
                applied = records(db)
            self._report(applied)
            self._own.refuse_pending(self._where, applied)

    async def _run_text(self, take: bool) -> None:
        async with self._file.writing() as db:
            make_tables(db, self._file.path, self._own.service, self._own.text)
            checksum, now_us = self._own.text_checksum, self._clock.now_us()
            db.execute(RECORD_TEXT, (TEXT, "tables=", checksum, now_us))
            applied = records(db)
            if take:
                db.execute(TAKE_TEXT, (checksum, now_us, TEXT, checksum))
        self._report(applied)

    async def _advance(self) -> int | None:
        async with self._file.reading() as db:
            if not self._own.pending(self._where, records(db)):
                return None
        async with self._file.writing() as db:
            # Checked again: another process may have applied it meanwhile.
            pending = self._own.pending(self._where, records(db))
            if not pending:
                return None
            file: MigrationFile = pending[0]
            make_tables(db, self._file.path, self._own.service, file.sql, file.name)
            db.execute(RECORD, (file.number, file.name, file.checksum, self._clock.now_us()))
        return file.number

    def _report(self, applied: list[Record]) -> None:
        said = self._own.told(self._where, applied)
        if said:
            log.warning("%s", said)


def records(db: sqlite3.Connection) -> list[Record]:
    """A file's own records of applied files; none where Partita's tables are missing."""
    if db.execute(RECORDS_EXIST).fetchone() is None:
        return []
    return [Record(*row) for row in db.execute(RECORDS)]


def make_tables(db: sqlite3.Connection, path: Path, service: str, script: str, file: str = "") -> None:
    """Run a script statement by statement, in the caller's transaction; `file` names it in errors.

    Raises:
        DeclarationError: the database refuses a statement. StoreUnavailable: the file cannot be written now.
    """
    statements = statements_of(script)
    check_statements(service, statements, file)
    for statement in statements:
        if OF_PARTITA.match(statement):
            raise tables_refused(service, statement, "that number of the file is Partita's", file)
        try:
            db.execute(statement)
        except sqlite3.Error as error:
            raise translate(error, path) or tables_refused(service, statement, error, file) from error
