"""The second example: each way in which booking and settling a ride can end, by `app.testing()` and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from partita import Conflict, Settings, hours, minutes, seconds
from partita.examples.rides.app import app, one_ride
from partita.examples.rides.messages import (
    AssignDriver,
    CaptureFare,
    CompleteRide,
    ConfirmRide,
    DriverArrived,
    DriverAssigned,
    DriverId,
    FillAccount,
    HoldFare,
    MoveDriver,
    NotOnTheWay,
    PayDriver,
    RequestRide,
    RideBooked,
    RideCancelled,
    RideCompleted,
    RideId,
    RideRequested,
    RiderId,
    SayDriverIsHere,
    SendReceipt,
    VoidHold,
)
from partita.examples.rides.sagas import BookRide, SettleTrip
from partita.testing.scenario import Scenario

ANN, BOB, RIDE = RiderId("ann"), DriverId("bob"), RideId("ride-1")
REQUEST = RequestRide(ride_id=RIDE, rider_id=ANN, zone="harbour", fare_cents=1_250)
ON_THE_WAY = "bob is on the way"


async def rider_and_driver(t: Scenario) -> None:
    """A rider with 30.00 and one driver in the rider's zone."""
    await t.send(FillAccount(rider_id=ANN, cents=3_000))
    await t.send(MoveDriver(driver_id=BOB, zone="harbour", seen_ms=10))


async def arrived(t: Scenario) -> None:
    """A ride that was booked and driven, and is to be settled."""
    await rider_and_driver(t)
    await t.send(REQUEST)
    await t.send(CompleteRide(ride_id=RIDE))


async def state(t: Scenario) -> dict[str, Any]:
    """The state of the ride in the four services."""
    ride = await t.fetch("rides", "SELECT status FROM ride")
    account = await t.fetch("payments", "SELECT free_cents FROM account")
    holds = await t.fetch("payments", "SELECT status FROM hold")
    taken = await t.fetch("drivers", "SELECT driver_id FROM driver WHERE ride_id IS NOT NULL")
    earned = await t.fetch("drivers", "SELECT cents FROM earning")
    screen = await t.fetch("notifications", "SELECT text FROM screen")
    return {
        "ride": [row["status"] for row in ride],
        "account": account[0]["free_cents"],
        "hold": [row["status"] for row in holds],
        "taken": [row["driver_id"] for row in taken],
        "earned": [row["cents"] for row in earned],
        "screen": [row["text"] for row in screen],
    }


def cancelled(why: str, hold: str | None = "voided") -> dict[str, Any]:
    """No fare is held, no driver is taken, and the rider knows why."""
    return {
        "ride": ["cancelled"],
        "account": 3_000,
        "hold": [hold] if hold else [],
        "taken": [],
        "earned": [],
        "screen": [f"No ride: {why}"],
    }


BOOKED = {
    "ride": ["booked"],
    "account": 1_750,
    "hold": ["held"],
    "taken": [BOB],
    "earned": [],
    "screen": [ON_THE_WAY],
}
SETTLED = {
    "ride": ["completed"],
    "account": 1_750,
    "hold": ["captured"],
    "taken": [],
    "earned": [1_000],
    "screen": ["You paid 12.50"],
}


async def test_a_ride_is_booked_and_settled() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        await t.send(REQUEST)
        await t.settled()
        assert await t.saga(BookRide, RIDE) == "completed"
        assert await state(t) == BOOKED

        assert (await t.send(CompleteRide(ride_id=RIDE))).driver_id == BOB
        await t.settled()
        assert await t.saga(SettleTrip, RIDE) == "completed"
        assert await state(t) == SETTLED


async def test_without_a_driver_the_fare_is_free_again() -> None:
    """The driver of another zone is not taken, and a taken driver is not taken again."""
    async with app.testing() as t:
        await t.send(FillAccount(rider_id=ANN, cents=3_000))
        await t.send(MoveDriver(driver_id=BOB, zone="airport", seen_ms=10))
        await t.send(REQUEST)
        await t.settled()
        assert await t.saga(BookRide, RIDE) == "undone"
        assert await state(t) == cancelled("NoDriverFree")


async def test_two_rides_do_not_share_a_driver() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        await t.send(REQUEST)
        await t.send(RequestRide(ride_id=RideId("ride-2"), rider_id=ANN, zone="harbour", fare_cents=1_250))
        await t.settled()
        assert [await t.saga(BookRide, ride) for ride in (RIDE, "ride-2")] == ["completed", "undone"]
        assert await t.fetch("drivers", "SELECT ride_id FROM driver") == [{"ride_id": RIDE}]
        assert (await state(t))["account"] == 1_750


