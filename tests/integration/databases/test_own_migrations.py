"""A service's own tables by numbered files: each applied once, by whichever start comes first, on every database."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from partita import App, Service, Settings
from partita.errors import DeclarationError, MigrationPending, PartitaError, StoreMismatch
from partita.migrations.migration import Standing

FIRST = "CREATE TABLE kept (name TEXT PRIMARY KEY, n BIGINT NOT NULL); INSERT INTO kept VALUES ('one', 1);"
SECOND = "ALTER TABLE kept ADD COLUMN note TEXT; UPDATE kept SET n = n + 10, note = 'a;b';"
THIRD = "-- a comment; alone\nCREATE TABLE more (id BIGINT PRIMARY KEY);"


class Shop:
    """One service in one place, deployed repeatedly with other files or another text."""

    def __init__(self, tmp_path: Path, store: str) -> None:
        self.folder = tmp_path / "migrations"
        self.folder.mkdir()
        self.settings = Settings(data=tmp_path / "data", store=store)

    def write(self, **files: str) -> None:
        """Files by number and name: `_0001_first` is 0001_first.sql; of one dialect with two lines before it."""
        for name, text in files.items():
            (self.folder / f"{name.lstrip('_').replace('__', '.')}.sql").write_text(text)

    def app(self, tables: str | None = None, **settings: Any) -> App:
        service = Service("shop", namespace="shop", tables=tables or "", migrations=None if tables else self.folder)
        made = Settings(data=self.settings.data, store=self.settings.store, **settings)
        return App(service, settings=made)

    def start(self, tables: str | None = None, ask: str = "", **settings: Any) -> list[dict[str, Any]]:
        """Start and stop; returns what the service's own SQL finds."""

        async def run() -> list[dict[str, Any]]:
            app = self.app(tables, **settings)
            async with app.running(roles=()):
                async with app.store("shop").reading() as session:
                    return [dict(row) for row in await session.fetch(ask or "SELECT 1 AS one", {})]

        return asyncio.run(run())

    def schemas(self, tables: str | None = None) -> dict[str, Any]:
        """The schemas, as `partita db` sees them."""
        from partita.assembly.migrations import migrations_of

        return migrations_of(self.app(tables), self.settings.data, ("shop",))

    def standing(self) -> Standing:
        found: Standing = asyncio.run(self.schemas()["shop/tables"].standing())
        return found

    def upgrade(self, tables: str | None = None) -> dict[str, list[int]]:
        return {name: list(asyncio.run(schema.upgrade())) for name, schema in self.schemas(tables).items()}


@pytest.fixture
def shop(tmp_path: Path, store: str) -> Shop:
    return Shop(tmp_path, store)


def test_each_file_is_applied_once_and_in_order(shop: Shop) -> None:
    """By the starts of one version after another."""
    shop.write(_0001_first=FIRST)
    assert shop.start(ask="SELECT n FROM kept") == [{"n": 1}]
    shop.write(_0002_second=SECOND, _0003_third=THIRD)
    for _ in range(2):
        assert shop.start(ask="SELECT name, n, note FROM kept") == [{"name": "one", "n": 11, "note": "a;b"}]

    kept = shop.start(ask="SELECT number, name, length(checksum) AS size FROM own_migration ORDER BY number")
    assert [(row["number"], row["name"], row["size"]) for row in kept] == [
        (1, "0001_first.sql", 64), (2, "0002_second.sql", 64), (3, "0003_third.sql", 64),
    ]  # fmt: skip


def test_each_database_has_its_dialects_file(shop: Shop) -> None:
    shop.write(
        _0001_first__sqlite="CREATE TABLE kept (dialect TEXT DEFAULT 'sqlite'); INSERT INTO kept DEFAULT VALUES;",
        _0001_first__postgres="CREATE TABLE kept (dialect TEXT DEFAULT 'postgres'); INSERT INTO kept DEFAULT VALUES;",
    )
    expected = "postgres" if shop.settings.store else "sqlite"
    assert shop.start(ask="SELECT dialect FROM kept") == [{"dialect": expected}]

    other = "sqlite" if expected == "postgres" else "postgres"
    shop.write(**{f"_0002_only__{other}": THIRD})
    with pytest.raises(DeclarationError, match=f"0002_only.{other}.sql has no counterpart for {expected}"):
        shop.start()


def test_of_a_file_that_fails_nothing_is_kept(shop: Shop) -> None:
    """The files before it stay applied, and the corrected one is applied next; the error names file and statement."""
    shop.write(_0001_first=FIRST, _0002_second=f"{SECOND} INSERT INTO kept VALUES ('one', 2, ''); {THIRD}")
    for refused in (shop.start, shop.upgrade):
        with pytest.raises(DeclarationError, match="0002_second.sql of shop cannot be applied") as told:
            refused()
        assert "INSERT INTO kept" in str(told.value)
    assert shop.standing() == Standing(1, 2)

    shop.write(_0002_second=SECOND)
    assert shop.start(ask="SELECT n FROM kept") == [{"n": 11}]


ENDS = {
    "at the beginning": "COMMIT; CREATE TABLE left_over (id BIGINT);",
    "in the middle": "CREATE TABLE left_over (id BIGINT); COMMIT; CREATE TABLE more (id BIGINT); nonsense;",
    "behind a comment": "CREATE TABLE left_over (id BIGINT); /* done; */ END; nonsense;",
}


@pytest.mark.parametrize("case", ENDS)
def test_a_file_cannot_end_its_transaction(case: str, shop: Shop) -> None:
    """A half of it would be kept without its record, and the file would be refused for ever."""
    shop.write(_0001_first=FIRST, _0002_ends=ENDS[case])
    with pytest.raises(DeclarationError, match="0002_ends.sql of shop cannot be applied: the transaction around it"):
        shop.start()
    (shop.folder / "0002_ends.sql").unlink()
    shop.write(_0002_second="CREATE TABLE left_over (id BIGINT);")
    shop.start()


