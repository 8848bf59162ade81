"""Each message of the four services: commands with their replies, events, and refusals."""

from __future__ import annotations

from typing import Annotated, NewType

import msgspec

from partita import Command, Event, Key, Rejection
from partita.examples.rides.services import drivers, notifications, payments, rides

RideId = NewType("RideId", str)
DriverId = NewType("DriverId", str)
RiderId = NewType("RiderId", str)


# rides ----------------------------------------------------------------------------------------------------------------


class RideRequested(Event, of=rides):
    """A rider wants a ride at a fare that was agreed."""

    ride_id: Key[RideId]
    rider_id: RiderId
    zone: str
    fare_cents: int


class RideBooked(Event, of=rides):
    """A driver is on the way, and the fare is held."""

    ride_id: Key[RideId]
    rider_id: RiderId
    driver_id: DriverId


class RideCancelled(Event, of=rides):
    """No ride: nothing is held, and no driver is taken."""

    ride_id: Key[RideId]
    rider_id: RiderId
    reason: str


class RideCompleted(Event, of=rides):
    """The rider has arrived."""

    ride_id: Key[RideId]
    rider_id: RiderId
    driver_id: DriverId
    fare_cents: int


class RequestRide(Command[RideRequested], of=rides):
    """The command of the rider's phone."""

    ride_id: Key[RideId]
    rider_id: RiderId
    zone: str
    fare_cents: int


class ConfirmRide(Command[RideBooked], of=rides):
    """The ride is booked, once both are certain: fare and driver."""

    ride_id: Key[RideId]
    driver_id: DriverId


class NotOnTheWay(Rejection):
    """A ride that is not booked cannot arrive, nor can one arrive twice."""

    status: Annotated[str, msgspec.Meta(description="the status of the ride in the database")]


class CompleteRide(Command[RideCompleted, NotOnTheWay], of=rides):
    """The command of the driver's phone on arrival."""

    ride_id: Key[RideId]


# drivers --------------------------------------------------------------------------------------------------------------


class DriverMoved(Event, of=drivers):
    """The place of a driver at that time."""

    driver_id: Key[DriverId]
    zone: str


class MoveDriver(Command[DriverMoved], of=drivers):
    """The driver's phone sends it every minute, over a bad network, and in any order."""

    driver_id: Key[DriverId]
    zone: str
    seen_ms: int
    asks_first: bool = False  # this driver wants to see a ride before taking it


class DriverArrived(Event, of=drivers):
    """The driver waits at the door."""

    ride_id: Key[RideId]


class SayDriverIsHere(Command[DriverArrived], of=drivers):
    """The driver's phone sends it at the door; impatient drivers press twice."""

    ride_id: Key[RideId]


class DriverAssigned(Event, of=drivers):
    """The driver is taken by this ride and by no other."""

    ride_id: Key[RideId]
    driver_id: DriverId


class RideAccepted(Event, of=drivers):
    """The driver has the ride."""

    ride_id: Key[RideId]
    driver_id: DriverId


class RideDeclined(Event, of=drivers):
    """The driver does not want the ride."""

    ride_id: Key[RideId]
    driver_id: DriverId


class OfferGone(Rejection):
    """The ride is not offered to this driver, or not any more."""


class AcceptRide(Command[RideAccepted, OfferGone], of=drivers):
    """The left button of a driver's phone that shows an offered ride."""

    ride_id: Key[RideId]
    driver_id: DriverId


class DeclineRide(Command[RideDeclined, OfferGone], of=drivers):
    """The right button: the ride is offered to the next driver."""

    ride_id: Key[RideId]
    driver_id: DriverId


class DriverReleased(Event, of=drivers):
    """The driver may be taken by another ride."""

    ride_id: Key[RideId]


class DriverPaid(Event, of=drivers):
    """The driver's share is booked."""

    ride_id: Key[RideId]


class NoDriverFree(Rejection):
    """No driver drives there now."""

    zone: str


class AssignDriver(Command[DriverAssigned, NoDriverFree], of=drivers):
    """Takes one free driver of the zone, or asks one after the other."""

    ride_id: Key[RideId]
    zone: str


class ReleaseDriver(Command[DriverReleased], of=drivers):
    """Undoes `AssignDriver`, whether it was done or not."""

    ride_id: Key[RideId]


class PayDriver(Command[DriverPaid], of=drivers):
    """Books the driver's share and lets the driver go."""

    ride_id: Key[RideId]
    driver_id: DriverId
    fare_cents: int


# payments -------------------------------------------------------------------------------------------------------------


class AccountFilled(Event, of=payments):
    """The rider has more to spend."""

    rider_id: Key[RiderId]


class FillAccount(Command[AccountFilled], of=payments):
    """A rider pays in."""

    rider_id: Key[RiderId]
    cents: int


class FareHeld(Event, of=payments):
    """The fare is set aside on the rider's account."""

    ride_id: Key[RideId]


class HoldVoided(Event, of=payments):
    """The reserved amount is free again."""

    ride_id: Key[RideId]


class FareCaptured(Event, of=payments):
    """The fare is paid."""

    ride_id: Key[RideId]


class PaymentDeclined(Rejection):
    """The account does not cover the fare."""

    fare_cents: int


class HoldFare(Command[FareHeld, PaymentDeclined], of=payments):
    """Sets the fare aside."""

    ride_id: Key[RideId]
    rider_id: RiderId
    fare_cents: int


class VoidHold(Command[HoldVoided], of=payments):
    """Undoes `HoldFare`, whether it was done or not."""

    ride_id: Key[RideId]


class CaptureFare(Command[FareCaptured], of=payments):
    """Takes the reserved amount; it is known to be there, so this cannot be refused."""

    ride_id: Key[RideId]


# notifications --------------------------------------------------------------------------------------------------------


class ReceiptSent(Event, of=notifications):
    """The rider has the receipt."""

    ride_id: Key[RideId]


class SendReceipt(Command[ReceiptSent], of=notifications):
    """Writes the cost of the ride to the rider."""

    ride_id: Key[RideId]
    fare_cents: int
