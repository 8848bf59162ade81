"""A verdict on a schema counts the messages of the old schema that wait in the databases: outbox rows, retries, dead letters, sagas."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Saga, Service, Settings, minutes, seconds, step
from partita.cli.main import cli
from partita.observability.kept_messages import kept_messages
from partita.observability.reach import looking
from partita.observability.schema_history import revisions_now

MODULE = "kept_counts"
SOLD = "count.shop.v1.Sold"


class Wrong(Exception):
    """A message that cannot be handled now or later."""


def deployed(data: Path, store: str, *, note: bool) -> Any:
    """A shop whose event has a note, or has it no longer."""
    shop = Service("shop", namespace="count.shop")
    retry = Retry(delays=(3600,), in_place=0, permanent=(Wrong,), storm=10**9)
    books = Service("books", namespace="count.books", retry=retry)
    make: Any = type(Event)
    fields = {"number": Key[str]} | ({"note": str} if note else {})
    Sold: Any = make("Sold", (Event,), {"__annotations__": fields}, of=shop)

    class Ended(Event, of=shop):
        number: Key[str]

    class Sell(Command[Sold], of=shop):
        number: Key[str]

    class Sent(Event, of=books):
        number: Key[str]

    class Send(Command[Sent], of=books):
        number: Key[str]

    class Delivery(Saga, start=Sold, deadline=minutes(60), undone=Ended, of=shop):
        send = step(Send, no_effect=True, timeout=seconds(900))

    @shop.handles(Sell)
    async def sell(cmd: Sell) -> Sold:
        return Sold(number=cmd.number, **({"note": "x"} if note else {}))

    @books.handles(Send, concurrency=2)
    async def send(cmd: Send) -> Sent:
        raise ValueError("not now")

    @books.on
    async def book(event: Sold) -> None:
        raise Wrong if event.number == "dead" else ValueError("not now")

    return SimpleNamespace(
        Sell=Sell, app=App(shop, books, settings=Settings(data=data, store=store)), shop=shop, books=books
    )


async def filled(data: Path, store: str) -> None:
    """One dead letter, two messages that wait for a retry, one outbox row that waits, four sagas in flight."""
    old = deployed(data, store, note=True)
    async with old.app.running():
        for number in ("dead", "a", "b"):
            await old.app.send(old.Sell(number=number))

        async def is_settled() -> bool:
            async with old.app.store("books").reading() as session:
                status = await session.parking.status("books")
                letters = await session.fetch("SELECT id FROM dead_letter WHERE type = 'count.shop.v1.Sold'", {})
                parked = await session.fetch(
                    "SELECT idx FROM parked WHERE type = 'count.shop.v1.Sold' AND state = 'waiting'", {}
                )
                sent = (await session.outbox.status()).pending == 0
                return sent and status.waiting > 0 and len(letters) == 1 and len(parked) == 2

        await until(is_settled)
    async with old.app.running(roles=()):
        await old.app.send(old.Sell(number="c"))


def checked(monkeypatch: pytest.MonkeyPatch, app: App, *words: str) -> list[str]:
    """The `hurts` of the one clash in the verdict on the app."""
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(app=app))  # type: ignore[arg-type]
    result = CliRunner().invoke(
        cli, ["schema", "check", "--app", f"{MODULE}:app", "--against", "schemas", "-o", "json", *words]
    )
    found = json.loads(result.stdout)["findings"]
    (finding,) = [each for each in found if each["rule"] == "field-without-default"]
    hurts: list[str] = finding["hurts"]
    return hurts


def export(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """Write the revision files of the app."""
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(app=app))  # type: ignore[arg-type]
    assert CliRunner().invoke(cli, ["schema", "export", "schemas", "--app", f"{MODULE}:app"]).exit_code == 0


async def test_a_verdict_counts_the_messages_of_the_old_schema(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on PostgreSQL. Without --data no database is opened; messages of the new schema do not count."""
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    await filled(data, store)
    export(monkeypatch, deployed(data, store, note=True).app)
    new = deployed(data, store, note=False)
    async with new.app.running(roles=()):
        await new.app.send(new.Sell(number="new"))

    silent = await asyncio.to_thread(checked, monkeypatch, new.app)
    assert not any(text[0].isdigit() for text in silent), silent
    counted = await asyncio.to_thread(checked, monkeypatch, new.app, "--data", str(data))
    assert [text for text in counted if text[0].isdigit()] == [
        "1 outbox rows that wait of shop",
        "2 messages in the parking and in retry of books",
        "1 open dead letters of books",
        "5 Delivery in flight, of shop",
    ]


async def test_a_count_is_bounded_and_says_so(tmp_path: Path) -> None:
    """A question must not read a table of millions."""
    data = tmp_path / "data"
    await filled(data, "")
    old = deployed(data, "", note=True)
    async with looking(old.app, data, with_bus=False) as sight:
        found = await kept_messages(sight, old.app, most=2)
    (schema,) = [each.fingerprint for each in revisions_now(old.app) if each.message == SOLD]
    hurt = found.hurt(old.app, SOLD, {schema: 1})
    (parked,) = [text for text in hurt if "in the parking and in retry of books" in text]
    assert " or more " in parked or parked.endswith("the first 2 of which are others"), parked
