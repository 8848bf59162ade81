"""The service `claims-service`: it takes claims, knows the state of each, and runs the saga."""

from __future__ import annotations

from partita import Tx
from partita.examples.claims.messages import (
    ClaimClosed,
    ClaimFiled,
    ClaimNotOpen,
    ClaimWithdrawn,
    FileClaim,
    PayoutSent,
    WithdrawClaim,
)
from partita.examples.claims.services import claims

FILE = "INSERT INTO filed_claim (claim_id, claimed_cents, status) VALUES (:claim_id, :claimed_cents, 'filed')"
STATUS = "SELECT status FROM filed_claim WHERE claim_id = :claim_id"
CLOSE = "UPDATE filed_claim SET status = 'closed', reason = :reason WHERE claim_id = :claim_id"
PAID = "UPDATE filed_claim SET status = 'paid', paid_cents = :paid_cents WHERE claim_id = :claim_id"


@claims.handles(FileClaim, dedupe_by="claim_id")
async def file(cmd: FileClaim, tx: Tx) -> ClaimFiled:
    """The form chooses `claim_id`, so a form that is sent twice gets the first answer again and starts nothing."""
    await tx.execute(FILE, claim_id=cmd.claim_id, claimed_cents=cmd.claimed_cents)
    return ClaimFiled(claim_id=cmd.claim_id, policy_id=cmd.policy_id, loss=cmd.loss, claimed_cents=cmd.claimed_cents)


@claims.handles(WithdrawClaim, dedupe_by="claim_id")
async def withdraw(cmd: WithdrawClaim, tx: Tx) -> ClaimWithdrawn:
    """Publishes the wish. The saga decides whether it came before the adjuster's approval: the claim is closed then, and paid
    otherwise."""
    claim = await tx.fetch_one(STATUS, claim_id=cmd.claim_id)
    if claim is None or claim["status"] != "filed":
        raise ClaimNotOpen(status="unknown" if claim is None else claim["status"])
    return ClaimWithdrawn(claim_id=cmd.claim_id)


@claims.on
async def close(event: ClaimClosed, tx: Tx) -> None:
    """The saga publishes the event when all steps are undone; the row follows it."""
    await tx.execute(CLOSE, claim_id=event.claim_id, reason=event.reason)


@claims.on
async def note_payout(event: PayoutSent, tx: Tx) -> None:
    """The answer of the saga's last step is an event like any other."""
    await tx.execute(PAID, claim_id=event.claim_id, paid_cents=event.paid_cents)
