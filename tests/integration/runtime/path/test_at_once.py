"""A service's message to itself is handled in the transaction that writes it: at once, once, in order, and no failure
is passed on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx

TABLES = "CREATE TABLE IF NOT EXISTS seen (seq INTEGER PRIMARY KEY, key TEXT NOT NULL, what TEXT NOT NULL);"


class Chain:
    """One service that listens to its own events: Begin -> Begun -> Went 1 -> Went 2 -> ... -> Went `steps`."""

    def __init__(self, data: Path, *, steps: int = 3, at_once: bool = True, order: Any = "key") -> None:
        own = self.own = Service("own", namespace="once.own", tables=TABLES, retry=Retry(delays=()), order=order)
        fails_at: list[int] = []
        self.fails_at = fails_at

        class Begun(Event, of=own):
            key: Key[str]

        class Went(Event, of=own):
            key: Key[str]
            number: int

        class Begin(Command[Begun], of=own):
            key: Key[str]

        @own.handles(Begin)
        async def begin(cmd: Begin, tx: Tx) -> Begun:
            await tx.execute("INSERT INTO seen (key, what) VALUES (:k, 'begin')", k=cmd.key)
            return Begun(key=cmd.key)

        @own.on
        async def begun(event: Begun, tx: Tx) -> Went:
            await tx.execute("INSERT INTO seen (key, what) VALUES (:k, 'begun')", k=event.key)
            return Went(key=event.key, number=1)

        @own.on
        async def went(event: Went, tx: Tx) -> Went | None:
            if event.number in fails_at:
                raise ValueError("cannot go")
            await tx.execute("INSERT INTO seen (key, what) VALUES (:k, :w)", k=event.key, w=str(event.number))
            return Went(key=event.key, number=event.number + 1) if event.number < steps else None

        self.Begin = Begin
        self.app = App(own, settings=Settings(data=data, at_once=at_once))

    async def seen(self) -> list[tuple[str, str]]:
        async with self.app.store("own").reading() as session:
            return [(r["key"], r["what"]) for r in await session.fetch("SELECT * FROM seen ORDER BY seq", {})]

    async def commits(self) -> int:
        """The number of different times of writing among the messages: those of one transaction share theirs."""
        async with self.app.store("own").reading() as session:
            (row,) = await session.fetch("SELECT count(DISTINCT at_us) AS n FROM outbox", {})
        return int(row["n"])


async def test_a_chain_within_a_service_takes_one_transaction_after_the_door(tmp_path: Path) -> None:
    """At the door only requested handlers run; a message that comes by the bus carries its chain along."""
    chain = Chain(tmp_path / "data")
    async with chain.app.running():
        await chain.app.send(chain.Begin(key="a"))
        await chain.app.settled()
        assert await chain.seen() == [("a", "begin"), ("a", "begun"), ("a", "1"), ("a", "2"), ("a", "3")]
        assert await chain.commits() == 2


async def test_without_it_the_same_comes_by_the_bus(tmp_path: Path) -> None:
    """The setting changes the time of handling, and never the result."""
    chain = Chain(tmp_path / "data", at_once=False)
    async with chain.app.running():
        await chain.app.send(chain.Begin(key="a"))
        await chain.app.settled()
        assert await chain.seen() == [("a", "begin"), ("a", "begun"), ("a", "1"), ("a", "2"), ("a", "3")]
        assert await chain.commits() == 4


async def test_the_copy_that_comes_by_the_bus_does_nothing_also_after_a_restart(tmp_path: Path) -> None:
    """The marks are gone, as they are after a day: the envelope itself says that it was handled."""
    chain = Chain(tmp_path / "data")
    async with chain.app.running(roles=("consumers",)) as system:
        await chain.app.send(chain.Begin(key="a"))
        async with system.stores["own"].reading() as session:
            rows = [row for _, row in await session.outbox.unsent(range(4), 10)]
        assert [row.id for row in rows], "nothing left without a relay"
    async with chain.app.running():
        await chain.app.settled()
    async with chain.app.running() as system:
        async with system.stores["own"].transaction() as session:
            await session.execute("DELETE FROM inbox", {})
            await session.execute("UPDATE key_numbers SET counted = '{}'", {})
            await session.execute("INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE seq > 1", {})
        await chain.app.settled()
        assert len(await chain.seen()) == 5


@pytest.mark.parametrize("order", ["key", "none"])
async def test_the_copy_does_nothing_also_where_the_database_has_another_name_meanwhile(
    tmp_path: Path, order: str
) -> None:
    """A standby that was promoted has lost nothing and sends under a new source: what it was handed of the old one it knows
    by the number of its key, and where there is no order by a mark."""
    chain = Chain(tmp_path / "data", order=order)
    async with chain.app.running() as system:
        await chain.app.send(chain.Begin(key="a"))
        await chain.app.settled()
        before = system.stores["own"].source
        async with system.stores["own"].transaction() as session:
            await session.execute("UPDATE partita_meta SET value = '2' WHERE name = 'incarnation'", {})
            await session.execute("INSERT INTO outbox_queue (slot, seq) SELECT slot, seq FROM outbox WHERE seq > 1", {})
    async with chain.app.running() as system:
        assert system.stores["own"].source != before
        await chain.app.settled()
        assert len(await chain.seen()) == 5


async def test_an_earlier_message_of_the_key_that_is_still_on_its_way_goes_first(tmp_path: Path) -> None:
    """G4: of a key, a message that is handled at once may not pass one that waits in the outbox or on the bus."""
    chain = Chain(tmp_path / "data")
    slow = chain.app.configured(replace(chain.app.settings, at_once=False))
    async with slow.running(roles=()):
        for _ in range(3):
            await slow.send(chain.Begin(key="a"))
    async with chain.app.running():
        await chain.app.send(chain.Begin(key="a"))
        await chain.app.settled()
        seen = [what for _, what in await chain.seen()]
    assert seen[:4] == ["begin"] * 4
    assert sorted(seen) == sorted(["begin", "begun", "1", "2", "3"] * 4)
    async with chain.app.running() as system, system.stores["own"].reading() as session:
        assert await session.dead_letters.count() == 0, "a number was skipped"


async def test_a_chained_handler_that_fails_is_blamed_alone(tmp_path: Path) -> None:
    """Its cause is handled and stays handled; only the message that cannot be handled becomes a dead letter."""
    chain = Chain(tmp_path / "data")
    chain.fails_at.append(2)
    async with chain.app.running() as system:
        await asyncio.gather(*(chain.app.send(chain.Begin(key=f"k{n}")) for n in range(5)))
        await chain.app.settled(dead_letters=True)
        seen = await chain.seen()
        async with system.stores["own"].reading() as session:
            letters = await session.dead_letters.find()
    assert sorted(what for _, what in seen) == sorted(["begin", "begun", "1"] * 5)
    assert {letter.cause for letter in letters} == {"cannot go"} and len(letters) == 5


async def test_a_circle_of_events_commits_all_the_same(tmp_path: Path) -> None:
    """A chain longer than a transaction may be is cut, and goes on by the bus."""
    chain = Chain(tmp_path / "data", steps=30)
    async with chain.app.running():
        await chain.app.send(chain.Begin(key="a"))
        await chain.app.settled()
        assert [what for _, what in await chain.seen()] == ["begin", "begun", *map(str, range(1, 31))]
        assert 4 <= await chain.commits() <= 8


@pytest.mark.parametrize("count", [40])
async def test_both_ways_leave_the_same_tables(tmp_path: Path, count: int) -> None:
    """Many keys at once, some of them several times."""
    found = []
    for at_once in (True, False):
        chain = Chain(tmp_path / str(at_once), at_once=at_once)
        async with chain.app.running():
            await asyncio.gather(*(chain.app.send(chain.Begin(key=f"k{n % 9}")) for n in range(count)))
            await chain.app.settled()
            found.append(sorted(await chain.seen()))
    assert found[0] == found[1]
    assert len(found[0]) == 5 * count
