"""A verdict on a schema counts the records of the old schema that a consumer group has still to read: on each kind of log."""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import App, Command, Event, Key, Service, Settings
from partita.cli.main import cli
from partita.observability.reach import looking
from partita.observability.schema_history import revisions_now
from partita.observability.unread_records import unread_records

MODULE = "unread_counts"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A Kafka of its own."""
    with kafka_cluster() as found:
        yield found.url


@pytest.fixture(
    params=["embedded", *(pytest.param(server, marks=pytest.mark.slow) for server in ("postgresql", "kafka"))]
)
def bus(request: pytest.FixtureRequest) -> str:
    """The place of the log."""
    if request.param == "kafka":
        return str(request.getfixturevalue("broker"))
    if request.param == "postgresql":
        return str(request.getfixturevalue("database"))
    return ""


class Deployed:
    """A shop whose event has a note or has it no longer, books that hear it, and an archive that is new."""

    def __init__(self, settings: Settings, namespace: str, *, note: bool, archive: bool = False) -> None:
        self.note = note
        shop = Service("shop", namespace=namespace)
        self.books = f"books-{namespace.replace('.', '-')}"  # a broker that tests share keeps their groups
        books = Service(self.books, namespace=f"{namespace}.books")
        new = Service("archive", namespace=f"{namespace}.archive")
        make: Any = type(Event)
        fields = {"number": Key[str]} | ({"note": str} if note else {})
        Sold: Any = make("Sold", (Event,), {"__annotations__": fields}, of=shop)

        class Sell(Command[Sold], of=shop):
            number: Key[str]

        @shop.handles(Sell)
        async def sell(cmd: Sell) -> Sold:
            return Sold(number=cmd.number, **({"note": "x"} if note else {}))

        @books.on
        async def book(event: Sold) -> None:
            pass

        @new.on
        async def keep(event: Sold) -> None:
            pass

        self.Sell = Sell
        self.sold = f"{namespace}.v1.Sold"
        self.app = App(shop, books, *([new] if archive else ()), settings=settings)

    async def sold_unheard(self, numbers: range) -> None:
        """Sell, and have the events on the log, where the books do not run."""
        async with self.app.running(services=["shop"]):
            for number in numbers:
                await self.app.send(self.Sell(number=str(number)))

            async def is_sent() -> bool:
                async with self.app.store("shop").reading() as session:
                    return (await session.outbox.status()).pending == 0

            await until(is_sent)


def checked(monkeypatch: pytest.MonkeyPatch, app: App, *words: str) -> list[str]:
    """The `hurts` of the one clash in the verdict on the app."""
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(app=app))
    words = ("schema", "check", "--app", f"{MODULE}:app", "--against", "schemas", "-o", "json", *words)
    result = CliRunner().invoke(cli, words)
    found = json.loads(result.stdout)["findings"]
    (finding,) = [each for each in found if each["rule"] == "field-without-default"]
    hurts: list[str] = finding["hurts"]
    return hurts


def export(monkeypatch: pytest.MonkeyPatch, app: App) -> None:
    """Write the revision files of the app."""
    monkeypatch.setitem(sys.modules, MODULE, SimpleNamespace(app=app))
    assert CliRunner().invoke(cli, ["schema", "export", "schemas", "--app", f"{MODULE}:app"]).exit_code == 0


async def test_a_verdict_names_the_groups_that_have_old_records_to_read(
    tmp_path: Path, bus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that has read all of them is not hurt, and a service that has never run has the whole topic before it."""
    monkeypatch.chdir(tmp_path)
    settings, namespace = Settings(data=tmp_path / "data", bus=bus), f"unread.n{uuid.uuid4().hex}"
    old = Deployed(settings, namespace, note=True)
    export(monkeypatch, old.app)
    async with old.app.running():
        for number in range(3):
            await old.app.send(old.Sell(number=str(number)))
        await old.app.settled(30)
    new = Deployed(settings, namespace, note=False, archive=True)
    words = ("--data", str(tmp_path / "data"))
    topic = f"{namespace}.events"

    read = await asyncio.to_thread(checked, monkeypatch, new.app, *words)
    assert [text for text in read if "has not read" in text] == [
        f"3 records of revision 1 on {topic} that archive has not read"
    ]

    await old.sold_unheard(range(3, 8))
    await Deployed(settings, namespace, note=False).sold_unheard(range(8, 10))
    unread = await asyncio.to_thread(checked, monkeypatch, new.app, *words)
    assert [text for text in unread if "has not read" in text] == [
        f"8 records of revision 1 on {topic} that archive has not read",
        f"5 records of revision 1 on {topic} that {old.books} has not read",
    ]
    assert [text for text in unread if text.startswith("unknown")] == [
        "unknown: the database of archive (no data of it is here)"
    ]


