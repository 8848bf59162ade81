"""`app.testing()`: the process of one handler dies, its message comes twice or late, or nothing runs it."""

from __future__ import annotations

import pytest

from partita import App, Command, DeclarationError, Event, Key, NotFound, Saga, Service, Tx, minutes, seconds, step
from partita.testing.scenario import Scenario

ROOMS = "CREATE TABLE IF NOT EXISTS held (id TEXT PRIMARY KEY, times BIGINT NOT NULL);"
BILLS = "CREATE TABLE IF NOT EXISTS billed (id TEXT NOT NULL);"
desk = Service("desk", namespace="dying.desk")
rooms = Service("rooms", namespace="dying.rooms", tables=ROOMS)
bills = Service("bills", namespace="dying.bills", tables=BILLS)
mail = Service("mail", namespace="dying.mail", tables=BILLS)


class Asked(Event, of=desk):
    id: Key[str]


class Dropped(Event, of=desk):
    id: Key[str]
    reason: str


class Ask(Command[Asked], of=desk):
    id: Key[str]


class Held(Event, of=rooms):
    id: Key[str]


class Freed(Event, of=rooms):
    id: Key[str]


class Hold(Command[Held], of=rooms):
    id: Key[str]


class Free(Command[Freed], of=rooms):
    id: Key[str]


class Booking(Saga, start=Asked, deadline=minutes(15), undone=Dropped, of=desk):
    hold = step(Hold, undo=Free, timeout=seconds(30))


@desk.handles(Ask)
async def ask(cmd: Ask) -> Asked:
    return Asked(id=cmd.id)


@rooms.handles(Hold)
async def hold(cmd: Hold, tx: Tx) -> Held:
    await tx.execute(
        "INSERT INTO held VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET times = held.times + 1", id=cmd.id
    )
    return Held(id=cmd.id)


@rooms.handles(Free)
async def free(cmd: Free, tx: Tx) -> Freed:
    await tx.execute("DELETE FROM held WHERE id = :id", id=cmd.id)
    return Freed(id=cmd.id)


@bills.on
async def bill(event: Held, tx: Tx) -> None:
    await tx.execute("INSERT INTO billed VALUES (:id)", id=event.id)


@mail.on
async def tell(event: Held, tx: Tx) -> None:
    await tx.execute("INSERT INTO billed VALUES (:id)", id=event.id)


app = App(desk, rooms, bills, mail)


async def ends(t: Scenario) -> tuple[str, list[int], int]:
    """The end of the saga, the times that the room is held, and the number of bills."""
    held = await t.fetch("rooms", "SELECT times FROM held")
    return (
        await t.saga(Booking, "b"),
        [row["times"] for row in held],
        len(await t.fetch("bills", "SELECT * FROM billed")),
    )


async def test_a_process_that_dies_before_its_commit_writes_nothing_and_another_handles_its_message() -> None:
    """The first try did its work in vain: after ten seconds the work is there once."""
    async with app.testing() as t:
        t.stub(Hold).dies_before_commit()
        await t.send(Ask(id="b"))
        assert await ends(t) == ("running", [], 0)
        await t.advance(seconds(10))
        await t.settled()
        assert await ends(t) == ("completed", [1], 1)
        assert len(t.stub(Hold).commands) == 2


async def test_a_process_that_dies_after_its_commit_is_not_called_for_the_copy() -> None:
    """Its answer leaves by another relay, and the command comes again: its mark is there."""
    async with app.testing() as t:
        t.stub(Hold).dies_after_commit(seconds(20))
        await t.send(Ask(id="b"))
        assert await ends(t) == ("running", [1], 0)
        await t.advance(seconds(20))
        await t.settled()
        assert await ends(t) == ("completed", [1], 1)
        assert len(t.stub(Hold).commands) == 1


async def test_a_command_that_comes_twice_is_handled_once() -> None:
    """The bus delivers at least once."""
    async with app.testing() as t:
        t.stub(Hold).comes_twice()
        await t.send(Ask(id="b"))
        await t.settled()
        assert await ends(t) == ("completed", [1], 1)
        assert len(t.stub(Hold).commands) == 1


async def test_a_command_that_its_undo_overtakes_is_refused_by_its_tombstone() -> None:
    """The command waits in a retry topic when its undo comes: its next try does nothing."""
    async with app.testing() as t:
        t.stub(Hold).fails(ValueError("no key"))
        await t.send(Ask(id="b"))
        await t.advance(seconds(40))
        assert await ends(t) == ("undone", [], 0)
        t.stub(Hold).is_real()
        await t.advance(minutes(60))
        await t.settled()
        assert await ends(t) == ("undone", [], 0)


async def test_a_dead_letter_of_a_reaction_is_replayed() -> None:
    """After the mend its work is done, once."""
    async with app.testing() as t:
        t.reaction(bill).fails(ValueError("no paper"))
        await t.send(Ask(id="b"))
        await t.advance(minutes(60))
        t.reaction(bill).is_real()
        assert await t.replay("bills") == 1
        await t.advance(seconds(10))
        await t.settled(dead_letters=True)
        assert await ends(t) == ("completed", [1], 1)
        with pytest.raises(NotFound, match="billing is not tested here"):
            await t.replay("billing")


async def test_a_reaction_dies_fails_or_is_away_and_no_other_reaction_with_it() -> None:
    """The stub of a reaction is found by its function."""
    async with app.testing() as t:
        t.reaction(bill).dies_before_commit(seconds(10))
        await t.send(Ask(id="b"))
        assert await ends(t) == ("completed", [1], 0)
        assert len(await t.fetch("mail", "SELECT * FROM billed")) == 1
        await t.advance(seconds(10))
        assert (await ends(t))[2] == 1
        assert len(t.reaction(bill).commands) == 2
        t.reaction(bill).fails(ValueError("no paper"))
        await t.send(Ask(id="c"))
        await t.advance(minutes(600))
        await t.settled(dead_letters=True)
        t.reaction(bill).is_away()
        await t.send(Ask(id="d"))
        await t.advance(minutes(60))
        assert (await ends(t))[2] == 1
        t.reaction(bill).is_real()
        await t.settled()
        assert (await ends(t))[2] == 2


async def test_a_reaction_that_no_service_has_is_refused() -> None:
    """The message says where one belongs."""
    async with app.testing(services=["desk"]) as t:
        with pytest.raises(DeclarationError, match="bill handles no event in the services"):
            t.reaction(bill)
