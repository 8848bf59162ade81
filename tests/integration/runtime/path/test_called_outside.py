"""Handlers that call outside: a refusal of the database at the end counts against their message, no call is made
twice because of it, and none is made while a transaction is open that others wait for, nor before the call for an
earlier message of the key."""

import asyncio
import contextlib
from typing import Any

import pytest
from tests.waiting import until

from partita import App, Command, Event, Key, Meta, Retry, Saga, Service, Settings, Tx, retriable, seconds
from partita.bus.port import Outgoing
from partita.catalog.contract import contract_of
from partita.idempotency.inbox import payload_hash
from partita.message import Envelope, envelope_to_bytes
from partita.store.inbox import InboxRow

TABLES = """
CREATE TABLE IF NOT EXISTS parent (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS child (
    id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED
);
"""
ORPHAN = "INSERT INTO child VALUES (:id, 'nobody')"
PATIENCE_S = 20.0


class World:
    """A source of events and a sink whose handlers a test gives; `calls` are the calls that began."""

    def __init__(self, settings: Settings, order: Any = "key", **retry: Any) -> None:
        self.calls: list[str] = []
        source = self.source = Service("source", namespace="outside.source")
        self.sink = Service(
            "sink",
            namespace="outside.sink",
            tables=TABLES,
            order=order,
            retry=Retry(**({"in_place": 1, "first_wait_s": 0.01, "delays": ()} | retry)),
        )

        class Told(Event, of=source):
            id: Key[str]
            about: str = ""

        class Tell(Command[Told], of=source):
            id: Key[str]
            about: str = ""

        @source.handles(Tell)
        async def tell(cmd: Tell) -> Told:
            return Told(id=cmd.id, about=cmd.about)

        self.Told, self.Tell = Told, Tell
        self.app = App(source, self.sink, settings=settings)

    def running(self) -> Any:
        """The app, with the handlers that the test has added, running."""
        self.app = App(*self.app.services, settings=self.app.settings)
        return self.app.running()

    async def is_free(self) -> None:
        """Return when another transaction has written in the sink's database.

        Raises:
            TimeoutError: it waits for the transaction of the handler that asks.
        """
        async with asyncio.timeout(2), self.app.store("sink").transaction() as session:
            await session.execute("INSERT INTO parent VALUES ('p') ON CONFLICT DO NOTHING", {})

    async def letters(self) -> list[Any]:
        """The sink's dead letters."""
        async with self.app.store("sink").reading() as session:
            return list(await session.dead_letters.find("sink"))


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
async def test_a_commit_that_the_database_refuses_is_the_messages_failure(settings: Settings) -> None:
    """If it were taken for an accident of the lane, the call would be repeated for ever, and its key would wait for
    ever."""
    world = World(settings)
    Told = world.Told

    @world.sink.on(concurrency=2)
    async def orphan(event: Told, tx: Tx) -> None:  # type: ignore[valid-type]  # made for this test
        world.calls.append(event.id)
        await tx.execute(ORPHAN, id=event.id)

    async with world.running():
        await world.app.send(world.Tell(id="a"))
        await world.app.settled(PATIENCE_S, dead_letters=True)
        (letter,) = await world.letters()
    assert letter.key == "a" and "foreign key" in letter.cause
    assert len(world.calls) == 2  # as often as the policy allows


async def test_a_handler_that_swallows_why_its_transaction_did_not_open_holds_nobody_up(settings: Settings) -> None:
    """It opens after the handlers at the latest: a second transaction within the first would wait for it for ever."""
    world = World(settings)
    Told = world.Told

    @world.sink.on(concurrency=2)
    async def careless(event: Told, tx: Tx, meta: Meta) -> None:  # type: ignore[valid-type]  # made for this test
        world.calls.append(event.id)
        if event.id == "copied":
            await handled_meanwhile(world, event, meta)
        with contextlib.suppress(Exception):
            await tx.execute(ORPHAN.replace("'nobody'", "'p'"), id=event.id)

    async with world.running():
        await world.is_free()
        await world.app.send(world.Tell(id="copied"))
        await world.app.settled(PATIENCE_S)
        await world.app.send(world.Tell(id="next"))
        await world.app.settled(PATIENCE_S)
        async with world.app.store("sink").reading() as session:
            rows = await session.fetch("SELECT id FROM child", {})
    assert world.calls == ["copied", "next"]
    assert [row["id"] for row in rows] == ["next"]