def test_a_file_that_was_changed_is_refused(shop: Shop) -> None:
    """By a start, by one that may not migrate, and by each command; with the old text restored it works again."""
    shop.write(_0001_first=FIRST, _0002_second=SECOND)
    shop.start()
    shop.write(_0001_first=f"{FIRST} -- more", _0003_third=THIRD)
    for refused in (shop.start, lambda: shop.start(migrate=False), shop.upgrade, shop.standing):
        with pytest.raises(StoreMismatch, match="0001_first.sql is not the file that was applied"):
            refused()
    shop.write(_0001_first=FIRST)
    assert shop.standing() == Standing(2, 3)
    shop.start()


def test_a_start_that_may_not_migrate_names_what_is_pending(shop: Shop) -> None:
    shop.write(_0001_first=FIRST)
    shop.start()
    shop.write(_0002_second=SECOND, _0003_third=THIRD)
    with pytest.raises(MigrationPending, match=r"tables of shop: 2 .next: 0002_second.sql") as told:
        shop.start(migrate=False)
    assert "partita db upgrade" in told.value.hint
    assert shop.standing() == Standing(1, 3)
    assert shop.upgrade() == {"shop": [], "shop/tables": [2, 3]}
    assert shop.start(migrate=False, ask="SELECT n FROM kept") == [{"n": 11}]


def test_a_deploy_that_is_rolled_back_starts_and_is_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.write(_0001_first=FIRST, _0002_second=SECOND)
    shop.start()
    (shop.folder / "0002_second.sql").unlink()
    for migrate in (True, False):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert shop.start(migrate=migrate, ask="SELECT n FROM kept") == [{"n": 11}]
        assert "0002_second.sql was applied, this version knows 1 migrations" in caplog.text
    assert shop.standing().state == "newer"


def test_from_a_text_to_a_folder(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The first day's text warns that it alters no table; as the first file it does not touch the tables of the first
    day."""
    text = "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, n BIGINT NOT NULL);"
    with caplog.at_level(logging.WARNING):
        shop.start(text)
        shop.start(text.replace(" kept", "\n    kept"))
    assert "tables=" not in caplog.text, "of another indentation only"
    changed = text.replace("n BIGINT NOT NULL", "n BIGINT NOT NULL, note TEXT")
    for migrate in (True, True, False):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            shop.start(changed, migrate=migrate)
        assert "tables= of shop was changed since it was first run" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        shop.upgrade(changed)
        assert "tables= of shop was changed" in caplog.text
        caplog.clear()
        shop.start(changed)
    assert "tables=" not in caplog.text, "a person took it as it is"

    shop.write(
        _0001_first=text, _0002_note="ALTER TABLE kept ADD COLUMN note TEXT; INSERT INTO kept VALUES ('one', 1, '');"
    )
    assert shop.start(ask="SELECT name, n, note FROM kept") == [{"name": "one", "n": 1, "note": ""}]


def test_the_schema_of_partita_comes_first(shop: Shop) -> None:
    """When only the service's own tables are upgraded, and the database is empty."""
    shop.write(_0001_first=FIRST)
    assert shop.standing() == Standing(0, 1)
    with pytest.raises(PartitaError, match="no data of this service|its schema is not there"):
        asyncio.run(shop.schemas()["shop/tables"].upgrade())
    assert shop.upgrade() == {"shop": [1], "shop/tables": [1]}


@pytest.mark.parametrize("pragma", ["PRAGMA user_version = 7", "-- mine\npragma main.application_id(7)"])
def test_partitas_marks_of_a_file_are_not_the_scripts(pragma: str, tmp_path: Path) -> None:
    """They identify a file, and show how new its schema is."""
    shop = Shop(tmp_path, "")
    shop.write(_0001_first=f"{FIRST} {pragma};")
    with pytest.raises(DeclarationError, match="0001_first.sql of shop cannot be applied: that number of the file"):
        shop.start()
    shop.write(_0001_first=f"{FIRST} PRAGMA foreign_key_check;")
    shop.start()


@pytest.mark.slow
def test_a_file_may_set_what_it_likes(tmp_path: Path, database: str) -> None:
    """As a dump does: the record is kept in the right table, and no other code gets that connection with changed
    settings."""
    shop = Shop(tmp_path, f"{database}?pool_max=1")
    dumped = "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE shop.kept (n BIGINT); SET ROLE pg_monitor;"
    shop.write(_0001_dump=dumped, _0002_more="ALTER TABLE kept ADD COLUMN note TEXT;")
    assert shop.start(ask="SELECT note, current_user = session_user AS same FROM kept") == []
    shop.write(_0003_role="INSERT INTO kept VALUES (1, ''); SET ROLE pg_monitor; SET search_path TO pg_catalog;")
    assert shop.start(ask="SELECT current_user = session_user AS same FROM kept") == [{"same": True}]


@pytest.mark.slow
def test_a_deferred_constraint_is_the_files(tmp_path: Path, database: str) -> None:
    shop = Shop(tmp_path, database)
    shop.write(
        _0001_first="CREATE TABLE a (id BIGINT PRIMARY KEY, b BIGINT REFERENCES a DEFERRABLE INITIALLY DEFERRED);"
        "INSERT INTO a VALUES (1, 4711);"
    )
    with pytest.raises(DeclarationError, match="0001_first.sql of shop cannot be applied") as told:
        shop.start()
    assert "4711" not in str(told.value), "values of rows stay out of errors"
