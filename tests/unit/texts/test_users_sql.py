"""A user's statement that would end the transaction is recognised by its first word, whatever comes before it."""

from __future__ import annotations

import sqlite3

import pytest

from partita.errors import PartitaError
from partita.texts.users_sql import check_of_handler, ends_transaction

BEFORE = [
    "",
    " \n\t",
    "-- done\n",
    "/* a */",
    "/* a */-- b\n /* c\n */ ",
    ";",
    " ; ;\n",
    "/**/",
    "/* -- */",
    "-- /*\n",
    "\ufeff",
]
HARMLESS = [
    "SELECT 1",
    "/* a */ SELECT 1 /* b */ ",
    "/* a */ SELECT '*/ COMMIT'",
    "-- COMMIT\nSELECT 1",
    "/* COMMIT */ SELECT 1",
    "COMMITTED",
    "UPDATE t SET x = 1",
    "SET LOCAL lock_timeout = '1s'",
    "set constraints all deferred",
    "SET /* for this report */ LOCAL work_mem = '64MB'",
    "SET -- for this transaction\n CONSTRAINTS ALL DEFERRED",
    "WITH begin AS (SELECT 1) SELECT * FROM begin",
    "/* it never ends",
    "-- alone",
    "",
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    "word", ["COMMIT", "commit;", "End", "ROLLBACK TO a", "SAVEPOINT a", "BEGIN IMMEDIATE", "VACUUM"]
)
def test_an_end_of_the_transaction_is_found_behind_all_that_a_database_passes_over(before: str, word: str) -> None:
    """Not found, it commits the handler's rows without the mark that makes a redelivery harmless."""
    assert ends_transaction(before + word)
    with pytest.raises(PartitaError, match="is not for handlers"):
        check_of_handler(before + word)


@pytest.mark.parametrize("before", BEFORE)
def test_sqlite_runs_a_commit_behind_each_of_these(before: str) -> None:
    """So the list is not longer than it must be."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("BEGIN")
    db.execute(before + "COMMIT")
    assert not db.in_transaction
    db.close()


@pytest.mark.parametrize("sql", HARMLESS)
def test_a_statement_that_only_speaks_of_one_is_taken(sql: str) -> None:
    """In a comment, in a text, as a name, or for this transaction alone."""
    check_of_handler(sql)
    assert not ends_transaction(sql)


@pytest.mark.parametrize(
    "sql", ["SET search_path TO x", "PRAGMA foreign_keys=1", "RESET ALL", "LISTEN a", "PREPARE a AS SELECT 1"]
)
def test_a_statement_that_outlives_the_transaction_is_not_for_handlers(sql: str) -> None:
    """The connection goes back to a pool, and the next handler would work under it. In a script of tables it is taken."""
    with pytest.raises(PartitaError, match="is not for handlers"):
        check_of_handler(sql)
    assert not ends_transaction(sql)
    assert ends_transaction("PREPARE TRANSACTION 'a'")
    assert ends_transaction("PREPARE /* two phases */ TRANSACTION 'a'")


def test_many_comments_cost_no_more_than_their_length() -> None:
    """If every division into comments were tried, fifty comments would take longer than any timeout."""
    check_of_handler("/* a */" * 5_000 + "SELECT 1" + "/* b */" * 5_000)
