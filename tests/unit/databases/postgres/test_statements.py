"""Where a statement of a PostgreSQL script ends."""

from __future__ import annotations

import pytest

from partita.databases.postgres.statements import statements_of

FUNCTION = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := 'a;b'; RETURN NEW; END $$"
TAGGED = "DO $do$ BEGIN EXECUTE $$SELECT 1; SELECT 2$$; END $do$"
ATOMIC = (
    "CREATE OR REPLACE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 2; END"
)
SCRIPTS = {
    "none": ("", []),
    "comments alone": ("-- a; b\n/* c; /* d; */ e; */ ;; \n", []),
    "one, without its semicolon": ("SELECT 1", ["SELECT 1"]),
    "one, and a comment behind": ("SELECT 1; -- SELECT 2;", ["SELECT 1"]),
    "a comment within": ("SELECT /* ; */ 1 -- ;\n; SELECT 2", ["SELECT /* ; */ 1 -- ;", "SELECT 2"]),
    "texts": ("SELECT 'a;''b;'; SELECT \"c;\"\"d\";", ["SELECT 'a;''b;'", 'SELECT "c;""d"']),
    "an escape": ("SELECT E'a\\';b'; SELECT 'c\\'; SELECT 3", ["SELECT E'a\\';b'", "SELECT 'c\\'", "SELECT 3"]),
    "a function": (f"{FUNCTION}; SELECT 1;", [FUNCTION, "SELECT 1"]),
    "a block in a block": (f"{TAGGED};COMMIT", [TAGGED, "COMMIT"]),
    "a body without a text": (f"{ATOMIC}; COMMIT;", [ATOMIC, "COMMIT"]),
    "a parameter is no tag": ("SELECT $1; SELECT a$b$c; SELECT 2", ["SELECT $1", "SELECT a$b$c", "SELECT 2"]),
    "begin is no body elsewhere": ("BEGIN; SELECT 1; END;", ["BEGIN", "SELECT 1", "END"]),
    "an unclosed text": ("SELECT 1; SELECT 'a; SELECT 2;", ["SELECT 1", "SELECT 'a; SELECT 2;"]),
    "an unclosed body": ("SELECT 1; DO $$ a; b", ["SELECT 1", "DO $$ a; b"]),
    "an unclosed comment": ("SELECT 1; SELECT 2 /* a; b", ["SELECT 1", "SELECT 2 /* a; b"]),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_script_is_taken_apart(case: str) -> None:
    """A script run in one piece could end the transaction in its middle, unseen."""
    script, statements = SCRIPTS[case]
    assert statements_of(script) == statements
