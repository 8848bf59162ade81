"""The service `payout-service`: the orders to the bank, one for each approved claim."""

from __future__ import annotations

from partita import Tx
from partita.examples.claims.messages import PayoutSent, SendPayout
from partita.examples.claims.services import payouts

PAY = "INSERT INTO payout (claim_id, policy_id, cents) VALUES (:claim_id, :policy_id, :cents)"


@payouts.handles(SendPayout)
async def pay(cmd: SendPayout, tx: Tx) -> PayoutSent:
    """An adjuster may write any amount into the form; the bank gets the confirmed cover at most."""
    cents = min(cmd.amount_cents, cmd.limit_cents)
    await tx.execute(PAY, claim_id=cmd.claim_id, policy_id=cmd.policy_id, cents=cents)
    return PayoutSent(claim_id=cmd.claim_id, paid_cents=cents)
