"""`OwnTables`: a service's declaration of its own tables, the text of `tables=` or a folder of numbered SQL files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from partita.errors import DeclarationError, MigrationPending, StoreMismatch
from partita.migrations.migration import MIGRATE, Standing
from partita.texts.users_sql import ends_transaction

DIALECTS = ("sqlite", "postgres")
FILE_NAME = re.compile(
    r"(?P<number>[0-9]{4,9})_(?P<what>[A-Za-z0-9][A-Za-z0-9_-]*)(?:\.(?P<dialect>sqlite|postgres))?\.sql"
)
NAMES = "0001_what.sql, or where the databases differ 0001_what.sqlite.sql and 0001_what.postgres.sql"
STATEMENT_SHOWN = 200
TAKEN = frozenset(
    "alarm audit claim dead_letter failure group_kept group_pause group_said inbox inbox_key key_numbers lease "
    "lease_member operation outbox outbox_parked outbox_queue own_migration parked partita_meta partita_migration pending "
    "saga saga_definition saga_history sequence_base timer_in_hand tombstone tries worker_state".split()
)
"""The tables of Partita itself in the database of a service."""
_ON_TABLE = re.compile(
    r"\b(?:CREATE(?:\s+(?:TEMP|TEMPORARY|UNLOGGED))?|ALTER|DROP)\s+TABLE\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?"
    r"[\"`\[]?(\w+)\b(?!\s*[\"`\]]?\s*\.)",
    re.I,
)
TEXT = 0
"""The number under which the text of `tables=` is recorded: the files of a folder begin with 1."""


class MigrationFile(NamedTuple):
    """One numbered file. Its checksum does not depend on the line ends of the checkout."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The recorded checksum of an applied text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class Record(NamedTuple):
    """A database's record of one applied file."""

    number: int
    name: str
    checksum: str


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """A folder of numbered files: `common` are for every database, the others for one dialect each."""

    path: Path
    count: int
    common: Mapping[int, MigrationFile]
    special: Mapping[str, Mapping[int, MigrationFile]]

    def of(self, dialect: str) -> Sequence[MigrationFile]:
        """The files for "sqlite" or "postgres" in their order.

        Raises:
            DeclarationError: a number has no file for that dialect.
        """
        lacking = self.lacking(dialect)
        if lacking:
            other = next(files[lacking[0]] for files in self.special.values() if lacking[0] in files)
            raise DeclarationError(
                f"{self.path}: {other.name} has no counterpart for {dialect}.",
                hint=f"Write {_counterpart(other.name, dialect)}; if nothing changes there, write a comment: -- nothing",
            )
        files = {**self.common, **self.special[dialect]}
        return tuple(files[number] for number in range(1, self.count + 1))

    def lacking(self, dialect: str) -> list[int]:
        """The numbers without a file for a dialect."""
        held = self.special[dialect].keys() | self.common.keys()
        return [number for number in range(1, self.count + 1) if number not in held]


Tables: TypeAlias = str | MigrationFolder
"""A service's declaration of its own tables: the text of `tables=`, or the folder of `migrations=`."""


def read_folder(path: Path, place: object) -> MigrationFolder:
    """The migrations in a folder. Other files than .sql, and hidden ones, are ignored.

    Raises:
        DeclarationError: there is no file, one cannot be read or is misnamed, a number is missing or used twice,
            or no database has all of them.
    """
    common: dict[int, MigrationFile] = {}
    special: dict[str, dict[int, MigrationFile]] = {dialect: {} for dialect in DIALECTS}
    whats: dict[int, str] = {}
    for name in _names(path, place):
        found = FILE_NAME.fullmatch(name)
        number = int(found["number"]) if found else 0
        if found is None or number == 0:
            raise DeclarationError(f"{place}: {path / name} is not named like a migration.", hint=f"As {NAMES}.")
        files = special[found["dialect"]] if found["dialect"] else common
        twin = _twin(number, found["what"], whats, files, common if found["dialect"] else {})
        if twin:
            raise DeclarationError(
                f"{place}: number {number} is used twice in {path}: {twin}, {name}.",
                hint="Give the next free number to the file that was applied nowhere yet.",
            )
        whats[number] = found["what"]
        files[number] = MigrationFile(number, name, _text(path / name, place))
    count = max(whats)
    gaps = [number for number in range(1, count + 1) if number not in whats]
    if gaps:
        raise DeclarationError(
            f"{place}: number {gaps[0]:04} is missing in {path}, but {count:04} exists.",
            hint="Numbers begin with 0001 and have no gap: a file that was applied somewhere stays in the folder.",
        )
    folder = MigrationFolder(path, count, common, special)
    if all(folder.lacking(dialect) for dialect in DIALECTS):
        folder.of(DIALECTS[0])
    return folder


def _names(path: Path, place: object) -> list[str]:
    try:
        names = sorted(each.name for each in path.iterdir() if each.is_file())
    except OSError as error:
        raise DeclarationError(
            f"{place}: migrations={str(path)!r} cannot be read ({error.strerror}).",
            hint="A folder of files, relative to the file that declares the service; in a wheel, its package data.",
        ) from error
    names = [name for name in names if name.lower().endswith(".sql") and not name.startswith(".")]
    if not names:
        raise DeclarationError(
            f"{place}: there is no SQL file in migrations={str(path)!r}.",
            hint=f"The first one is {NAMES}. In a wheel they are package data.",
        )
    return names


