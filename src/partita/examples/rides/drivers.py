"""The service `drivers`: the places of drivers, the rides that they are offered or have, and the earnings of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partita import Conflict, Meta, Tx
from partita.examples.rides.messages import (
    AcceptRide,
    AssignDriver,
    DeclineRide,
    DriverArrived,
    DriverAssigned,
    DriverMoved,
    DriverPaid,
    DriverReleased,
    MoveDriver,
    NoDriverFree,
    OfferGone,
    PayDriver,
    ReleaseDriver,
    RideAccepted,
    RideDeclined,
    SayDriverIsHere,
)
from partita.examples.rides.services import drivers
from partita.waiting import Later, later

MOVE = """
INSERT INTO driver (driver_id, zone, seen_ms, asks_first) VALUES (:driver_id, :zone, :seen_ms, :asks_first)
ON CONFLICT (driver_id) DO UPDATE SET zone = excluded.zone, seen_ms = excluded.seen_ms, asks_first = excluded.asks_first
WHERE driver.seen_ms < excluded.seen_ms
"""
FREE = """
SELECT driver_id, asks_first FROM driver WHERE zone = :zone AND ride_id IS NULL
AND driver_id NOT IN (SELECT driver_id FROM declined WHERE ride_id = :ride_id) ORDER BY driver_id LIMIT 20
"""
TAKE = "UPDATE driver SET ride_id = :ride_id WHERE driver_id = :driver_id AND ride_id IS NULL"
LET_GO = "UPDATE driver SET ride_id = NULL WHERE ride_id = :ride_id"
OFFER = "INSERT INTO offer (ride_id, driver_id, zone, reply_to) VALUES (:ride_id, :driver_id, :zone, :reply_to)"
OFFERED = "SELECT zone, reply_to FROM offer WHERE ride_id = :ride_id AND driver_id = :driver_id"
PASS_ON = "UPDATE offer SET driver_id = :driver_id WHERE ride_id = :ride_id"
END_OFFER = "DELETE FROM offer WHERE ride_id = :ride_id"
DECLINE = "INSERT INTO declined (ride_id, driver_id) VALUES (:ride_id, :driver_id)"
HAS_DECLINED = "SELECT 1 AS yes FROM declined WHERE ride_id = :ride_id AND driver_id = :driver_id"
EARN = "INSERT INTO earning (ride_id, driver_id, cents) VALUES (:ride_id, :driver_id, :cents)"
SHARE_PERCENT = 80


@drivers.handles(MoveDriver)
async def move(cmd: MoveDriver, tx: Tx) -> DriverMoved:
    """An older position that arrives later changes nothing: the row has the time of its position."""
    await tx.execute(MOVE, driver_id=cmd.driver_id, zone=cmd.zone, seen_ms=cmd.seen_ms, asks_first=int(cmd.asks_first))
    return DriverMoved(driver_id=cmd.driver_id, zone=cmd.zone)


@drivers.handles(AssignDriver)
async def assign(cmd: AssignDriver, tx: Tx, meta: Meta) -> DriverAssigned | Later:
    """A driver with `asks_first` is taken while the phone shows the ride; `accept` or `decline` answers, or neither."""
    driver = await _take(tx, cmd.ride_id, cmd.zone)
    if driver is None:
        raise NoDriverFree(zone=cmd.zone)
    if not driver["asks_first"]:
        return DriverAssigned(ride_id=cmd.ride_id, driver_id=driver["driver_id"])
    await tx.execute(OFFER, ride_id=cmd.ride_id, driver_id=driver["driver_id"], zone=cmd.zone, reply_to=meta.reply_to)
    return later()


@drivers.handles(AcceptRide)
async def accept(cmd: AcceptRide, tx: Tx) -> RideAccepted:
    """The answer to the saga commits with this transaction. Accepted twice it is the same answer, which Partita sends once."""
    offer = await tx.fetch_one(OFFERED, ride_id=cmd.ride_id, driver_id=cmd.driver_id)
    if offer is None:
        raise OfferGone
    try:
        assigned = DriverAssigned(ride_id=cmd.ride_id, driver_id=cmd.driver_id)
        await tx.reply(offer["reply_to"], assigned, by=cmd.driver_id)
    except Conflict as error:  # an undo, or a "no" of all drivers, was first
        raise OfferGone from error
    if await tx.fetch_one(OFFERED, ride_id=cmd.ride_id, driver_id=cmd.driver_id) is None:
        raise OfferGone  # it was passed on meanwhile; the answer goes back with this transaction
    return RideAccepted(ride_id=cmd.ride_id, driver_id=cmd.driver_id)


@drivers.handles(DeclineRide)
async def decline(cmd: DeclineRide, tx: Tx) -> RideDeclined:
    """The next driver is asked, within the minute that the saga gives to all of them. The command is held first: an undo holds
    it before it writes the rows of the offer and the driver, and of two orders one would be a deadlock."""
    offer = await tx.fetch_one(OFFERED, ride_id=cmd.ride_id, driver_id=cmd.driver_id)
    waits = offer is not None and await tx.waits(offer["reply_to"])
    declined = RideDeclined(ride_id=cmd.ride_id, driver_id=cmd.driver_id)
    if await tx.fetch_one(HAS_DECLINED, ride_id=cmd.ride_id, driver_id=cmd.driver_id):
        return declined
    if offer is None or not waits:
        raise OfferGone
    await tx.execute(DECLINE, ride_id=cmd.ride_id, driver_id=cmd.driver_id)
    await tx.execute(LET_GO, ride_id=cmd.ride_id)
    driver = await _take(tx, cmd.ride_id, offer["zone"])
    if driver is None:
        await tx.reply(offer["reply_to"], NoDriverFree(zone=offer["zone"]), by=cmd.driver_id)
        await tx.execute(END_OFFER, ride_id=cmd.ride_id)
    elif driver["asks_first"]:
        await tx.execute(PASS_ON, ride_id=cmd.ride_id, driver_id=driver["driver_id"])
    else:
        assigned = DriverAssigned(ride_id=cmd.ride_id, driver_id=driver["driver_id"])
        await tx.reply(offer["reply_to"], assigned, by=driver["driver_id"])
        await tx.execute(END_OFFER, ride_id=cmd.ride_id)
    return declined


async def _take(tx: Tx, ride_id: str, zone: str) -> Mapping[str, Any] | None:
    """Two rides may look at the same driver at once; the UPDATE takes only one that is still free."""
    for row in await tx.fetch_all(FREE, ride_id=ride_id, zone=zone):
        if await tx.execute(TAKE, ride_id=ride_id, driver_id=row["driver_id"]):
            return row
    return None


@drivers.handles(ReleaseDriver)
async def release(cmd: ReleaseDriver, tx: Tx) -> DriverReleased:
    """Releases no driver if none was assigned: an undo is also sent for an unknown outcome. Partita holds the command before
    this runs, so no driver accepts or declines meanwhile."""
    await tx.execute(END_OFFER, ride_id=cmd.ride_id)
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
    await tx.execute(END_OFFER, ride_id=cmd.ride_id)
    await tx.execute(LET_GO, ride_id=cmd.ride_id)
    return DriverPaid(ride_id=cmd.ride_id)
