"""The examples of the guide on the outbox run, word for word, each with its driver on a real database."""

from __future__ import annotations

import asyncio
import inspect
import re
import sqlite3
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.foreign_hands import HANDS, Hand, Looped
from tests.integration.outbox.test_foreign_outbox import ask, made

from partita import Settings

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
PAGE = Path(__file__).resolve().parents[3] / "docs/guides/outbox-in-your-transaction.md"
EXAMPLES = {
    "with_sqlalchemy": ("sqlalchemy-session", "sqlalchemy-connection"),
    "with_sqlalchemy_awaited": ("sqlalchemy-async-session", "sqlalchemy-async-connection"),
    "with_asyncpg": ("asyncpg",),
    "with_psycopg": ("psycopg",),
    "with_psycopg_awaited": ("psycopg-awaited",),
    "with_django": ("django-postgresql",),
}


@pytest.fixture
def guide() -> Iterator[Any]:
    """The page's code as one module."""
    source = "\n\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    module = types.ModuleType("guide")
    sys.modules["guide"] = module
    exec(compile(source, PAGE.name, "exec"), module.__dict__)
    yield module
    del sys.modules["guide"]


def test_every_example_on_postgresql_writes_its_row_and_its_event(guide: Any, database: str, tmp_path: Path) -> None:
    asyncio.run(ask(database, "CREATE TABLE my_order (id TEXT)", "SELECT 1"))
    asyncio.run(made(guide.app.configured(Settings(data=tmp_path, store=database))))
    written = 0
    for name, hands in EXAMPLES.items():
        for hand in hands:
            call(HANDS[hand][1](database), getattr(guide, name))
            written += 1
            ((rows, events),) = asyncio.run(
                ask(
                    database,
                    "SELECT (SELECT count(*) FROM my_order), (SELECT (n.value)::int FROM orders.key_numbers, jsonb_each_text(sent) AS n)",
                )
            )
            assert (rows, events) == (written, written), f"{name} on {hand}"


def call(hand: Hand, example: Any) -> None:
    done = example(hand.where)
    if isinstance(hand, Looped):
        assert inspect.iscoroutine(done)
        hand.wait(done)
    hand.close()


def test_the_example_on_sqlite_writes_its_row_and_its_event(guide: Any, tmp_path: Path) -> None:
    asyncio.run(made(guide.app.configured(Settings(data=tmp_path))))
    with sqlite3.connect(tmp_path / "orders.db") as db:
        db.execute("CREATE TABLE my_order (id TEXT)")
        guide.with_sqlite(db)
        assert db.execute("SELECT (SELECT count(*) FROM my_order), (SELECT count(*) FROM outbox_queue)").fetchall() == [
            (1, 1)
        ]
    db.close()


def test_every_example_of_the_page_is_run(guide: Any) -> None:
    assert {name for name in vars(guide) if name.startswith("with_")} == {*EXAMPLES, "with_sqlite"}
    assert guide.in_a_middleware({"X-Request-ID": "r1"}, lambda: "handled") == "handled"
