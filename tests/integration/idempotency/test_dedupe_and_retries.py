"""A handler that dedupes by a business key and fails: its effect has not happened, so its next try is not a repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Tx
from partita.operators.replaying import Pace, Replay
from partita.store.dead_letters import LetterFilter


class World:
    """A source, and a group that counts each name once, but fails at first."""

    def __init__(self, data: Path, tiers: tuple[float, ...], *, concurrency: int = 1) -> None:
        source = self.source = Service("source", namespace="once.source")
        counter = Service(
            "counter",
            namespace="once.counter",
            tables="CREATE TABLE IF NOT EXISTS counted (name TEXT);",
            retry=Retry(in_place=0, delays=tiers),
        )
        self.fails = 1

        class Happened(Event, of=source):
            name: Key[str]

        class Happen(Command[Happened], of=source):
            name: Key[str]

        self.Happen = Happen

        @source.handles(Happen)
        async def happen(cmd: Happen, tx: Tx) -> Happened:
            return Happened(name=cmd.name)

        @counter.on(dedupe_by="name", concurrency=concurrency)
        async def count(event: Happened, tx: Tx) -> None:
            if self.fails:
                self.fails -= 1
                raise ValueError("not now")
            await tx.execute("INSERT INTO counted VALUES (:n)", n=event.name)

        self.app = App(source, counter, settings=Settings(data=data, time_scale=0.001))

    async def counted(self) -> list[str]:
        """The effects."""
        async with self.app.store("counter").reading() as session:
            return [row["name"] for row in await session.fetch("SELECT name FROM counted", {})]

    async def letters(self) -> Any:
        """The open dead letters."""
        async with self.app.store("counter").reading() as session:
            return await session.dead_letters.find("counter", 10, LetterFilter())


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_what_failed_has_its_effect_when_a_tier_tries_it_again(tmp_path: Path, concurrency: int) -> None:
    """Once, although a second message with the same business key arrives as well."""
    world = World(tmp_path / "data", (60.0,), concurrency=concurrency)
    async with world.app.running():
        await world.app.send(world.Happen(name="a"))

        async def counted() -> bool:
            return bool(await world.counted())

        await until(counted)
        await world.app.send(world.Happen(name="a"))
        await world.app.settled()
        assert await world.counted() == ["a"]


@pytest.mark.parametrize("concurrency", [1, 4])
async def test_a_dead_letter_has_its_effect_when_it_is_replayed(tmp_path: Path, concurrency: int) -> None:
    """The replay counts it, once."""
    world = World(tmp_path / "data", (), concurrency=concurrency)
    async with world.app.running() as system:
        await world.app.send(world.Happen(name="a"))

        async def dead() -> bool:
            return bool(await world.letters())

        await until(dead)
        replay = Replay(system.catalog.service("counter"), system.stores["counter"], system.clock, system.ids, "test")
        await replay.run((await replay.begin(LetterFilter(), Pace(), "")).id)
        await world.app.settled()
        assert await world.counted() == ["a"]
        assert not await world.letters()
