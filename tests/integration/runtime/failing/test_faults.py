"""`Fault[T]`: a dead letter is published as an event, together with the dead letter and only then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita import App, DeclarationError, Event, Fault, Key, Retry, Service, Settings, Tx
from partita.bus.port import Outgoing
from partita.message import Envelope, envelope_to_bytes
from partita.operators.replaying import Pace, Replay
from partita.store.dead_letters import LetterFilter

TABLES = (
    "CREATE TABLE IF NOT EXISTS told (name TEXT, cause TEXT, attempts BIGINT, who TEXT, message TEXT, letter TEXT);"
)


class World:
    """A source of events, a group that fails on some of them, and a group that gets the faults and may fail on them."""

    def __init__(self, data: Path) -> None:
        source = self.source = Service("source", namespace="fault.source")
        worker = Service("worker", namespace="fault.worker", retry=Retry(in_place=1, delays=()))
        desk = Service("desk", namespace="fault.desk", tables=TABLES, retry=Retry(in_place=0, delays=()))
        self.failing = True
        self.desk_fails = False

        class Happened(Event, of=source):
            name: Key[str]
            note: str = ""

        self.Happened = Happened

        @worker.on
        async def work(event: Happened, tx: Tx) -> None:
            if event.name == "bad" and self.failing:
                raise ValueError("cannot work on it")

        @desk.on
        async def hear(fault: Fault[Happened], tx: Tx) -> None:
            if self.desk_fails:
                raise ValueError("and the desk burns")
            said = repr(fault.message)
            sql = "INSERT INTO told VALUES (:n, :c, :a, :w, :m, :l)"
            await tx.execute(
                sql, n=fault.key, c=fault.cause, a=fault.attempts, w=fault.group, m=said, l=fault.letter_id
            )

        self.app = App(source, worker, desk, settings=Settings(data=data))

    async def publish(self, *events: Any) -> None:
        """Put events on the bus as the source would."""
        codec = self.app.system.codec
        for event in events:
            contract = type(event).__partita__
            fingerprint, value = codec.encode(contract.shape, event)
            await self._append(event.name, fingerprint, value)

    async def _append(self, key: str, fingerprint: str, value: bytes) -> None:
        name = self.app.system.ids.new()
        contract = self.Happened.__partita__  # type: ignore[attr-defined]
        envelope = Envelope(name, "elsewhere", contract.full_name, 1, name, schema=fingerprint)
        await self.app.system.bus.append(
            [Outgoing("fault.source.events", key, envelope_to_bytes(envelope), value, name)]
        )

    async def told(self) -> list[dict[str, Any]]:
        """The records of the desk."""
        async with self.app.store("desk").reading() as session:
            return [dict(row) for row in await session.fetch("SELECT * FROM told", {})]

    async def letters(self, group: str) -> Any:
        """The open dead letters of a group."""
        async with self.app.store(group).reading() as session:
            return await session.dead_letters.find(group, 10, LetterFilter())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world in a fresh folder."""
    return World(tmp_path / "data")


async def test_a_dead_letter_is_told_with_its_message_cause_and_tries(world: World) -> None:
    """The message arrives as the class it is; a handled message publishes no fault."""
    async with world.app.running():
        await world.publish(world.Happened(name="good"), world.Happened(name="bad", note="n"))

        async def heard() -> bool:
            return bool(await world.told())

        await until(heard)
        await world.app.settled(dead_letters=True)
        (letter,) = await world.letters("worker")
        assert await world.told() == [
            {
                "name": "bad",
                "cause": "cannot work on it",
                "attempts": 2,
                "who": "worker",
                "message": repr(world.Happened(name="bad", note="n")),
                "letter": letter.id,
            }
        ]


async def test_a_replay_that_fails_again_is_told_again_and_one_that_succeeds_is_not(world: World) -> None:
    """Each dead letter is one fault, also the second letter of the same message."""
    async with world.app.running() as system:
        await world.publish(world.Happened(name="bad"))

        async def heard(count: int) -> bool:
            return len(await world.told()) == count

        await until(lambda: heard(1))
        service, store = system.catalog.service("worker"), system.stores["worker"]
        for failing in (True, False):
            world.failing = failing
            replay = Replay(service, store, system.clock, system.ids, "test")
            await replay.run((await replay.begin(LetterFilter(), Pace(), "")).id)
            await world.app.settled(dead_letters=True)
            assert len(await world.told()) == 2
        assert not await world.letters("worker")


async def test_bytes_that_cannot_be_decoded_are_told_without_the_message(world: World) -> None:
    """The type is known, the value is broken: a service that reacts still gets the fault."""
    async with world.app.running() as system:
        fingerprint = system.codec.learn(world.Happened.__partita__.shape)  # type: ignore[attr-defined]
        await world._append("bad", fingerprint, b"\xff")

        async def heard() -> bool:
            return bool(await world.told())

        await until(heard)
        (told,) = await world.told()
        assert (told["name"], told["message"]) == ("bad", "None")


async def test_a_fault_that_fails_ends_as_a_dead_letter_and_tells_nobody(world: World) -> None:
    """Otherwise a circle of faults would never end."""
    world.desk_fails = True
    async with world.app.running():
        await world.publish(world.Happened(name="bad"))

        async def dead() -> bool:
            return bool(await world.letters("desk"))

        await until(dead)
        await world.app.settled(dead_letters=True)
        (letter,) = await world.letters("desk")
        assert letter.type == "fault.source.v1.Happened.Fault"
        async with world.app.store("desk").reading() as session:
            left = await session.fetch("SELECT type FROM outbox WHERE aggregatetype LIKE '%.faults'", {})
        assert not left


def test_a_fault_of_what_is_no_message_is_refused_where_it_is_declared(tmp_path: Path) -> None:
    """The annotation is the subscription."""
    service = Service("some", namespace="fault.some")

    async def hear(fault: Fault[int]) -> None: ...

    with pytest.raises(DeclarationError, match="not a declared message"):
        service.on(hear)