async def test_a_declined_payment_takes_no_driver() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        await t.send(RequestRide(ride_id=RIDE, rider_id=ANN, zone="harbour", fare_cents=3_001))
        await t.settled()
        assert await t.saga(BookRide, RIDE) == "undone"
        assert await state(t) == cancelled("PaymentDeclined", hold=None)
        assert not t.sent(AssignDriver)


async def test_a_driver_who_is_silent_for_a_minute_is_not_waited_for() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(AssignDriver).is_silent()
        await t.send(REQUEST)
        await t.advance(seconds(59))
        assert await t.saga(BookRide, RIDE) == "running"
        await t.advance(seconds(1))
        await t.settled()
        assert await state(t) == cancelled("assign timed out")


@pytest.mark.parametrize(("late_s", "ends"), [(59, BOOKED), (90, cancelled("assign timed out"))])
async def test_a_late_answer_counts_within_its_minute_only(late_s: float, ends: dict[str, Any]) -> None:
    """After that minute the assigned driver is released, whatever the late answer says."""
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(AssignDriver).answers_late(seconds(late_s))
        await t.send(REQUEST)
        assert (await state(t))["taken"] == [BOB]
        await t.advance(seconds(120))
        await t.settled()
        assert await state(t) == ends
        assert len(t.published(RideBooked)) + len(t.published(RideCancelled)) == 1


async def test_an_answer_that_is_lost_undoes_what_was_done() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(HoldFare).does_it_unanswered()
        await t.send(REQUEST)
        assert (await state(t))["hold"] == ["held"]
        await t.advance(seconds(20))
        await t.settled()
        assert await state(t) == cancelled("hold timed out")


async def test_answers_that_arrive_twice_count_once() -> None:
    async with app.testing() as t:
        for command in (HoldFare, AssignDriver, CaptureFare, PayDriver, SendReceipt):
            t.stub(command).answers_twice()
        await arrived(t)
        await t.settled()
        assert await state(t) == SETTLED
        assert [len(t.published(e)) for e in (RideBooked, DriverAssigned, RideCompleted)] == [1, 1, 1]


async def test_drivers_that_are_away_over_the_deadline_get_nothing_to_do_when_they_are_back() -> None:
    """The undo waits behind its command, and the same service acknowledges it: only then is the ride cancelled."""
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(AssignDriver).is_away()
        await t.send(REQUEST)
        await t.advance(minutes(10))
        assert await t.saga(BookRide, RIDE) == "compensating"
        assert not t.published(RideCancelled)
        t.stub(AssignDriver).is_real()
        await t.advance(minutes(30))
        await t.settled()
        assert await state(t) == cancelled("assign timed out")


async def test_an_undo_that_is_not_acknowledged_is_sent_until_it_is() -> None:
    async with app.testing() as t:
        await t.send(FillAccount(rider_id=ANN, cents=3_000))
        t.stub(VoidHold).fails(ConnectionError("the bank does not answer"))
        await t.send(REQUEST)
        await t.advance(minutes(20))
        assert not t.published(RideCancelled)
        t.stub(VoidHold).is_real()
        await t.advance(hours(1))
        await t.settled()
        assert await state(t) == cancelled("NoDriverFree")


async def test_the_deadline_changes_nothing_once_the_driver_is_assigned() -> None:
    """Past the point of no return the ride will be booked; an alert says that it takes so long."""
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(ConfirmRide).fails(ConnectionError("no connection"))
        await t.send(REQUEST)
        await t.advance(minutes(3))
        assert await t.saga(BookRide, RIDE) == "needs_attention"
        t.stub(ConfirmRide).is_real()
        await t.advance(minutes(30))
        await t.settled()
        assert await t.saga(BookRide, RIDE) == "completed"
        assert await state(t) == BOOKED
        assert not t.published(RideCancelled)


@pytest.mark.parametrize("command", [CaptureFare, PayDriver, SendReceipt])
async def test_settling_waits_for_a_participant_that_is_away(command: Any) -> None:
    """For a day in this test, twice the deadline of the saga; then the many copies of each command count once."""
    async with app.testing() as t:
        t.stub(command).is_away()
        await arrived(t)
        await t.advance(hours(24))
        assert await t.saga(SettleTrip, RIDE) == "needs_attention"
        assert len(t.sent(command)) > 5
        t.stub(command).is_real()
        await t.advance(minutes(1))
        await t.settled()
        assert await t.saga(SettleTrip, RIDE) == "completed"
        assert await state(t) == SETTLED


async def test_a_dead_letter_of_money_opens_a_case_and_is_closed_by_its_saga() -> None:
    """Support sees it at once. When the defect is corrected, the next copy from the saga settles both."""
    async with app.testing() as t:
        t.stub(CaptureFare).fails(ValueError("currency unknown"))
        await arrived(t)
        await t.advance(minutes(40))
        cases = await t.fetch("notifications", "SELECT ride_id, cause FROM support_case")
        assert cases == [{"ride_id": RIDE, "cause": "currency unknown"}]
        assert await t.saga(SettleTrip, RIDE) == "needs_attention"
        t.stub(CaptureFare).is_real()
        await t.advance(hours(1))
        await t.settled()
        assert await t.saga(SettleTrip, RIDE) == "completed"
        assert await state(t) == SETTLED


