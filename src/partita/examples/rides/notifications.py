"""The service `notifications`: the texts on the rider's phone, and the cases for support."""

from __future__ import annotations

from partita import Fault, Tx
from partita.examples.rides.messages import (
    CaptureFare,
    DriverArrived,
    PayDriver,
    ReceiptSent,
    RideBooked,
    RideCancelled,
    SendReceipt,
)
from partita.examples.rides.services import notifications

SHOW = """
INSERT INTO screen (ride_id, stage, text) VALUES (:ride_id, :stage, :text)
ON CONFLICT (ride_id) DO UPDATE SET stage = excluded.stage, text = excluded.text WHERE screen.stage < excluded.stage
"""
RING = "UPDATE screen SET rings = rings + 1 WHERE ride_id = :ride_id"
OPEN_CASE = "INSERT INTO support_case (letter_id, ride_id, cause) VALUES (:letter_id, :ride_id, :cause)"
BOOKED, HERE, OVER = 1, 2, 3


@notifications.on
async def show_booked(event: RideBooked, tx: Tx) -> None:
    """Events of one service come in order. Events of two services do not, so a stage that is past is not shown."""
    await tx.execute(SHOW, ride_id=event.ride_id, stage=BOOKED, text=f"{event.driver_id} is on the way")


@notifications.on(dedupe_by="ride_id")
async def show_arrived(event: DriverArrived, tx: Tx) -> None:
    """An impatient driver presses twice, which makes two events; `dedupe_by` makes the rider's phone ring once."""
    await tx.execute(SHOW, ride_id=event.ride_id, stage=HERE, text="Your driver is here")
    await tx.execute(RING, ride_id=event.ride_id)


@notifications.on
async def show_cancelled(event: RideCancelled, tx: Tx) -> None:
    """Sends it with its reason: a refusal's name, or the step without an answer."""
    await tx.execute(SHOW, ride_id=event.ride_id, stage=OVER, text=f"No ride: {event.reason}")


@notifications.handles(SendReceipt)
async def send_receipt(cmd: SendReceipt, tx: Tx) -> ReceiptSent:
    """The last step of `SettleTrip`."""
    text = f"You paid {cmd.fare_cents / 100:.2f}"
    await tx.execute(SHOW, ride_id=cmd.ride_id, stage=OVER, text=text)
    return ReceiptSent(ride_id=cmd.ride_id)


@notifications.on
async def open_case(fault: Fault[CaptureFare] | Fault[PayDriver], tx: Tx) -> None:
    """A dead letter about money goes to a person at once."""
    await tx.execute(OPEN_CASE, letter_id=fault.letter_id, ride_id=fault.key, cause=fault.cause)
