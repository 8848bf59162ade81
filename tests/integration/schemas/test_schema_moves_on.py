"""Case 59: a dead letter is replayed after the schema changed: it is read with the new defaults, or refused with the
field. A renamed class reads the letters of the old one, if `name=` keeps its name on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from tests.waiting import until

from partita import App, Command, Event, Key, Retry, Service, Settings, Since, Tx
from partita.operators.replaying import Pace, Replay
from partita.store.dead_letters import LetterFilter

TABLES = "CREATE TABLE IF NOT EXISTS seen (name TEXT, what TEXT);"


class Deployment:
    """One deployment of the same two services: `fields` are those of its event, `works` says whether its handler
    works."""

    def __init__(self, settings: Settings, fields: str, *, works: bool) -> None:
        source = Service("source", namespace="moved.source")
        sink = Service("sink", namespace="moved.sink", tables=TABLES, retry=Retry(in_place=0, delays=()))
        happened: Any
        happen_now: Any
        if fields == "first":

            class Happened(Event, of=source):
                name: Key[str]
                note: str

            class Happen(Command[Happened], of=source):
                name: Key[str]

            happened, happen_now = Happened, Happen
        elif fields == "grown":

            class Grown(Event, of=source, name="Happened"):
                name: Key[str]
                note: str
                colour: Annotated[str, Since(2)] = "grey"

            class Grow(Command[Grown], of=source, name="Happen"):
                name: Key[str]

            happened, happen_now = Grown, Grow
        else:

            class Other(Event, of=source, name="Happened"):
                name: Key[str]
                remark: str

            class DoOther(Command[Other], of=source, name="Happen"):
                name: Key[str]

            happened, happen_now = Other, DoOther
        self.Happen = happen_now

        @source.handles(happen_now)
        async def happen(cmd: Any, tx: Tx) -> Any:
            return happened(name=cmd.name, note="n")

        @sink.on
        async def see(event: happened, tx: Tx) -> None:
            if not works:
                raise ValueError("not yet")
            await tx.execute("INSERT INTO seen VALUES (:n, :w)", n=event.name, w=getattr(event, "colour", ""))

        self.app = App(source, sink, settings=settings)

    async def letters(self) -> Any:
        """The open dead letters."""
        async with self.app.store("sink").reading() as session:
            return await session.dead_letters.find("sink", 10, LetterFilter())

    async def replayed(self, system: Any) -> Any:
        """Replay all open letters."""
        replay = Replay(system.catalog.service("sink"), system.stores["sink"], system.clock, system.ids, "test")
        return await replay.run((await replay.begin(LetterFilter(), Pace(), "")).id)


async def a_letter(settings: Settings) -> None:
    """A dead letter written by the first deployment."""
    first = Deployment(settings, "first", works=False)
    async with first.app.running():
        await first.app.send(first.Happen(name="a"))

        async def dead() -> bool:
            return bool(await first.letters())

        await until(dead)


async def test_a_letter_of_the_old_schema_is_replayed_with_the_new_fields_default(settings: Settings) -> None:
    """The writer's schema is on the bus: the reader resolves it to its own."""
    await a_letter(settings)
    grown = Deployment(settings, "grown", works=True)
    async with grown.app.running() as system:
        progress = await grown.replayed(system)
        assert (progress.handled, progress.failed) == (1, 0)
        async with grown.app.store("sink").reading() as session:
            assert [dict(r) for r in await session.fetch("SELECT * FROM seen", {})] == [{"name": "a", "what": "grey"}]


async def test_a_letter_that_the_new_schema_cannot_read_is_a_dead_letter_again_and_names_the_field(
    settings: Settings,
) -> None:
    """No value is guessed, and none is lost: an edit with the new field repairs the letter."""
    await a_letter(settings)
    renamed = Deployment(settings, "renamed", works=True)
    async with renamed.app.running() as system:
        progress = await renamed.replayed(system)
        assert (progress.handled, progress.failed) == (0, 1)
        (letter,) = await renamed.letters()
        assert letter.cause_type == "Malformed" and "remark" in letter.cause


async def test_a_command_answered_before_the_class_was_renamed_is_answered_once(settings: Settings) -> None:
    """The kept answer, the idempotency key and the number of the key use the name on the wire."""
    first = Deployment(settings, "first", works=True)
    async with first.app.running():
        answer = await first.app.send(first.Happen(name="a"), idempotency_key="once")
    renamed = Deployment(settings, "grown", works=True)
    async with renamed.app.running():
        again = await renamed.app.send(renamed.Happen(name="a"), idempotency_key="once")
        assert (type(again).__name__, again.note, again.colour) == ("Grown", answer.note, "grey")
        await renamed.app.settled()
        async with renamed.app.store("sink").reading() as session:
            assert [dict(r) for r in await session.fetch("SELECT name FROM seen", {})] == [{"name": "a"}]
