"""Steps that are sent together on the real runtime: two services work at the same time, and both have it or none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.virtual_time import machine_here, virtually
from tests.waiting import until

from partita import App, Command, Event, Key, Rejection, Saga, Service, Settings, Tx, minutes, step
from partita.sagas import parallel

TABLES = "CREATE TABLE IF NOT EXISTS booked (id TEXT PRIMARY KEY);"


def service(name: str) -> Any:
    """A service that books and takes its bookings back, and refuses what is called full."""
    place = Service(name, namespace=f"together.{name}", tables=TABLES)

    class Booked(Event, of=place, name=f"{name.title()}Booked"):
        id: Key[str]

    class Freed(Event, of=place, name=f"{name.title()}Freed"):
        id: Key[str]

    class Full(Rejection, name=f"{name.title()}Full"):
        why: str

    class Book(Command[Booked, Full], of=place, name=f"{name.title()}Book"):
        id: Key[str]
        full: str = ""

    class Free(Command[Freed], of=place, name=f"{name.title()}Free"):
        id: Key[str]

    @place.handles(Book)
    async def book(cmd: Book, tx: Tx) -> Booked:
        await tx.execute("INSERT INTO booked VALUES (:i)", i=cmd.id)
        if cmd.full == name:
            raise Full(why="all taken")
        return Booked(id=cmd.id)

    @place.handles(Free)
    async def free(cmd: Free, tx: Tx) -> Freed:
        await tx.execute("DELETE FROM booked WHERE id = :i", i=cmd.id)
        return Freed(id=cmd.id)

    return SimpleNamespace(service=place, Book=Book, Free=Free, Booked=Booked)


def trips(settings: Settings | None = None) -> Any:
    """An app that books a flight and a hotel together."""
    agency, flight, hotel = Service("agency", namespace="together.agency"), service("flight"), service("hotel")

    class Wished(Event, of=agency):
        id: Key[str]
        full: str

    class Given(Event, of=agency):
        id: Key[str]
        reason: str

    class Wish(Command[Wished], of=agency):
        id: Key[str]
        full: str = ""

    class Trip(Saga, start=Wished, deadline=minutes(10), undone=Given, of=agency):
        flight_step = step(flight.Book, undo=flight.Free, timeout=minutes(4))
        hotel_step = step(hotel.Book, undo=hotel.Free, timeout=minutes(4))
        parallel(flight_step, hotel_step)

    @agency.handles(Wish)
    async def wish(cmd: Wish) -> Wished:
        return Wished(id=cmd.id, full=cmd.full)

    machine = machine_here() if settings else None
    app = App(agency, flight.service, hotel.service, settings=settings, machine=machine)
    return SimpleNamespace(app=app, Wish=Wish, Trip=Trip, Given=Given, flight=flight, hotel=hotel)


async def test_both_are_booked_at_the_same_time() -> None:
    """Each answers after a minute; one after the other would take two."""
    made = trips()
    async with made.app.testing() as t:
        for each in (made.flight, made.hotel):
            t.stub(each.Book).answers_late(minutes(1))
        await t.send(made.Wish(id="t1"))
        await t.advance(minutes(1))
        assert await t.saga(made.Trip, "t1") == "completed"


async def test_one_that_is_silent_undoes_both() -> None:
    made = trips()
    async with made.app.testing() as t:
        t.stub(made.hotel.Book).is_silent()
        await t.send(made.Wish(id="t1"))
        assert len(await t.fetch("flight", "SELECT id FROM booked")) == 1
        await t.advance(minutes(4))
        assert await t.saga(made.Trip, "t1") == "undone"
        assert await t.fetch("flight", "SELECT id FROM booked") == []
        assert [each.reason for each in t.published(made.Given)] == ["hotel_step timed out"]


@virtually
async def test_on_each_tier_both_have_it_or_none(settings: Settings) -> None:
    made = trips(settings)
    wishes = {"t1": "", "t2": "flight", "t3": "hotel", "t4": ""}
    async with made.app.running():
        for key, full in wishes.items():
            await made.app.send(made.Wish(id=key, full=full))

        async def over() -> bool:
            async with made.app.store("agency").reading() as session:
                rows = await session.sagas.load("Trip", list(wishes))
            ends = {key: row.status for key, row in rows.items()}
            return ends == {"t1": "completed", "t2": "undone", "t3": "undone", "t4": "completed"}

        await until(over)
        for name in ("flight", "hotel"):
            async with made.app.store(name).reading() as session:
                rows = await session.fetch("SELECT id FROM booked ORDER BY id", {})
            assert [row["id"] for row in rows] == ["t1", "t4"]
