"""A handler publishes the events that it declares, and no others: an undeclared one is a failure of its message, and
no message of that try leaves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from partita import App, Command, Event, Key, PartitaError, Retry, Service, Settings, Tx

TABLES = "CREATE TABLE IF NOT EXISTS seen (id TEXT);"
NOTE = "INSERT INTO seen VALUES (:id)"
DEAD = "SELECT cause_type, cause FROM dead_letter"


class World:
    """A service that asks, and one whose handlers the test declares."""

    def __init__(self) -> None:
        self.asking = Service("asking", namespace="declared.asking")
        self.shop = Service(
            "shop", namespace="declared.shop", tables=TABLES, retry=Retry(in_place=0, delays=(), storm=10**9)
        )
        asking, shop = self.asking, self.shop

        class Asked(Event, of=asking):
            id: Key[str]

        class Ask(Command[Asked], of=asking):
            id: Key[str]

        class One(Event, of=shop):
            id: Key[str]

        class Two(Event, of=shop):
            id: Key[str]

        class Done(Event, of=shop):
            id: Key[str]

        class Do(Command[Done], of=shop):
            id: Key[str]

        @asking.handles(Ask)
        async def ask(cmd: Ask) -> Asked:
            return Asked(id=cmd.id)

        self.Asked, self.Ask, self.One, self.Two, self.Done, self.Do = Asked, Ask, One, Two, Done, Do
        self.app = App(asking, shop)


def publishes_alone(world: World, **options: Any) -> None:
    """Two statements, so it runs by itself. It publishes `Two` for the message "bad"."""
    One, Two = world.One, world.Two

    @world.shop.on(emits=One, **options)
    async def handler(event: world.Asked, tx: Tx) -> None:
        await tx.execute(NOTE, id=event.id)
        await tx.execute(NOTE, id=event.id)
        tx.publish(One(id=event.id))
        if event.id == "bad":
            tx.publish(Two(id=event.id))


def publishes_outside(world: World) -> None:
    """The same, in a transaction of its own."""
    publishes_alone(world, concurrency=2)


def publishes_in_time(world: World) -> None:
    """The same, with a limit."""
    publishes_alone(world, timeout=60)


def publishes_in_a_wave(world: World) -> None:
    """One statement: it runs side by side with others."""
    One, Two = world.One, world.Two

    @world.shop.on(emits=One)
    async def handler(event: world.Asked, tx: Tx) -> None:
        await tx.execute(NOTE, id=event.id)
        tx.publish(One(id=event.id), *([Two(id=event.id)] if event.id == "bad" else []))


def returns_in_a_wave(world: World) -> None:
    """Its returned event passes the annotation of a wider type."""
    One, Two = world.One, world.Two

    @world.shop.on(emits=One)
    async def handler(event: world.Asked, tx: Tx) -> Event:
        await tx.execute(NOTE, id=event.id)
        return Two(id=event.id) if event.id == "bad" else One(id=event.id)


def returns_from_a_thread(world: World) -> None:
    """A plain function; a declared event comes before the other one."""
    One, Two = world.One, world.Two

    @world.shop.on
    def handler(event: world.Asked) -> list[One]:
        return [One(id=event.id), *([Two(id=event.id)] if event.id == "bad" else [])]


@pytest.mark.parametrize(
    "declare",
    [
        publishes_alone,
        publishes_outside,
        publishes_in_time,
        publishes_in_a_wave,
        returns_in_a_wave,
        returns_from_a_thread,
    ],
)
async def test_an_undeclared_event_fails_its_message_and_nothing_else(declare: Callable[[World], None]) -> None:
    """Its dead letter names the handler, the event, and the line to write; messages beside it in the batch are handled."""
    world = World()
    declare(world)
    (handler,) = world.shop.declared.bindings
    assert handler.one_statement is declare.__name__.endswith("in_a_wave")
    async with world.app.testing() as t:
        for name in ("a", "bad", "z"):
            await t.send(world.Ask(id=name))
        await t.settled(dead_letters=True)
        assert [event.id for event in t.published(world.One)] == ["a", "z"]
        assert not t.published(world.Two)
        assert await t.fetch("shop", "SELECT id FROM seen WHERE id = 'bad'") == []
        (letter,) = await t.fetch("shop", DEAD)
    assert letter["cause_type"] == "PartitaError"
    assert "handler publishes Two, which it does not declare" in letter["cause"]
    assert "@shop.on(emits=(One, Two))" in letter["cause"]


async def test_the_handler_of_a_command_publishes_what_it_emits_besides_its_reply() -> None:
    """The error has the line to write, with all that it emits."""
    world = World()
    One, Two, Done, Do = world.One, world.Two, world.Done, world.Do

    @world.shop.handles(Do, emits=One)
    async def do(cmd: Do, tx: Tx) -> Done:
        tx.publish(One(id=cmd.id), Done(id="earlier"))
        if cmd.id == "bad":
            tx.publish(Two(id=cmd.id))
        return Done(id=cmd.id)

    async with world.app.testing() as t:
        assert await t.send(Do(id="a")) == Done(id="a")
        assert [event.id for event in t.published(Done)] == ["earlier", "a"]
        with pytest.raises(PartitaError, match="do publishes Two, which it does not declare") as refused:
            await t.send(Do(id="bad"))
        assert refused.value.hint == "@shop.handles(Do, emits=(One, Two))"
        assert [event.id for event in t.published(One)] == ["a"]
        assert not t.published(Two)


async def test_what_is_no_event_is_refused_as_that() -> None:
    """Before a declaration is required, which it cannot have."""
    world = World()
    said: list[str] = []

    @world.shop.on
    async def handler(event: world.Asked, tx: Tx) -> None:
        for wrong in (world.Do(id="x"), "text"):
            with pytest.raises(PartitaError) as refused:
                tx.publish(wrong)
            said.append(refused.value.what)

    async with world.app.testing() as t:
        await t.send(world.Ask(id="a"))
    assert said[0] == "Do is a command; a handler publishes events."
    assert "is not a declared message" in said[1]


async def test_a_call_that_is_refused_publishes_and_sends_nothing() -> None:
    """A handler that catches the refusal and goes on has published none of the events of that call."""
    world = World()
    One, Two, Do, Done = world.One, world.Two, world.Do, world.Done

    @world.shop.on(emits=One)
    async def handler(event: world.Asked, tx: Tx) -> None:
        with suppress(PartitaError):
            tx.publish(One(id="half"), Two(id="other half"))
        with suppress(PartitaError):
            tx.send(Do(id="half"), One(id="other half"))
        tx.publish(One(id="whole"))

    @world.shop.handles(Do)
    async def do(cmd: Do) -> Done:
        return Done(id=cmd.id)

    async with world.app.testing() as t:
        await t.send(world.Ask(id="a"))
        await t.settled()
        assert [event.id for event in t.published(One)] == ["whole"]
        assert not t.sent(Do)


MESSAGES = """
from partita import Event, Key, Service
shop = globals().get("shop") or Service("again", namespace="declared.again")


class Asked(Event, of=shop):
    id: Key[str]


class Made(Event, of=shop):
    id: Key[str]
"""


async def test_an_event_of_a_module_that_was_executed_again_is_the_one_that_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reload of the messages alone, as in a notebook, makes other classes of the same events."""
    module: Any = ModuleType("declares_again")
    module.__file__ = str(tmp_path / "declares_again.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    code = compile(MESSAGES, module.__file__, "exec")
    exec(code, vars(module))
    asking = Service("asking-again", namespace="declared.asking_again")

    class Asked(Event, of=asking):
        id: Key[str]

    class Ask(Command[Asked], of=asking):
        id: Key[str]

    @asking.handles(Ask)
    async def ask(cmd: Ask) -> Asked:
        return Asked(id=cmd.id)

    @module.shop.on
    async def make(event: Asked) -> module.Made:
        return module.Made(id=event.id)

    first = module.Made
    exec(code, vars(module))
    assert module.Made is not first
    async with App(asking, module.shop, settings=Settings(data=tmp_path)).testing() as t:
        await t.send(Ask(id="a"))
        await t.settled()
        assert [event.id for event in t.published(module.Made)] == ["a"]
