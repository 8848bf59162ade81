"""The rides of a city, the second example: four services, and two sagas that look ahead and never back.

    python -m partita.examples.rides.app        # one ride from request to receipt; run it again: nothing happens twice

`BookRide` takes a fare and a driver, or neither. `SettleTrip` begins when the ride is over, so nothing can be undone:
its steps are sent until they are done. Read `messages.py`, `sagas.py`, then a service; `test_rides.py` in
`tests/integration/examples/rides` has each way in which it can end. Each service may run in processes of its own, and
all commands of Partita know the app:

    export PARTITA_APP=partita.examples.rides.app:app
    partita run --only payments
    partita describe
    partita journey ride-1
    partita saga list
"""

from __future__ import annotations

import asyncio

from partita import App
from partita.examples.rides import drivers, notifications, payments, rides, sagas, services
from partita.examples.rides.messages import (
    CompleteRide,
    DriverId,
    FillAccount,
    MoveDriver,
    RequestRide,
    RideCompleted,
    RideId,
    RiderId,
    SayDriverIsHere,
)

DECLARED = (rides, drivers, payments, notifications, sagas)  # importing them declares their handlers and sagas
app = App(services.rides, services.drivers, services.payments, services.notifications)


async def one_ride(city: App, ride_id: RideId) -> RideCompleted:
    """The messages of one rider's and one driver's phone. Each key names one press of a button, so that a phone that gets
    no answer sends it again."""
    ann, bob = RiderId("ann"), DriverId("bob")
    await city.send(FillAccount(rider_id=ann, cents=3_000), idempotency_key=f"slip for {ride_id}")
    await city.send(MoveDriver(driver_id=bob, zone="harbour", seen_ms=1), idempotency_key=f"{bob} seen at 1")
    await city.send(RequestRide(ride_id=ride_id, rider_id=ann, zone="harbour", fare_cents=1_250))
    await city.settled()
    await city.send(SayDriverIsHere(ride_id=ride_id), idempotency_key=f"here for {ride_id}")
    completed = await city.send(CompleteRide(ride_id=ride_id), idempotency_key=f"end of {ride_id}")
    await city.settled()
    return completed


async def main() -> None:
    """Run all four services in this process, and one ride in them."""
    async with app.running():
        print(await one_ride(app, RideId("ride-1")))  # noqa: T201  # a script's output


if __name__ == "__main__":
    asyncio.run(main())
