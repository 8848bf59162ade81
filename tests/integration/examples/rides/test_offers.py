"""Offers of a ride to drivers: they accept, decline, stay silent, accept late and accept twice."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.waiting import until

from partita import App, Service, Settings, seconds
from partita.bus.port import Bus
from partita.examples.proof.bugs import Around
from partita.examples.rides.app import app
from partita.examples.rides.messages import (
    AcceptRide,
    AssignDriver,
    DeclineRide,
    DriverAssigned,
    DriverId,
    FillAccount,
    MoveDriver,
    OfferGone,
    PayDriver,
    RequestRide,
    RideBooked,
    RideCancelled,
    RideId,
    RiderId,
)
from partita.examples.rides.sagas import BookRide
from partita.machine.port import Machine, Wake
from partita.testing.scenario import Scenario

ANN, BOB, CAT, RIDE = RiderId("ann"), DriverId("bob"), DriverId("cat"), RideId("ride-1")
OTHER = RideId("ride-2")
REQUEST = RequestRide(ride_id=RIDE, rider_id=ANN, zone="harbour", fare_cents=1_250)


async def asked(t: Scenario, *drivers: DriverId) -> None:
    """A ride that is offered to the first of these drivers, by name."""
    await t.send(FillAccount(rider_id=ANN, cents=3_000))
    for driver in drivers:
        await t.send(MoveDriver(driver_id=driver, zone="harbour", seen_ms=10, asks_first=True))
    await t.send(REQUEST)


async def taken(t: Scenario) -> list[str]:
    """The drivers with a ride, or with one on the screen."""
    rows = await t.fetch("drivers", "SELECT driver_id FROM driver WHERE ride_id IS NOT NULL")
    return [row["driver_id"] for row in rows]


async def cents(t: Scenario) -> int:
    """The free money of the rider."""
    (row,) = await t.fetch("payments", "SELECT free_cents FROM account")
    return int(row["free_cents"])


async def test_a_driver_who_accepts_has_the_ride_also_when_the_button_is_pressed_twice() -> None:
    async with app.testing() as t:
        await asked(t, BOB)
        await t.advance(seconds(40))
        assert await t.saga(BookRide, RIDE) == "running"
        assert await taken(t) == [BOB]
        accepted = await t.send(AcceptRide(ride_id=RIDE, driver_id=BOB))
        assert await t.send(AcceptRide(ride_id=RIDE, driver_id=BOB)) == accepted
        with pytest.raises(OfferGone):
            await t.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        await t.advance(seconds(300))
        await t.settled()
        assert await t.saga(BookRide, RIDE) == "completed"
        assert [event.driver_id for event in t.published(RideBooked)] == [BOB]
        assert len(t.published(DriverAssigned)) == 1


async def test_after_a_driver_who_declines_the_next_one_is_asked() -> None:
    async with app.testing() as t:
        await asked(t, BOB, CAT)
        with pytest.raises(OfferGone):
            await t.send(AcceptRide(ride_id=RIDE, driver_id=CAT))
        declined = await t.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        assert await t.send(DeclineRide(ride_id=RIDE, driver_id=BOB)) == declined
        with pytest.raises(OfferGone):
            await t.send(AcceptRide(ride_id=RIDE, driver_id=BOB))
        assert await taken(t) == [CAT]
        await t.send(AcceptRide(ride_id=RIDE, driver_id=CAT))
        await t.settled()
        assert [event.driver_id for event in t.published(RideBooked)] == [CAT]


async def test_a_driver_who_takes_any_ride_gets_the_one_that_was_declined() -> None:
    async with app.testing() as t:
        await t.send(MoveDriver(driver_id=CAT, zone="harbour", seen_ms=10))
        await asked(t, BOB)
        await t.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        await t.settled()
        assert [event.driver_id for event in t.published(RideBooked)] == [CAT]


async def test_when_all_drivers_decline_the_fare_is_free_again() -> None:
    async with app.testing() as t:
        await asked(t, BOB, CAT)
        await t.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        await t.send(DeclineRide(ride_id=RIDE, driver_id=CAT))
        await t.settled()
        assert [event.reason for event in t.published(RideCancelled)] == ["NoDriverFree"]
        assert (await taken(t), await cents(t)) == ([], 3_000)


@pytest.mark.parametrize("late_s", [60, 3_600])
async def test_a_driver_who_is_silent_for_a_minute_is_free_and_accepts_too_late(late_s: int) -> None:
    async with app.testing() as t:
        await asked(t, BOB)
        await t.advance(seconds(late_s))
        await t.settled()
        assert [event.reason for event in t.published(RideCancelled)] == ["assign timed out"]
        for button in (AcceptRide, DeclineRide):
            with pytest.raises(OfferGone):
                await t.send(button(ride_id=RIDE, driver_id=BOB))
        assert (await taken(t), await cents(t)) == ([], 3_000)
        assert await t.pending(AssignDriver) == [] and not t.published(DriverAssigned)


async def test_a_settled_ride_is_not_accepted_again() -> None:
    async with app.testing() as t:
        await asked(t, BOB)
        await t.send(AcceptRide(ride_id=RIDE, driver_id=BOB))
        await t.send(PayDriver(ride_id=RIDE, driver_id=BOB, fare_cents=1_250))
        with pytest.raises(OfferGone):
            await t.send(AcceptRide(ride_id=RIDE, driver_id=BOB))
        await t.settled()


class Watched(Around):
    """A store that notes the rows that each transaction locks, in order: `command`, or the table of a statement that writes."""

    def __init__(self, inner: Any, locked: list[list[str]]) -> None:
        super().__init__(inner)
        self._locked = locked

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Any]:
        """A transaction with its notes."""
        mine: list[str] = []
        self._locked.append(mine)
        async with self.inner.transaction(durable=durable) as opened:
            session: Any = Around(opened)
            session.pending = Around(opened.pending)
            session.pending.hold = noting(opened.pending.hold, mine, lambda *_: "command")
            session.pending.undo = noting(opened.pending.undo, mine, lambda *_: "command")
            session.execute = noting(opened.execute, mine, table_of)
            session.fetch = noting(opened.fetch, mine, table_of)
            yield session


def noting(method: Any, notes: list[str], what: Callable[..., str]) -> Any:
    """A method that notes its call first."""

    async def noted(*given: Any) -> Any:
        notes.extend(each for each in (what(*given),) if each)
        return await method(*given)

    return noted


def table_of(sql: str, _: object) -> str:
    """The table that a statement writes; empty = it reads."""
    found = re.match(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)", sql)
    return found.group(1) if found else ""


class WatchedCity(App):
    """The rides with such a store of the drivers."""

    def __init__(self, *services: Service, settings: Settings) -> None:
        super().__init__(*services, settings=settings)
        self.locked: list[list[str]] = []

    def connect_store(self, service: Service, bus: Bus, machine: Machine, wake: Wake) -> Any:
        """The store."""
        store = super().connect_store(service, bus, machine, wake)
        return Watched(store, self.locked) if service.name == "drivers" else store


async def test_a_press_and_the_undo_of_its_ride_lock_their_rows_in_one_order(tmp_path: Path) -> None:
    """Partita holds the command before the handler of the undo runs. A press that locked the offer or a driver first, and by its
    answer the command, would wait for an undo that waits for it: the database would end one of them."""
    city = WatchedCity(*app.services, settings=Settings(data=tmp_path))

    async def offered() -> list[str]:
        async with city.store("drivers").reading() as session:
            return [row["driver_id"] for row in await session.fetch("SELECT driver_id FROM offer", {})]

    async with city.running():
        await city.send(FillAccount(rider_id=ANN, cents=3_000))
        for driver in (BOB, CAT):
            await city.send(MoveDriver(driver_id=driver, zone="harbour", seen_ms=10, asks_first=True))
        await city.send(REQUEST)
        await until(offered, holds=lambda found: found == [BOB])
        await city.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        await city.send(DeclineRide(ride_id=RIDE, driver_id=CAT))
        await city.send(RequestRide(ride_id=OTHER, rider_id=ANN, zone="harbour", fare_cents=1_250))
        await until(offered, holds=lambda found: found == [BOB])
        await city.send(AcceptRide(ride_id=OTHER, driver_id=BOB))
    presses = [notes for notes in city.locked if "command" in notes]
    assert len(presses) == 3 and all(notes[0] == "command" for notes in presses), presses


@pytest.mark.slow
async def test_a_driver_is_asked_on_postgresql(database: str, tmp_path: Path) -> None:
    city = app.configured(Settings(data=tmp_path, store=database, bus=database))

    async def offered() -> list[str]:
        async with city.store("drivers").reading() as session:
            return [row["driver_id"] for row in await session.fetch("SELECT driver_id FROM offer", {})]

    async def status() -> str:
        async with city.store("rides").reading() as session:
            (row,) = await session.fetch("SELECT status FROM ride", {})
            return str(row["status"])

    async with city.running():
        await city.send(FillAccount(rider_id=ANN, cents=3_000))
        for driver in (BOB, CAT):
            await city.send(MoveDriver(driver_id=driver, zone="harbour", seen_ms=10, asks_first=True))
        await city.send(REQUEST)
        await until(offered, holds=lambda found: found == [BOB])
        await city.send(DeclineRide(ride_id=RIDE, driver_id=BOB))
        assert await offered() == [CAT]
        await city.send(AcceptRide(ride_id=RIDE, driver_id=CAT))
        await until(status, holds=lambda found: found == "booked")
