"""A wave of plain inserts as one set on PostgreSQL: it leaves what one statement for each row leaves."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import pytest
from tests.conformance.schemas import store_at

from partita.errors import PartitaError
from partita.store.port import Session
from partita.store.postgres.plain_insert import set_of
from partita.store.postgres.statements import translated
from partita.testing.conformance.rows import opened

asyncpg = pytest.importorskip("asyncpg", reason="no asyncpg here; to run these tests: pip install 'partita[postgres]'")
pytestmark = [pytest.mark.slow]


class Ground(NamedTuple):
    """A table, the insert into it, whether its waves go as sets, and more statements for it; `{t}` is its name."""

    columns: str
    insert: str
    goes: bool
    more: tuple[str, ...] = ()


FUNCTION = "CREATE OR REPLACE FUNCTION {t}_f() RETURNS {kind} LANGUAGE {rest}"
TRIGGER = "plpgsql AS $$ BEGIN {work} RETURN NEW; END $$"
ID = "id BIGINT GENERATED ALWAYS AS IDENTITY"
FEW_NAMES = f"{ID}, name TEXT, cents BIGINT"
INSERT = "INSERT INTO {t} (name, cents) VALUES (:name, :cents)"


def triggered(work: str, when: str, which: str = "AFTER INSERT") -> tuple[str, ...]:
    """A trigger of a table."""
    function = FUNCTION.replace("{kind}", "trigger").replace("{rest}", TRIGGER.replace("{work}", work))
    return function, f"CREATE TRIGGER t {which} ON {{t}} {when} EXECUTE FUNCTION {{t}}_f()"


LIMIT = "IF (SELECT count(*) FROM {t} WHERE name = NEW.name) > 1 THEN DELETE FROM {t} WHERE name = NEW.name; END IF;"
COUNT = "SELECT count(*) FROM {t}"
GROUNDS = {
    "unique, checked, with defaults": Ground(
        f"{ID}, name TEXT UNIQUE, cents NUMERIC(5, 1) CHECK (cents >= 0), at TIMESTAMPTZ DEFAULT now()", INSERT, True
    ),
    "types": Ground(
        f"{ID}, name VARCHAR(3), cents SMALLINT NOT NULL, fixed CHAR(4), small NUMERIC(4, 2), yes BOOLEAN",
        "INSERT INTO {t} (name, cents, fixed, small, yes) VALUES (:name, :cents, 'it''s', 1.005, TRUE)",
        True,
    ),
    "no columns named": Ground(
        "name TEXT, cents BIGINT, again TEXT, id BIGINT GENERATED ALWAYS AS IDENTITY",
        "  insert into {t}\nVALUES ( :name, :cents,:name ) -- the end",
        True,
    ),
    "a foreign key": Ground(f"{ID}, name TEXT REFERENCES {{t}}_known (name), cents BIGINT", INSERT, True),
    "a foreign key to itself": Ground(
        f"{ID}, name TEXT UNIQUE, cents BIGINT, parent TEXT REFERENCES {{t}} (name)",
        "INSERT INTO {t} (name, cents, parent) VALUES (:name, :cents, 'b')",
        False,
    ),
    "a trigger after each row": Ground(FEW_NAMES, INSERT, False, triggered(LIMIT, "FOR EACH ROW")),
    "a trigger after each statement": Ground(
        FEW_NAMES, INSERT, False, triggered("UPDATE {t} SET cents = cents + 1;", "FOR EACH STATEMENT")
    ),
    "a view": Ground(
        FEW_NAMES,
        "INSERT INTO {t}_view (name, cents) VALUES (:name, :cents)",
        False,
        ("CREATE VIEW {t}_view AS SELECT name, cents FROM {t} WHERE cents < 50 WITH CHECK OPTION",),
    ),
    "a default that looks": Ground(
        FEW_NAMES,
        INSERT,
        False,
        (
            FUNCTION.replace("{kind}", "bigint").replace("{rest}", f"sql STABLE AS $$ {COUNT} $$"),
            "ALTER TABLE {t} ADD before BIGINT DEFAULT {t}_f()",
        ),
    ),
    "a check that looks": Ground(
        FEW_NAMES,
        INSERT,
        False,
        (
            FUNCTION.replace("{kind}", "bigint").replace("{rest}", f"sql STABLE AS $$ {COUNT} $$"),
            "ALTER TABLE {t} ADD CHECK ({t}_f() < 3)",
        ),
    ),
    "a domain": Ground(
        f"{ID}, name TEXT, cents {{t}}_d",
        INSERT,
        False,
    ),
    "an upsert": Ground(
        f"{ID}, name TEXT UNIQUE, cents BIGINT",
        INSERT + " ON CONFLICT (name) DO UPDATE SET cents = {t}.cents + excluded.cents",
        False,
    ),
    "a question": Ground(FEW_NAMES, "INSERT INTO {t} (name, cents) SELECT :name, count(*) + :cents FROM {t}", False),
    "a question in brackets": Ground(
        FEW_NAMES, "INSERT INTO {t} (name, cents) VALUES (:name, :cents + (SELECT count(*) FROM {t}))", False
    ),
    "an update": Ground(
        f"{ID}, name TEXT DEFAULT 'a', cents BIGINT DEFAULT 0",
        "UPDATE {t} SET cents = cents * 2 + :cents WHERE name = :name",
        False,
        ("INSERT INTO {t} DEFAULT VALUES",),
    ),
}


async def make(url: str, schema: str, ground: Ground, table: str) -> None:
    """Make a ground's table, under this name."""
    connection = await asyncpg.connect(url, server_settings={"search_path": f'"{schema}"'})
    try:
        for each in (
            "CREATE TABLE {t}_known (name TEXT PRIMARY KEY)",
            "INSERT INTO {t}_known VALUES ('a'), ('b'), ('c')",
            "CREATE DOMAIN {t}_d AS BIGINT CHECK (VALUE < 90)",
            f"CREATE TABLE {{t}} ({ground.columns})",
            *ground.more,
        ):
            await connection.execute(each.replace("{t}", table))
    finally:
        await connection.close()


