"""The doctor's examination continues to its end, whatever one part of it finds."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from servers.process import free_port
from tests.integration.conftest import Bank
from tests.integration.operators.test_dead_letters import Chatty, dead
from tests.integration.registry_server.own_registry import served

from partita.observability.doctor.databases import check_databases
from partita.observability.doctor.examination import examine


async def lived(folder: Path) -> Bank:
    """A bank that has handled a message."""
    bank = Bank(folder)
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="ann", cents=1))
        await bank.app.settled()
    return bank


async def test_a_whole_app_has_a_line_for_each_part(tmp_path: Path) -> None:
    """An unchecked part must not look healthy."""
    bank = await lived(tmp_path / "data")
    found = await examine(bank.app, tmp_path / "data")
    parts = {"Python", "SQLite", "windows", "data", "bank", "audit", "clock", "backups"}
    assert parts <= {finding.what for finding in found}
    assert {finding.level for finding in found} <= {"ok", "note"}


async def test_a_damaged_database_does_not_end_the_examination(tmp_path: Path) -> None:
    """The database opens, and one of its pages cannot be read: its line says so, and the other services have their
    lines."""
    bank = await lived(tmp_path / "data")
    file = tmp_path / "data/audit.db"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'dead_letter'").fetchall()
        ((size,),) = database.execute("PRAGMA page_size").fetchall()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)
    found = {finding.what: finding for finding in await check_databases(bank.app, tmp_path / "data", ())}
    assert found["audit"].level == "bad" and found["bank"].level == "ok"


@pytest.mark.parametrize("path", ["", "/wrong"])
async def test_a_registry_that_does_not_answer_as_one_is_a_finding(tmp_path: Path, path: str) -> None:
    """Every relay waits for it, and the doctor said "nothing to do"."""
    bank, port = Bank(tmp_path / "data"), free_port()

    async def level() -> str:
        app = bank.app.configured(replace(bank.app.settings, registry=f"http://127.0.0.1:{port}{path}"))
        (found,) = [each for each in await examine(app, tmp_path / "data") if each.what == "schema registry"]
        assert found.level == "ok" or "PARTITA_REGISTRY" in found.fix
        return found.level

    assert await level() == "bad"
    async with served(tmp_path / "registry", port):
        assert await level() == ("bad" if path else "ok")


async def test_open_dead_letters_are_something_to_do(tmp_path: Path) -> None:
    """Those of a group without order hold no key, so that the parking does not count them: it said "nothing to do"."""
    bank = Chatty(tmp_path / "data", order="none")
    await dead(bank, 2)
    found = {finding.what: finding for finding in await examine(bank.app, tmp_path / "data")}
    letters = found["dead letters of audit"]
    assert (letters.level, letters.found, letters.fix) == ("note", "2 wait for an operator", "partita dlq groups")
