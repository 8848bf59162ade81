"""Values of rows in a database's errors are neither in a dead letter nor in the log, on both stores."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.integration.runtime.failing.test_retries import letters
from tests.waiting import until

from partita import Retry
from partita.texts.foreign_text import without_rows

SCHEMA = """
CREATE TYPE colour AS ENUM ('red');
CREATE TABLE good (id INT PRIMARY KEY CHECK (id < 4000), colour colour, at DATE, few SMALLINT, many INT[]);
CREATE TABLE part (good INT REFERENCES good);
INSERT INTO good (id) VALUES (3917);
"""
REFUSED = {
    "unique": "INSERT INTO good (id) VALUES (3917)",
    "check": "INSERT INTO good (id) VALUES (39170)",
    "foreign key": "INSERT INTO part VALUES (39171)",
    "no number": "SELECT 'x3917'::int",
    "no enum": "SELECT 'x3917'::colour",
    "no date": "SELECT '3917-39-17'::date",
    "too large": "SELECT '391739173917'::int",
    "no array": "SELECT '3917'::int[]",
    "no uuid": "SELECT '3917'::uuid",
    "no json": """SELECT '{"a": 3917x}'::json""",
    "no time zone": "SELECT now() AT TIME ZONE 'x3917'",
}
ARGUMENTS: dict[str, tuple[str, Any]] = {
    "no integer": ("SELECT $1::int", "x3917"),
    "a large integer": ("SELECT $1::int", 39173917391739173917),
    "no text": ("SELECT $1::text", 3917),
}


@pytest.mark.slow
async def test_no_error_of_postgresql_keeps_a_value(database: str) -> None:
    """The texts of the server and of the driver, of every kind that quotes a value."""
    import asyncpg

    connection = await asyncpg.connect(database)
    try:
        await connection.execute(SCHEMA)
        asked: list[tuple[str, tuple[Any, ...]]] = [(sql, ()) for sql in REFUSED.values()]
        for sql, given in [*asked, *((sql, (value,)) for sql, value in ARGUMENTS.values())]:
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as refused:
                await connection.fetch(sql, *given)
            said = str(refused.value)
            assert "3917" in said, "the case holds no value"
            assert "3917" not in without_rows(said) and len(without_rows(said)) > 10, said
    finally:
        await connection.close()


async def _only_once(bank: Bank, store: str) -> None:
    """From now on an amount may be inserted once."""
    sql = "CREATE UNIQUE INDEX each_once ON {}entry (cents)"
    if store:
        import asyncpg

        connection = await asyncpg.connect(store)
        await connection.execute(sql.format("audit."))
        await connection.close()
    else:
        with closing(sqlite3.connect(bank.app.settings.data / "audit.db")) as db:
            db.execute(sql.format(""))


async def test_a_letter_names_the_constraint_and_no_value(
    store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Two letters of one constraint are one cause, whatever values were refused."""
    bank: Any = Bank(tmp_path / "data", retry=Retry(delays=(), in_place=0))
    bank.app = bank.app.configured(replace(bank.app.settings, store=store, coalesce=False))
    async with bank.app.running():
        await _only_once(bank, store)
        for name, cents in (("a", 917), ("b", 918), ("c", 917), ("d", 918)):
            await bank.app.send(bank.Deposit(name=name, cents=cents))

        async def dead() -> bool:
            return len(await letters(bank)) == 2

        await until(dead)
        found = await letters(bank)
        async with bank.app.store("audit").reading() as session:
            failures = [f for x in found for f in await session.dead_letters.failures("audit", x.message_id)]
    assert len({letter.fingerprint for letter in found}) == 1 and len(failures) == 2
    written = logging.Formatter()
    texts = [text for x in found for text in (x.cause, x.stack)] + [f.cause for f in failures]
    texts += [written.format(record) for record in caplog.records]
    assert any("each_once" in text or "entry.cents" in text for text in texts)
    for text in texts:
        assert "DETAIL" not in text and "(917)" not in text and "(918)" not in text
