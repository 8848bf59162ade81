"""The two sagas: a ride is booked whole or not at all, and a ride that was driven is settled, however long that takes."""

from __future__ import annotations

from partita import Saga, hours, minutes, pivot, retriable, seconds, step
from partita.examples.rides.messages import (
    AssignDriver,
    CaptureFare,
    ConfirmRide,
    HoldFare,
    PayDriver,
    ReleaseDriver,
    RideCancelled,
    RideCompleted,
    RideRequested,
    SendReceipt,
    VoidHold,
)
from partita.examples.rides.services import rides


class BookRide(Saga, start=RideRequested, deadline=minutes(3), undone=RideCancelled, of=rides):
    """Fare and driver, or neither. When a driver has accepted there is no way back: the ride will be booked."""

    hold = step(HoldFare, undo=VoidHold, timeout=seconds(20))
    assign = pivot(AssignDriver, undo=ReleaseDriver, timeout=seconds(60))
    confirm = retriable(ConfirmRide)


class SettleTrip(Saga, start=RideCompleted, deadline=hours(12), of=rides):
    """The trip has happened, so nothing here can be refused or undone: each step is sent until it is done."""

    capture = retriable(CaptureFare)
    pay = retriable(PayDriver)
    receipt = retriable(SendReceipt)
