"""The service `payments`: prepaid accounts of riders, the amounts held on them, and the amounts taken."""

from __future__ import annotations

from partita import Tx
from partita.examples.rides.messages import (
    AccountFilled,
    CaptureFare,
    FareCaptured,
    FareHeld,
    FillAccount,
    HoldFare,
    HoldVoided,
    PaymentDeclined,
    VoidHold,
)
from partita.examples.rides.services import payments

FILL = """
INSERT INTO account (rider_id, free_cents) VALUES (:rider_id, :cents)
ON CONFLICT (rider_id) DO UPDATE SET free_cents = account.free_cents + excluded.free_cents
"""
SET_ASIDE = "UPDATE account SET free_cents = free_cents - :cents WHERE rider_id = :rider_id AND free_cents >= :cents"
HOLD = "INSERT INTO hold (ride_id, rider_id, cents, status) VALUES (:ride_id, :rider_id, :cents, 'held')"
VOID = "UPDATE hold SET status = 'voided' WHERE ride_id = :ride_id AND status = 'held' RETURNING rider_id, cents"
GIVE_BACK = "UPDATE account SET free_cents = free_cents + :cents WHERE rider_id = :rider_id"
CAPTURE = "UPDATE hold SET status = 'captured' WHERE ride_id = :ride_id AND status = 'held'"


@payments.handles(FillAccount)
async def fill(cmd: FillAccount, tx: Tx) -> AccountFilled:
    """Sent twice under one idempotency key it fills once; the client chooses the key, one per payment slip."""
    await tx.execute(FILL, rider_id=cmd.rider_id, cents=cmd.cents)
    return AccountFilled(rider_id=cmd.rider_id)


@payments.handles(HoldFare)
async def hold(cmd: HoldFare, tx: Tx) -> FareHeld:
    """Refuses in the UPDATE itself, so that two rides of one rider cannot spend the same money."""
    if not await tx.execute(SET_ASIDE, rider_id=cmd.rider_id, cents=cmd.fare_cents):
        raise PaymentDeclined(fare_cents=cmd.fare_cents)
    await tx.execute(HOLD, ride_id=cmd.ride_id, rider_id=cmd.rider_id, cents=cmd.fare_cents)
    return FareHeld(ride_id=cmd.ride_id)


@payments.handles(VoidHold)
async def void(cmd: VoidHold, tx: Tx) -> HoldVoided:
    """Gives back the held amount, if there is one."""
    held = await tx.fetch_one(VOID, ride_id=cmd.ride_id)
    if held is not None:
        await tx.execute(GIVE_BACK, rider_id=held["rider_id"], cents=held["cents"])
    return HoldVoided(ride_id=cmd.ride_id)


@payments.handles(CaptureFare)
async def capture(cmd: CaptureFare, tx: Tx) -> FareCaptured:
    """A missing hold is a defect of ours, not a refusal: the command is tried again, then a person looks at it."""
    if not await tx.execute(CAPTURE, ride_id=cmd.ride_id):
        raise LookupError(f"Nothing is held for ride {cmd.ride_id}.")
    return FareCaptured(ride_id=cmd.ride_id)