def _twin(
    number: int,
    what: str,
    whats: Mapping[int, str],
    files: Mapping[int, MigrationFile],
    common: Mapping[int, MigrationFile],
) -> str:
    """The earlier file with the same number; empty = none, or the same one for another dialect."""
    held = files.get(number) or common.get(number)
    if held is not None:
        return held.name
    return f"{number:04}_{whats[number]}..." if whats.get(number, what) != what else ""


def _text(path: Path, place: object) -> str:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DeclarationError(f"{place}: {path} cannot be read ({error}).", hint="A text in UTF-8.") from error
    if "\0" in text:
        raise DeclarationError(f"{place}: {path} holds a zero character.", hint="A text in UTF-8.")
    return text


def _counterpart(name: str, dialect: str) -> str:
    return f"{name.split('.')[0]}.{dialect}.sql"


@dataclass(frozen=True, slots=True)
class OwnTables:
    """A service's own tables for one dialect: a text that every start runs, or files that each run once."""

    service: str
    text: str = ""
    files: Sequence[MigrationFile] = ()

    @classmethod
    def of(cls, service: str, tables: Tables, dialect: str) -> OwnTables:
        """The declaration for a dialect.

        Raises:
            DeclarationError: a number has no file for that dialect.
        """
        if isinstance(tables, str):
            return cls(service, text=tables.strip())
        return cls(service, files=tables.of(dialect))

    @property
    def text_checksum(self) -> str:
        """The checksum of the text of `tables=`, whatever its indentation."""
        return hashlib.sha256(" ".join(self.text.split()).encode()).hexdigest()

    def pending(self, where: str, applied: Sequence[Record]) -> Sequence[MigrationFile]:
        """The files that a database lacks, in their order.

        Raises:
            StoreMismatch: a file was changed after it was applied, or an unapplied file comes before an applied one.
        """
        records = {record.number: record for record in applied if record.number != TEXT}
        for file in self.files:
            record = records.get(file.number)
            if record is None and any(number > file.number for number in records):
                raise StoreMismatch(
                    f"{where}: {file.name} was never applied here, but a later one was ({max(records):04}).",
                    hint="Nothing was changed. Give it the next free number, after all applied files.",
                )
            if record is not None and record.checksum != file.checksum:
                raise StoreMismatch(
                    f"{where}: {file.name} is not the file that was applied here as {record.name}: it was changed afterwards.",
                    hint="Nothing was changed. Restore it (git log), and write the change as "
                    f"{max(len(self.files), *records) + 1:04}_what.sql.",
                )
        return [file for file in self.files if file.number not in records]

    def told(self, where: str, applied: Sequence[Record]) -> str:
        """A warning about a database that is not refused; empty = none."""
        newest = max(applied, default=Record(TEXT, "", ""))
        if newest.number > len(self.files):
            return (
                f"{where}: its own tables are newer than this version of {self.service}: {newest.name} was applied, this "
                f"version knows {len(self.files)} migrations. It works as long as its SQL fits the newer tables."
            )
        ran = next((record for record in applied if record.number == TEXT), None)
        if self.text and ran is not None and ran.checksum != self.text_checksum:
            return (
                f"{where}: tables= of {self.service} was changed since it was first run here. The text alters no existing "
                "table: declare migrations= (a folder whose 0001 is the first text, and 0002 alters the tables). "
                "Where the change only adds tables, `partita db upgrade` records the new text."
            )
        return ""

    def refuse_pending(self, where: str, applied: Sequence[Record]) -> None:
        """Refuse a start with pending files that may not change the database.

        Raises:
            MigrationPending: it lacks files. StoreMismatch: see `pending`.
        """
        lacks = self.pending(where, applied)
        if lacks:
            raise MigrationPending(
                f"{where}: pending migrations of the tables of {self.service}: {len(lacks)} (next: {lacks[0].name}), and "
                "PARTITA_MIGRATE=off.",
                hint=f"Run `{MIGRATE}` first; `partita db status` shows what is pending.",
            )


def standing_of(own: OwnTables, where: str, applied: Sequence[Record]) -> Standing:
    """The number of files that a database has, and that the service declares.

    Raises:
        StoreMismatch: see `OwnTables.pending`.
    """
    own.pending(where, applied)
    return Standing(max((record.number for record in applied), default=0), len(own.files))


def tables_refused(service: str, statement: str, error: object, file: str = "") -> DeclarationError:
    """The error of SQL that the database refuses: names the statement, and its file if it has one."""
    text = " ".join(statement.split())
    shown = text if len(text) <= STATEMENT_SHOWN else f"{text[:STATEMENT_SHOWN]} ..."
    if file:
        return DeclarationError(
            f"{file} of {service} cannot be applied: {error}, in: {shown}",
            hint="This file was rolled back; the files before it stay applied. Correct it; the next start continues here.",
        )
    there = "already exists" in str(error)
    return DeclarationError(
        f"The tables of {service} cannot be made: {error}, in: {shown}",
        hint="Every start runs tables=: CREATE TABLE IF NOT EXISTS." if there else f"Service({service!r}, tables=...)",
    )


def check_statements(service: str, statements: Sequence[str], file: str = "") -> None:
    """Refuse statements that would end the transaction in which the tables are made, and those on a table of Partita itself:
    `CREATE TABLE IF NOT EXISTS` would do nothing, in silence.

    Raises:
        DeclarationError: which one.
    """
    for statement in statements:
        if ends_transaction(statement):
            raise tables_refused(service, statement, "the transaction around it is not the script's", file)
        found = _ON_TABLE.search(statement)
        if found is not None and found[1].lower() in TAKEN:
            taken = f"Partita has a table {found[1].lower()} of its own in this database, so choose another name"
            raise tables_refused(service, statement, taken, file)
