"""Which statements are plain inserts, of which a wave may go to PostgreSQL as one set."""

from __future__ import annotations

import pytest

from partita.store.postgres.plain_insert import PLAIN

PLAIN_ONES = (
    "INSERT INTO t VALUES ($1)",
    "insert into t (a, b) values ($1, 'it''s')",
    ' INSERT INTO "a table".t_1 ( a ,"b ""c""" )\nVALUES ( $1 , -1.5, NULL, true , \'\' ) ',
)
OTHERS = (
    "INSERT INTO t VALUES ($1) ON CONFLICT DO NOTHING",
    "INSERT INTO t VALUES ($1) RETURNING a",
    "INSERT INTO t VALUES ($1), ($2)",
    "INSERT INTO t VALUES (DEFAULT, $1)",
    "INSERT INTO t DEFAULT VALUES",
    "INSERT INTO t AS u VALUES ($1)",
    "INSERT INTO t OVERRIDING SYSTEM VALUE VALUES ($1)",
    "INSERT INTO t SELECT $1",
    "INSERT INTO t (a[1]) VALUES ($1)",
    "INSERT INTO t VALUES (nextval('s'), $1)",
    "INSERT INTO t VALUES (now(), $1)",
    "INSERT INTO t VALUES ($1 + 1)",
    "INSERT INTO t VALUES ($1::text)",
    "INSERT INTO t VALUES ((SELECT count(*) FROM t), $1)",
    "INSERT INTO t VALUES (E'\\'', $1)",
    "INSERT INTO t VALUES ('\\', $1, ')')",
    "INSERT INTO t VALUES (current_user, $1)",
    "INSERT INTO t VALUES ($1); DELETE FROM t",
    "WITH w AS (SELECT 1) INSERT INTO t VALUES ($1)",
    "UPDATE t SET a = $1",
    "MERGE INTO t USING u ON true WHEN NOT MATCHED THEN INSERT VALUES ($1)",
)


@pytest.mark.parametrize("sql", PLAIN_ONES)
def test_parameters_and_literals_are_plain(sql: str) -> None:
    assert PLAIN.fullmatch(sql)


@pytest.mark.parametrize("sql", OTHERS)
def test_everything_else_goes_row_by_row(sql: str) -> None:
    """A pattern that took one of these would change what a handler wrote."""
    assert PLAIN.fullmatch(sql) is None