async def test_a_request_that_the_phone_repeats_gets_the_first_answer() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        first = await t.send(REQUEST)
        assert await t.send(REQUEST) == first
        await t.advance(hours(5))
        assert await t.send(REQUEST) == first
        with pytest.raises(Conflict):
            await t.send(RequestRide(ride_id=RIDE, rider_id=ANN, zone="airport", fare_cents=1_250))
        await t.settled()
        assert len(t.published(RideRequested)) == 1
        assert await state(t) == BOOKED


async def test_a_button_that_is_pressed_twice_under_one_key_is_one_press() -> None:
    """Without a key it is a second arrival, which a finished ride refuses."""
    async with app.testing() as t:
        await rider_and_driver(t)
        await t.send(FillAccount(rider_id=ANN, cents=500), idempotency_key="slip-1")
        await t.send(FillAccount(rider_id=ANN, cents=500), idempotency_key="slip-1")
        assert (await state(t))["account"] == 3_500
        await t.send(REQUEST)
        done = await t.send(CompleteRide(ride_id=RIDE), idempotency_key="end")
        assert await t.send(CompleteRide(ride_id=RIDE), idempotency_key="end") == done
        with pytest.raises(NotOnTheWay, match="completed"):
            await t.send(CompleteRide(ride_id=RIDE))
        await t.settled()
        assert len(t.published(RideCompleted)) == 1


async def test_a_ride_that_is_not_booked_cannot_end() -> None:
    async with app.testing() as t:
        await rider_and_driver(t)
        with pytest.raises(NotOnTheWay, match="unknown"):
            await t.send(CompleteRide(ride_id=RIDE))
        t.stub(AssignDriver).is_silent()
        await t.send(REQUEST)
        with pytest.raises(NotOnTheWay, match="requested"):
            await t.send(CompleteRide(ride_id=RIDE))


async def test_positions_may_come_in_any_order() -> None:
    async with app.testing() as t:
        for zone, seen_ms in (("harbour", 20), ("airport", 10), ("harbour", 20), ("station", 15)):
            await t.send(MoveDriver(driver_id=BOB, zone=zone, seen_ms=seen_ms))
        await t.settled()
        assert await t.fetch("drivers", "SELECT zone, seen_ms FROM driver") == [{"zone": "harbour", "seen_ms": 20}]


async def test_events_of_two_services_may_come_in_the_wrong_order_and_twice() -> None:
    """The driver is at the door before the rider's phone shows a driver on the way, and presses twice."""
    async with app.testing() as t:
        await rider_and_driver(t)
        t.stub(ConfirmRide).answers_late(seconds(40))
        await t.send(REQUEST)
        await t.send(SayDriverIsHere(ride_id=RIDE))
        await t.send(SayDriverIsHere(ride_id=RIDE))
        assert (await state(t))["screen"] == ["Your driver is here"]
        await t.advance(seconds(40))
        await t.settled()
        assert (await state(t))["screen"] == ["Your driver is here"]
        assert len(t.published(DriverArrived)) == 2
        assert await t.fetch("notifications", "SELECT rings FROM screen") == [{"rings": 1}]


@pytest.mark.slow
def test_the_script_runs_and_its_second_run_changes_nothing(tmp_path: Path) -> None:
    """As its docstring says, on files that stay; and the command line finds the app."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARTITA_")}
    environment["PARTITA_APP"] = "partita.examples.rides.app:app"

    def run(program: str, *arguments: str) -> str:
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    first = run("python", "-m", "partita.examples.rides.app")
    journey = run("partita", "journey", RIDE)
    assert "RideCompleted(ride_id='ride-1'" in first
    assert "ReceiptSent" in journey
    assert run("python", "-m", "partita.examples.rides.app") == first
    assert run("partita", "journey", RIDE) == journey
    assert all(name in run("partita", "describe") for name in ("rides", "drivers", "payments", "notifications"))
    assert run("partita", "saga", "list").count("completed") == 2
    assert '"RideBooked"' in run("partita", "schema", "show", "RideBooked")


@pytest.mark.slow
async def test_the_rides_run_on_postgresql(database: str, tmp_path: Path) -> None:
    """Their SQL is one text for both databases; here the log is in PostgreSQL as well."""
    city = app.configured(Settings(data=tmp_path, store=database, bus=database))
    async with city.running():
        first = await one_ride(city, RIDE)
        assert await one_ride(city, RIDE) == first
        async with city.store("drivers").reading() as session:
            assert [dict(row) for row in await session.fetch("SELECT cents FROM earning", {})] == [{"cents": 1_000}]
