"""The tables of a service's own, made in its schema."""

from __future__ import annotations

import re

import asyncpg

from partita.databases.postgres.asking import Link
from partita.databases.sqlite.file import statements_of
from partita.migration import check_tables, tables_refused

NOTHING = re.compile(r"(?:\s|;|--[^\n]*|/\*.*?\*/)*", re.S)


async def make_tables(link: Link, service: str, script: str) -> None:
    """Run a service's script statement by statement, in the transaction at hand.

    Raises:
        DeclarationError: a statement that the database does not take. StoreUnavailable: it cannot be written now.
    """
    # A text in $$ may hold semicolons: only the server knows where such a script's statements end.
    statements = [script] if "$" in script else statements_of(script)
    check_tables(service, statements)
    for statement in statements:
        if NOTHING.fullmatch(statement):
            continue  # a comment alone, which the driver fails at
        try:
            await link.run(statement)
        except asyncpg.PostgresError as error:
            raise tables_refused(service, statement, error) from error