async def test_a_count_of_records_is_bounded_and_says_so(tmp_path: Path, bus: str) -> None:
    """A question must not read a topic of a terabyte; a bound that holds no record of the message is no "none"."""
    settings, namespace = Settings(data=tmp_path / "data", bus=bus), f"bound.n{uuid.uuid4().hex}"
    old = Deployed(settings, namespace, note=True)
    async with old.app.running():
        await old.app.send(old.Sell(number="first"))
        await old.app.settled(30)
    await old.sold_unheard(range(9))
    (schema,) = [each.fingerprint for each in revisions_now(old.app) if each.message == old.sold]
    topic = f"{namespace}.events"
    async with looking(old.app, settings.data) as sight:
        (found,) = await unread_records(sight, old.app, most=4)
        (whole,) = await unread_records(sight, old.app, most=9 * 4)
    assert (found.looked_at, found.behind, found.is_cut) == (4, 9, True)
    assert found.hurt(old.sold, {schema: 1}) == [
        f"4 records of revision 1 on {topic} that {old.books} has not read (the first 4 of 9 were looked at)"
    ]
    assert found.hurt(old.sold, {"another": 1}) == [
        f"unknown: records on {topic} that {old.books} has not read, the first 4 of 9 of which are others"
    ]
    assert (whole.looked_at, whole.is_cut, whole.hurt(old.sold, {"another": 1})) == (9, False, [])


async def test_records_that_retention_deleted_unread_are_no_obstacle(tmp_path: Path) -> None:
    """A group that is behind the oldest record has the others to read."""
    settings, namespace = Settings(data=tmp_path / "data"), "deleted.shop"
    old = Deployed(settings, namespace, note=True)
    async with old.app.running(services=["shop"]):
        for number in range(4):
            await old.app.send(old.Sell(number=str(number)))
        await old.app.settled(30)
        system = old.app.system
        assert await system.bus.trim(system.clock.now_us() + 30 * 86_400_000_000) > 0
    await old.sold_unheard(range(4, 6))
    (schema,) = [each.fingerprint for each in revisions_now(old.app) if each.message == old.sold]
    async with looking(old.app, settings.data) as sight:
        found = [text for each in await unread_records(sight, old.app) for text in each.hurt(old.sold, {schema: 1})]
    assert found == [f"2 records of revision 1 on deleted.shop.events that {old.books} has not read"]


@pytest.mark.parametrize("variable", ["PARTITA_STORE_BOOKS_NAMED_SHOP", "PARTITA_BUS"])
async def test_one_address_in_the_environment_makes_the_check_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A pipeline has the addresses that its services have, and no folder. A source that is not here is unknown, and not empty."""
    monkeypatch.chdir(tmp_path)
    there = str(tmp_path / "data")
    old = Deployed(Settings(data=tmp_path / "data"), "named.shop", note=True)
    export(monkeypatch, old.app)
    async with old.app.running():
        await old.app.send(old.Sell(number="0"))
        await old.app.settled(30)
    await old.sold_unheard(range(1, 3))
    assert not [text for text in await asyncio.to_thread(checked, monkeypatch, old_free(old)) if text[0].isdigit()]

    monkeypatch.setenv(variable, there)
    found = await asyncio.to_thread(checked, monkeypatch, old_free(old))
    if variable == "PARTITA_BUS":
        assert "2 records of revision 1 on named.shop.events that books-named-shop has not read" in found
        assert "unknown: the database of books-named-shop (no data of it is here)" in found
    else:
        assert not [text for text in found if "database of books-named-shop" in text]
        assert [text for text in found if text.startswith("unknown: records of the log (")]
    assert "unknown: the database of shop (no data of it is here)" in found


def old_free(old: Deployed) -> App:
    """The app after the change, with the settings of its environment."""
    return Deployed(Settings.from_environment(), old.sold.removesuffix(".v1.Sold"), note=False).app
