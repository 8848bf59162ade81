"""A small system for the integration tests: made for each test, so that tests share nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from partita import App, Command, Event, Key, Rejection, Service, Settings, Tx


class Bank:
    """One service with an account table, and the behaviour that a test sets for its handlers."""

    def __init__(self, data: Path, *, outside: int = 1, **service: Any) -> None:
        self.calls: list[str] = []
        self.on_deposit: Callable[[Any], None] = lambda event: None
        bank = self.bank = Service(
            "bank",
            namespace="test.bank",
            tables="CREATE TABLE IF NOT EXISTS account (name TEXT PRIMARY KEY, cents BIGINT NOT NULL);",
        )
        audit = self.audit = Service(
            "audit",
            namespace="test.audit",
            tables="CREATE TABLE IF NOT EXISTS entry (name TEXT NOT NULL, cents BIGINT NOT NULL, id TEXT NOT NULL);",
            **service,
        )

        class Deposited(Event, of=bank):
            name: Key[str]
            cents: int

        class TooMuch(Rejection):
            limit: int

        class Deposit(Command[Deposited, TooMuch], of=bank):
            name: Key[str]
            cents: int
            note: str = ""

        self.Deposited, self.TooMuch, self.Deposit = Deposited, TooMuch, Deposit

        @bank.handles(Deposit, concurrency=outside)
        async def deposit(cmd: Deposit, tx: Tx) -> Deposited:
            await tx.execute(
                "INSERT INTO account VALUES (:n, :c) ON CONFLICT (name) DO UPDATE SET cents = account.cents + :c",
                n=cmd.name,
                c=cmd.cents,
            )
            if cmd.cents > 1000:
                raise TooMuch(limit=1000)
            return Deposited(name=cmd.name, cents=cmd.cents)

        @audit.on
        async def record(event: Deposited, tx: Tx) -> None:
            self.calls.append(event.name)
            self.on_deposit(event)
            await tx.execute("INSERT INTO entry VALUES (:n, :c, '')", n=event.name, c=event.cents)

        self.app = App(bank, audit, settings=Settings(data=data))

    async def rows(self, service: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a service's own tables."""
        async with self.app.store(service).reading() as session:
            return [dict(row) for row in await session.fetch(sql, {})]


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A bank in a fresh folder."""
    return Bank(tmp_path / "data")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest) -> str:
    """The place of services' data: the URL of a fresh database, or nothing for files."""
    return str(request.getfixturevalue("database")) if request.param == "postgresql" else ""


@pytest.fixture(params=["embedded", pytest.param("postgresql", marks=pytest.mark.slow)])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """A system's place on each kind of store: a fresh folder, or a fresh database and the log in it."""
    where = str(request.getfixturevalue("database")) if request.param == "postgresql" else ""
    return Settings(data=tmp_path / "data", store=where, bus=where)
