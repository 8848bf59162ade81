"""The service `rides`: it takes requests, keeps the state of each ride, and runs both sagas."""

from __future__ import annotations

from partita import Tx
from partita.examples.rides.messages import (
    CompleteRide,
    ConfirmRide,
    NotOnTheWay,
    RequestRide,
    RideBooked,
    RideCancelled,
    RideCompleted,
    RideRequested,
)
from partita.examples.rides.services import rides

ASK = "INSERT INTO ride (ride_id, rider_id, fare_cents, status) VALUES (:ride_id, :rider_id, :fare_cents, 'requested')"
BOOK = "UPDATE ride SET status = 'booked', driver_id = :driver_id WHERE ride_id = :ride_id RETURNING rider_id"
CANCEL = "UPDATE ride SET status = 'cancelled' WHERE ride_id = :ride_id"
RIDE = "SELECT rider_id, fare_cents, driver_id, status FROM ride WHERE ride_id = :ride_id"
COMPLETE = "UPDATE ride SET status = 'completed' WHERE ride_id = :ride_id"


@rides.handles(RequestRide, dedupe_by="ride_id")
async def request(cmd: RequestRide, tx: Tx) -> RideRequested:
    """The phone chooses `ride_id`, so a request that it repeats gets the first answer again and starts nothing."""
    await tx.execute(ASK, ride_id=cmd.ride_id, rider_id=cmd.rider_id, fare_cents=cmd.fare_cents)
    return RideRequested(ride_id=cmd.ride_id, rider_id=cmd.rider_id, zone=cmd.zone, fare_cents=cmd.fare_cents)


@rides.handles(ConfirmRide)
async def confirm(cmd: ConfirmRide, tx: Tx) -> RideBooked:
    """The saga sends it with the driver from the reply before; this service knows the rider."""
    (ride,) = await tx.fetch_all(BOOK, ride_id=cmd.ride_id, driver_id=cmd.driver_id)
    return RideBooked(ride_id=cmd.ride_id, rider_id=ride["rider_id"], driver_id=cmd.driver_id)


@rides.on
async def cancel(event: RideCancelled, tx: Tx) -> None:
    """The saga publishes the event when all steps are undone; the row follows it."""
    await tx.execute(CANCEL, ride_id=event.ride_id)


@rides.handles(CompleteRide)
async def complete(cmd: CompleteRide, tx: Tx) -> RideCompleted:
    """A refusal is an answer: the caller gets `NotOnTheWay` raised, and the command is not tried again."""
    ride = await tx.fetch_one(RIDE, ride_id=cmd.ride_id)
    if ride is None or ride["status"] != "booked":
        raise NotOnTheWay(status="unknown" if ride is None else ride["status"])
    await tx.execute(COMPLETE, ride_id=cmd.ride_id)
    return RideCompleted(
        ride_id=cmd.ride_id, rider_id=ride["rider_id"], driver_id=ride["driver_id"], fare_cents=ride["fare_cents"]
    )
