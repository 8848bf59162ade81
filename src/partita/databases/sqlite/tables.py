"""The tables of a service's own, made in its file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from partita.databases.sqlite.file import statements_of, translate
from partita.migration import check_tables, tables_refused


def make_tables(db: sqlite3.Connection, path: Path, service: str, script: str) -> None:
    """Run a service's script statement by statement, in the transaction at hand.

    Raises:
        DeclarationError: a statement that the database does not take. StoreUnavailable: the file cannot be written now.
    """
    statements = statements_of(script)
    check_tables(service, statements)
    for statement in statements:
        try:
            db.execute(statement)
        except sqlite3.Error as error:
            raise translate(error, path) or tables_refused(service, statement, error) from error
