"""The service `policy-service`: the sum that each policy covers, and the part of it that is kept for a claim."""

from __future__ import annotations

from partita import Tx
from partita.examples.claims.messages import (
    CoverageConfirmed,
    CoverageDenied,
    CoverageReleased,
    OpenPolicy,
    PayoutSent,
    PolicyOpened,
    ReleaseCoverage,
    ReserveCoverage,
)
from partita.examples.claims.services import policies

OPEN = "INSERT INTO policy (policy_id, free_cents) VALUES (:policy_id, :sum_cents) ON CONFLICT (policy_id) DO NOTHING"
LOCK = "UPDATE policy SET free_cents = free_cents WHERE policy_id = :policy_id AND free_cents > 0 RETURNING free_cents"
CHANGE = "UPDATE policy SET free_cents = free_cents + :cents WHERE policy_id = :policy_id"
KEEP = "INSERT INTO cover (claim_id, policy_id, cents, status) VALUES (:claim_id, :policy_id, :cents, 'kept')"
KEPT = "SELECT policy_id, cents FROM cover WHERE claim_id = :claim_id AND status = 'kept'"
END = "UPDATE cover SET status = :status, cents = :cents WHERE claim_id = :claim_id"


@policies.handles(OpenPolicy)
async def open_policy(cmd: OpenPolicy, tx: Tx) -> PolicyOpened:
    """A policy that exists keeps its sum."""
    await tx.execute(OPEN, policy_id=cmd.policy_id, sum_cents=cmd.sum_cents)
    return PolicyOpened(policy_id=cmd.policy_id)


@policies.handles(ReserveCoverage)
async def reserve(cmd: ReserveCoverage, tx: Tx) -> CoverageConfirmed:
    """The first UPDATE locks the policy's row: two claims of one policy cannot keep the same money."""
    policy = await tx.fetch_one(LOCK, policy_id=cmd.policy_id)
    if policy is None:
        raise CoverageDenied(policy_id=cmd.policy_id)
    limit_cents = min(cmd.claimed_cents, policy["free_cents"])
    await tx.execute(CHANGE, policy_id=cmd.policy_id, cents=-limit_cents)
    await tx.execute(KEEP, claim_id=cmd.claim_id, policy_id=cmd.policy_id, cents=limit_cents)
    return CoverageConfirmed(claim_id=cmd.claim_id, limit_cents=limit_cents)


@policies.handles(ReleaseCoverage)
async def release(cmd: ReleaseCoverage, tx: Tx) -> CoverageReleased:
    """Gives back the whole cover, if there is one."""
    await _end(tx, cmd.claim_id, "released", used_cents=0)
    return CoverageReleased(claim_id=cmd.claim_id)


@policies.on
async def use(event: PayoutSent, tx: Tx) -> None:
    """The adjuster may approve less than the limit: the rest is free again."""
    await _end(tx, event.claim_id, "used", used_cents=event.paid_cents)


async def _end(tx: Tx, claim_id: str, status: str, *, used_cents: int) -> None:
    kept = await tx.fetch_one(KEPT, claim_id=claim_id)
    if kept is not None:
        await tx.execute(CHANGE, policy_id=kept["policy_id"], cents=kept["cents"] - used_cents)
        await tx.execute(END, claim_id=claim_id, status=status, cents=used_cents)
