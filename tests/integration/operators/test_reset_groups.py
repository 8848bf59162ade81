"""`partita consumers reset` on each bus: refused before anything is changed, or done completely, with a list of the
moves."""

from __future__ import annotations

import asyncio
import io
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.conftest import Bank
from tests.servers import kafka_cluster
from tests.waiting import until

from partita import Conflict
from partita.bus.features import Feature
from partita.bus.log.bus import LogBus
from partita.bus.port import Moved
from partita.cli.main import main
from partita.errors import BusUnavailable, FeatureAbsent, NotFound
from partita.operators.steering import pause_group, reset_group

APP = "reset_app:app"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A Kafka of its own."""
    with kafka_cluster() as found:
        yield found.url


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("postgresql", marks=pytest.mark.slow),
        pytest.param("kafka", marks=pytest.mark.slow),
    ]
)
def bank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A bank whose log is on one of the buses; where it is on PostgreSQL, its services are there too."""
    kind = request.param
    bus = {"embedded": "", "postgresql": "database", "kafka": "broker"}[kind]
    url = str(request.getfixturevalue(bus)) if bus else ""
    made: Any = Bank(tmp_path / "data")
    store = url if kind == "postgresql" else ""
    made.app = made.app.configured(replace(made.app.settings, bus=url, store=store))
    made.kind = kind
    module: Any = types.ModuleType("reset_app")
    module.app = made.app
    sys.modules["reset_app"] = module
    yield made
    sys.modules.pop("reset_app")


async def partita(bank: Any, *words: str) -> tuple[int, str]:
    """Run the command line in a thread of this process, as another process would; returns its code and its output."""

    def run() -> tuple[int, str]:
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            try:
                main([*words, "--app", APP, "--data", str(bank.app.settings.data)])
            except SystemExit as ended:
                return int(ended.code or 0), said.getvalue()
        return 0, said.getvalue()

    return await asyncio.to_thread(run)


async def reset(bank: Any, to: str, *words: str) -> tuple[int, str]:
    return await partita(
        bank, "consumers", "reset", "audit", "--topic", bank.bank.events_topic, "--to", to, *words, "--reason", "test"
    )


async def marks(bank: Any) -> int:
    async with bank.app.store("audit").reading() as session:
        rows = await session.fetch("SELECT count(*) AS n FROM key_numbers WHERE counted <> '{}'", {})
    return int(rows[0]["n"])


async def test_it_is_refused_before_anything_or_done_whole(bank: Any) -> None:
    """While members run a broker moves no group: then the marks stay, too, and the command does not report success."""
    async with bank.app.running():
        for cents in (1, 2, 3):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        await bank.app.settled(60)
        known = await marks(bank)
        assert known == 1
        code, said = await reset(bank, "start", "--execute", "--yes")
        assert code == 5 and "audit is not paused; nothing was done" in said
        code, said = await reset(bank, "start")
        assert code == 0 and "would be at their start" in said and "partita consumers pause audit" in said
        await pause_group(bank.app.store("audit"), reason="", by="ann")
        code, said = await reset(bank, "start", "--execute", "--yes")
        if bank.kind == "kafka":
            assert code == 5 and "has members" in said and "nothing was done" in said, said
            assert await marks(bank) == known
        else:
            assert code == 0 and "partitions of test.bank.events moved to their start" in said, said
    async with bank.app.running(services=["bank"], roles=()):
        pass
    code, said = 5, ""
    end = asyncio.get_running_loop().time() + 60

    async def done() -> bool:
        nonlocal code, said
        code, said = await reset(bank, "start", "--execute", "--yes")
        return code == 0

    await until(done, 60.0)  # until the sessions of the members have ended
    assert asyncio.get_running_loop().time() < end and "is at" in said
    async with bank.app.running() as system:
        assert await marks(bank) == 0
        async with system.stores["audit"].transaction() as session:
            await session.execute("DELETE FROM entry WHERE cents = 2", {})
            await session.execute("DELETE FROM inbox WHERE consumer = 'audit' AND key = 'a'", {})
            await session.execute("DELETE FROM entry", {})
            await session.groups.resume("audit")

        async def rebuilt() -> bool:
            return len(await bank.rows("audit", "SELECT * FROM entry")) == 3

        await until(rebuilt, 60.0)
        async with system.stores["audit"].reading() as session:
            entries = [e for e in await session.operations.entries() if e.verb == "consumers reset"]
        assert entries and all("to its start: 0 from" in entry.detail for entry in entries)