async def handled_meanwhile(world: World, event: Any, meta: Meta) -> None:
    """Another member handles the message while this one calls outside."""
    contract = contract_of(type(event))
    _, value = world.app.system.codec.encode(contract.shape, event)
    hashed = payload_hash(meta.type, value)
    now_us = await world.app.store("sink").now_us()
    row = InboxRow("sink", meta.message_id, meta.type, meta.key, "c", None, hashed, now_us, "handled")
    async with world.app.store("sink").transaction() as session:
        await session.inbox.mark([row])


async def test_no_lock_is_held_when_another_handler_knows_the_business_key(settings: Settings) -> None:
    world = World(settings)
    Told = world.Told

    @world.sink.on(name="once", dedupe_by="about", concurrency=2)
    async def once(event: Told) -> None:  # type: ignore[valid-type]  # made for this test
        world.calls.append(f"once {event.id}")

    @world.sink.on(name="each", concurrency=2)
    async def each(event: Told) -> None:  # type: ignore[valid-type]  # made for this test
        await world.is_free()
        world.calls.append(f"each {event.id}")

    async with world.running():
        for number in range(2):
            await world.app.send(world.Tell(id=f"e{number}", about="it"))
            await world.app.settled(PATIENCE_S)
    assert world.calls == ["once e0", "each e0", "each e1"]


async def test_no_lock_is_held_when_a_saga_sends_again_what_died(settings: Settings) -> None:
    world = World(settings, "none", in_place=0, permanent=(ValueError,))
    source, sink, Told = world.source, world.sink, world.Told

    class Worked(Event, of=sink):
        id: Key[str]

    class Work(Command[Worked], of=sink):
        id: Key[str]

    class Working(Saga, start=Told, of=source, deadline=seconds(60)):
        work = retriable(Work, timeout=seconds(0.5))

    @sink.handles(Work, concurrency=2)
    async def work(cmd: Work) -> Worked:
        world.calls.append(cmd.id)
        if len(world.calls) == 1:
            raise ValueError("no")
        await world.is_free()
        return Worked(id=cmd.id)

    async with world.running():
        await world.app.send(world.Tell(id="a"))
        await world.app.settled(PATIENCE_S)
        assert [letter.status for letter in await world.letters()] == ["handled"]
    assert world.calls == ["a", "a"]


async def test_a_call_is_not_made_before_that_of_an_earlier_message_of_the_key(settings: Settings) -> None:
    world = World(settings)
    Told = world.Told

    @world.sink.on(concurrency=2)
    async def call(event: Told) -> None:  # type: ignore[valid-type]  # made for this test
        world.calls.append(event.about)

    async with world.running():
        await world.app.bus.append([numbered(world, 1)])
        await until(lambda: world.calls == ["1"])
        await world.app.bus.append([numbered(world, 3)])

        async def waits() -> bool:
            async with world.app.store("sink").reading() as session:
                return (await session.parking.status("sink")).gap == 1

        await until(waits)
        await world.app.bus.append([numbered(world, 2)])
        await world.app.settled(PATIENCE_S)
    assert world.calls == ["1", "2", "3"]


def numbered(world: World, number: int) -> Outgoing:
    """An event with number `number` of one key, as another program writes it."""
    contract = contract_of(world.Told)
    fingerprint, value = world.app.system.codec.encode(contract.shape, world.Told(id="k", about=str(number)))
    id_ = f"told-{number}"
    envelope = Envelope(id_, "elsewhere/1", contract.full_name, 1, "c", schema=fingerprint, key_sequence=number)
    return Outgoing(contract.topic, "k", envelope_to_bytes(envelope), value, id_)
