"""Values that a handler binds into a statement: the same on every database, whatever their column."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TABLES = "CREATE TABLE IF NOT EXISTS note (id TEXT PRIMARY KEY, at TEXT);"
"""A column of text: PostgreSQL's driver refuses a datetime for it, SQLite's turns it into a text of its own form."""


class Colour(StrEnum):
    RED = "red"


def binding(value: Any, how: str) -> tuple[App, type[Command[Any, Any]], list[BaseException]]:
    """An app whose handler binds this value, and the error it got."""
    told: list[BaseException] = []
    notes = Service("notes", namespace="bound.note", tables=TABLES, retry=Retry(in_place=0, delays=()))

    class Noted(Event, of=notes):
        id: Key[str]

    class Note(Command[Noted], of=notes):
        id: Key[str]

    @notes.handles(Note)
    async def note(cmd: Note, tx: Tx) -> Noted:
        try:
            if how == "execute":
                await tx.execute("INSERT INTO note VALUES (:id, :at)", id=cmd.id, at=value)
            else:
                await getattr(tx, how)("SELECT id FROM note WHERE at = :at", at=value)
        except Exception as error:
            told.append(error)
            raise
        return Noted(id=cmd.id)

    return App(notes), Note, told


@pytest.mark.parametrize("how", ["execute", "fetch_one", "fetch_all"])
@pytest.mark.parametrize("value", [AT, AT.date(), AT.time(), UUID(int=1), Decimal("1.5"), ["a"], bytearray(b"a")])
async def test_a_value_that_only_some_databases_know_is_refused_on_each(
    value: Any, how: str, settings: Settings
) -> None:
    """If SQLite took it as a text of the driver's own form, it would be an error, or another value, on a server."""
    app, note, told = binding(value, how)
    app = app.configured(settings)
    async with app.running() as system:
        with pytest.raises(Exception, match="str, int, float, bytes, bool and None"):
            await app.send(note(id="1"))
        assert f":at is a {type(value).__name__}" in str(told[0])
        async with system.stores["notes"].reading() as session:
            assert not await session.fetch("SELECT * FROM note", {})


@pytest.mark.parametrize("value", ["a", Colour.RED, None])
async def test_a_value_that_every_database_knows_is_bound(value: Any, settings: Settings) -> None:
    """A member of an enumeration of texts is a text."""
    app, note, _ = binding(value, "execute")
    app = app.configured(settings)
    async with app.running() as system:
        await app.send(note(id="1"))
        async with system.stores["notes"].reading() as session:
            assert [dict(row) for row in await session.fetch("SELECT at FROM note", {})] == [{"at": value}]