async def test_a_group_moved_before_its_first_process_begins_there(bank: Any) -> None:
    """An empty database whose group is not at the start of a topic counts as restored from a backup, unless an operator moved
    the group: then the records before the new position stay unread."""
    async with bank.app.running(services=["bank"]):
        for cents in (1, 2):
            await bank.app.send(bank.Deposit(name="a", cents=cents))
        await bank.app.settled(60)
    async with bank.app.running(services=["audit"], roles=()) as system:
        topics = [bank.bank.events_topic]
        subscription = system.bus.subscribe("audit", topics, "joins once")
        await subscription.poll(0)
        await subscription.keep()
        await subscription.close()
        await pause_group(system.stores["audit"], reason="", by="ann")

        async def moved() -> bool:
            try:
                await reset_group(system.stores["audit"], system.bus, topics[0], "end", reason="", by="ann")
            except Conflict:
                return False  # until the session of the member has ended
            return True

        await until(moved, 60.0)
        async with system.stores["audit"].transaction() as session:
            await session.groups.resume("audit")
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="a", cents=3))
        await bank.app.settled(60)
        assert [row["cents"] for row in await bank.rows("audit", "SELECT cents FROM entry")] == [3]


class Refusing:
    """A bus whose groups cannot be moved."""

    features = LogBus.features

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def partitions(self, topics: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(topics, 1)

    async def reset(self, group: str, topic: str, to_start: bool) -> list[Moved]:
        if self.error is not None:
            raise self.error
        return []


@pytest.mark.parametrize("error", [Conflict("it has members"), BusUnavailable("away"), None], ids=repr)
async def test_what_moved_nothing_deletes_nothing(error: Exception | None, tmp_path: Path) -> None:
    bank: Any = Bank(tmp_path / "data")
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="a", cents=1))
        await bank.app.settled()
        store = system.stores["audit"]
        await pause_group(store, reason="", by="ann")
        refusing: Any = Refusing(error)
        with pytest.raises((Conflict, BusUnavailable, NotFound)):
            await reset_group(store, refusing, bank.bank.events_topic, "start", reason="", by="ann")
        assert await marks(bank) == 1
        async with store.reading() as session:
            assert [entry.verb for entry in await session.operations.entries()] == ["consumers pause"]


async def test_a_bus_without_replay_refuses_a_reset(tmp_path: Path) -> None:
    """Before anything is changed: cleared marks without records to read again would let copies of old messages run."""
    bank: Any = Bank(tmp_path / "data")
    async with bank.app.running() as system:
        await bank.app.send(bank.Deposit(name="a", cents=1))
        await bank.app.settled()
        store = system.stores["audit"]
        await pause_group(store, reason="", by="ann")
        queue: Any = Refusing(None)
        queue.features = LogBus.features & ~Feature.REPLAY
        with pytest.raises(FeatureAbsent, match="Resetting audit needs a bus with replay; this bus lacks replay"):
            await reset_group(store, queue, bank.bank.events_topic, "start", reason="", by="ann")
        assert await marks(bank) == 1
        async with store.reading() as session:
            assert [entry.verb for entry in await session.operations.entries()] == ["consumers pause"]


@pytest.mark.parametrize("words", [(), ("--execute", "--yes")], ids=["shown", "done"])
async def test_the_command_line_says_that_the_bus_cannot_replay(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when it only shows the moves, and whether the group is paused or not."""
    bank: Any = Bank(tmp_path / "data")
    bank.kind = "embedded"
    module: Any = types.ModuleType("reset_app")
    module.app = bank.app
    monkeypatch.setitem(sys.modules, "reset_app", module)
    async with bank.app.running():
        await bank.app.send(bank.Deposit(name="a", cents=1))
        await bank.app.settled()
    monkeypatch.setattr(LogBus, "features", LogBus.features & ~Feature.REPLAY)
    code, said = await reset(bank, "start", *words)
    assert code == 5 and "this bus lacks replay" in said and "PARTITA_BUS" in said, said
    async with bank.app.running() as system, system.stores["audit"].reading() as session:
        assert not await session.operations.entries()
