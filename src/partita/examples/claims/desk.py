"""The service `adjuster-desk`: people decide claims here, and get a letter about those that wait for long."""

from __future__ import annotations

from partita import Tx
from partita.examples.claims.messages import (
    AdjusterReminded,
    ClaimApproved,
    ClaimClosed,
    ClaimEscalated,
    DecideClaim,
    DecisionWithdrawn,
    EscalateClaim,
    RemindAdjuster,
    WithdrawDecision,
)
from partita.examples.claims.services import desk

WRITE = """
INSERT INTO letter (claim_id, receiver, number)
SELECT :claim_id, :receiver, (SELECT COUNT(*) + 1 FROM letter WHERE claim_id = :claim_id)
WHERE NOT EXISTS (SELECT 1 FROM closed WHERE claim_id = :claim_id)
"""
CLOSE = "INSERT INTO closed (claim_id) VALUES (:claim_id) ON CONFLICT (claim_id) DO NOTHING"

desk.task(DecideClaim, owner="adjusters", title="Decide claim {claim_id}: {claimed_cents} cents claimed")


@desk.handles(WithdrawDecision)
async def withdraw(cmd: WithdrawDecision, tx: Tx) -> DecisionWithdrawn:
    """Partita takes the task from the list and refuses a later decision; this service only ends its letters."""
    await tx.execute(CLOSE, claim_id=cmd.claim_id)
    return DecisionWithdrawn(claim_id=cmd.claim_id)


@desk.on
async def close(event: ClaimApproved | ClaimClosed, tx: Tx) -> None:
    """A decided claim gets no more letters. An approval is this service's event, a refusal ends in `ClaimClosed`."""
    await tx.execute(CLOSE, claim_id=event.claim_id)


@desk.handles(RemindAdjuster)
async def remind(cmd: RemindAdjuster, tx: Tx) -> AdjusterReminded:
    """The saga sends no reminder after the decision, but one may be on its way then: no letter about a closed claim."""
    await tx.execute(WRITE, claim_id=cmd.claim_id, receiver="adjusters")
    return AdjusterReminded(claim_id=cmd.claim_id)


@desk.handles(EscalateClaim)
async def escalate(cmd: EscalateClaim, tx: Tx) -> ClaimEscalated:
    """Five days are left when the saga sends it."""
    await tx.execute(WRITE, claim_id=cmd.claim_id, receiver="head of adjusters")
    return ClaimEscalated(claim_id=cmd.claim_id)
