"""The service `drivers`: the places of drivers, which of them are taken, and the earnings of each."""

from __future__ import annotations

from partita import Tx
from partita.examples.rides.messages import (
    AssignDriver,
    DriverArrived,
    DriverAssigned,
    DriverMoved,
    DriverPaid,
    DriverReleased,
    MoveDriver,
    NoDriverFree,
    PayDriver,
    ReleaseDriver,
    SayDriverIsHere,
)
from partita.examples.rides.services import drivers

MOVE = """
INSERT INTO driver (driver_id, zone, seen_ms) VALUES (:driver_id, :zone, :seen_ms)
ON CONFLICT (driver_id) DO UPDATE SET zone = excluded.zone, seen_ms = excluded.seen_ms
WHERE driver.seen_ms < excluded.seen_ms
"""
FREE = "SELECT driver_id FROM driver WHERE zone = :zone AND ride_id IS NULL ORDER BY driver_id LIMIT 20"
TAKE = "UPDATE driver SET ride_id = :ride_id WHERE driver_id = :driver_id AND ride_id IS NULL"
LET_GO = "UPDATE driver SET ride_id = NULL WHERE ride_id = :ride_id"
EARN = "INSERT INTO earning (ride_id, driver_id, cents) VALUES (:ride_id, :driver_id, :cents)"
SHARE_PERCENT = 80


@drivers.handles(MoveDriver)
async def move(cmd: MoveDriver, tx: Tx) -> DriverMoved:
    """An older position that arrives later changes nothing: the row has the time of its position."""
    await tx.execute(MOVE, driver_id=cmd.driver_id, zone=cmd.zone, seen_ms=cmd.seen_ms)
    return DriverMoved(driver_id=cmd.driver_id, zone=cmd.zone)


@drivers.handles(AssignDriver)
async def assign(cmd: AssignDriver, tx: Tx) -> DriverAssigned:
    """Two rides may look at the same driver at once; the UPDATE takes only one that is still free."""
    for row in await tx.fetch_all(FREE, zone=cmd.zone):
        if await tx.execute(TAKE, ride_id=cmd.ride_id, driver_id=row["driver_id"]):
            return DriverAssigned(ride_id=cmd.ride_id, driver_id=row["driver_id"])
    raise NoDriverFree(zone=cmd.zone)


@drivers.handles(ReleaseDriver)
async def release(cmd: ReleaseDriver, tx: Tx) -> DriverReleased:
    """Releases no driver if none was assigned: an undo is also sent for an unknown outcome."""
    await tx.execute(LET_GO, ride_id=cmd.ride_id)
    return DriverReleased(ride_id=cmd.ride_id)


@drivers.handles(SayDriverIsHere)
async def say_here(cmd: SayDriverIsHere) -> DriverArrived:
    """Publishes it for other services; this service stores nothing of it."""
    return DriverArrived(ride_id=cmd.ride_id)


@drivers.handles(PayDriver)
async def pay(cmd: PayDriver, tx: Tx) -> DriverPaid:
    """The row is written once, however often the saga sends the command: a copy is dropped before the handler runs."""
    cents = cmd.fare_cents * SHARE_PERCENT // 100
    await tx.execute(EARN, ride_id=cmd.ride_id, driver_id=cmd.driver_id, cents=cents)
    await tx.execute(LET_GO, ride_id=cmd.ride_id)
    return DriverPaid(ride_id=cmd.ride_id)