def batch(dice: random.Random, kinds: int) -> list[dict[str, Any]]:
    """Rows of a wave: few names, so that some come twice, and now and then a value that no table takes."""
    names: list[str | None] = ["a", "b", "c", "d", "e'\\", "long-", None, *map(str, range(kinds))]
    return [
        {
            "name": dice.choice(names),
            "cents": dice.choice([0, 1, 7, 50, 95, *([-1, None, 40_000] * (dice.random() < 0.1))]),
        }
        for _ in range(dice.randint(2, 6))
    ]


async def goes_as_a_set(url: str, schema: str, sql: str) -> bool:
    """Whether a wave of this statement is one statement."""
    connection = await asyncpg.connect(url, server_settings={"search_path": f'"{schema}"'})
    try:
        text = translated(sql).sql
        return await set_of(connection, text, (await connection.prepare(text)).get_parameters()) is not None
    finally:
        await connection.close()


async def written(session: Session, sql: str, rows: list[dict[str, Any]], *, at_once: bool) -> Any:
    """The result of a wave, or the kind of its error."""
    try:
        async with session.savepoint():
            if at_once:
                return await session.execute_many(sql, rows)
            return [await session.execute(sql, row) for row in rows]
    except asyncpg.PostgresError as error:
        return error.sqlstate
    except asyncpg.InterfaceError:
        return "no such value"
    except PartitaError as error:
        return type(error).__name__


async def test_a_table_with_a_rule_takes_no_sets(server: str) -> None:
    """A wave of it fails (a rule makes several statements), so its rows are written one by one."""
    rule = "CREATE RULE r AS ON INSERT TO {t} DO ALSO UPDATE {t} SET cents = cents + 1"
    async with opened(store_at(server)) as store:
        await make(server, store.name, Ground(FEW_NAMES, INSERT, False, (rule,)), "all_t")
        assert not await goes_as_a_set(server, store.name, INSERT.replace("{t}", "all_t"))


@pytest.mark.parametrize("case", GROUNDS)
async def test_a_wave_leaves_what_its_rows_leave_one_by_one(case: str, server: str) -> None:
    """Random batches, each written both ways into tables of their own: the results, the errors and all rows are the same, in
    the same order. And it is known which waves go as a set, or the comparison would show nothing."""
    ground, dice, ways = GROUNDS[case], random.Random(case), ("one", "all")
    async with opened(store_at(server)) as store:
        for way in ways:
            await make(server, store.name, ground, f"{way}_t")
        assert await goes_as_a_set(server, store.name, ground.insert.replace("{t}", "all_t")) == ground.goes
        for turn in range(60):
            rows = batch(dice, turn % 5 * 20)
            async with store.transaction() as session:
                results, left = [], []
                for way in ways:
                    sql = ground.insert.replace("{t}", f"{way}_t")
                    results.append(await written(session, sql, rows, at_once=way == "all"))
                    found = await session.fetch(f"SELECT * FROM {way}_t ORDER BY id", {})
                    # A number that an undone statement has drawn is gone.
                    left.append([{name: row[name] for name in row if name != "id"} for row in found])
            assert results[0] == results[1], rows
            assert left[0] == left[1], rows
        assert left[0], "it wrote nothing"
