"""The service `fraud-service`: it scores claims and keeps a case of each."""

from __future__ import annotations

from partita import Tx
from partita.examples.claims.messages import CloseFraudCase, FraudCaseClosed, FraudCleared, FraudSuspected, ScreenFraud
from partita.examples.claims.services import fraud

EARLIER = "SELECT COUNT(*) AS claims FROM fraud_case WHERE policy_id = :policy_id"
OPEN = "INSERT INTO fraud_case (claim_id, policy_id, score, status) VALUES (:claim_id, :policy_id, :score, 'open')"
CLOSE = "UPDATE fraud_case SET status = 'closed' WHERE claim_id = :claim_id"
USUAL_CLAIMS = 3


@fraud.handles(ScreenFraud)
async def screen(cmd: ScreenFraud, tx: Tx) -> FraudCleared:
    """More than the usual number of claims under one policy is a suspicion."""
    (earlier,) = await tx.fetch_all(EARLIER, policy_id=cmd.policy_id)
    score = earlier["claims"] / USUAL_CLAIMS
    if score >= 1:
        raise FraudSuspected(score=score)
    await tx.execute(OPEN, claim_id=cmd.claim_id, policy_id=cmd.policy_id, score=score)
    return FraudCleared(claim_id=cmd.claim_id, score=score)


@fraud.handles(CloseFraudCase)
async def close(cmd: CloseFraudCase, tx: Tx) -> FraudCaseClosed:
    """Closes no case if none was opened: an undo is also sent for an unknown outcome."""
    await tx.execute(CLOSE, claim_id=cmd.claim_id)
    return FraudCaseClosed(claim_id=cmd.claim_id)
