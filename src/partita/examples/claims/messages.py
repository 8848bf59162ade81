"""Each message of the five services: commands with their replies, events, and refusals."""

from __future__ import annotations

from typing import Annotated, NewType

import msgspec

from partita import Command, Event, Key, Rejection
from partita.examples.claims.services import claims, desk, fraud, payouts, policies
from partita.schemas import PII, Subject

ClaimId = NewType("ClaimId", str)
PolicyId = NewType("PolicyId", str)


# claims ---------------------------------------------------------------------------------------------------------------


class ClaimFiled(Event, of=claims):
    """A policy holder reported a loss."""

    claim_id: Key[ClaimId]
    policy_id: Annotated[PolicyId, Subject]
    loss: Annotated[str, PII]
    claimed_cents: int


class ClaimWithdrawn(Event, of=claims):
    """The policy holder wants no decision any more."""

    claim_id: Key[ClaimId]


class ClaimClosed(Event, of=claims):
    """The claim ended without a payment."""

    claim_id: Key[ClaimId]
    reason: str


class FileClaim(Command[ClaimFiled], of=claims):
    """The form of the policy holder."""

    claim_id: Key[ClaimId]
    policy_id: Annotated[PolicyId, Subject]
    loss: Annotated[str, PII]
    claimed_cents: int


class ClaimNotOpen(Rejection):
    """A claim that has ended, or was never filed, cannot be withdrawn."""

    status: Annotated[str, msgspec.Meta(description="the status of the claim in the database")]


class WithdrawClaim(Command[ClaimWithdrawn, ClaimNotOpen], of=claims):
    """The policy holder's button, also while the adjusters have the claim."""

    claim_id: Key[ClaimId]


# policies -------------------------------------------------------------------------------------------------------------


class PolicyOpened(Event, of=policies):
    """The policy covers losses up to its sum."""

    policy_id: Key[PolicyId]


class OpenPolicy(Command[PolicyOpened], of=policies):
    """A new policy with the sum that it covers."""

    policy_id: Key[PolicyId]
    sum_cents: int


class CoverageConfirmed(Event, of=policies):
    """The policy covers the loss up to the limit, and keeps that much for this claim."""

    claim_id: Key[ClaimId]
    limit_cents: int


class CoverageReleased(Event, of=policies):
    """The cover is free for other claims again."""

    claim_id: Key[ClaimId]


class CoverageDenied(Rejection):
    """The policy is unknown, or its sum is used up."""

    policy_id: PolicyId


class ReserveCoverage(Command[CoverageConfirmed, CoverageDenied], of=policies):
    """Keeps the claimed sum for this claim, or the rest of the policy's sum if that is less."""

    claim_id: Key[ClaimId]
    policy_id: PolicyId
    claimed_cents: int


class ReleaseCoverage(Command[CoverageReleased], of=policies):
    """Undoes `ReserveCoverage`, whether it was done or not."""

    claim_id: Key[ClaimId]


# fraud ----------------------------------------------------------------------------------------------------------------


class FraudCleared(Event, of=fraud):
    """The score of the claim is no suspicion."""

    claim_id: Key[ClaimId]
    score: float


class FraudCaseClosed(Event, of=fraud):
    """The case of the claim is closed."""

    claim_id: Key[ClaimId]


class FraudSuspected(Rejection):
    """The claim is a suspicion and goes no further."""

    score: float


class ScreenFraud(Command[FraudCleared, FraudSuspected], of=fraud):
    """Scores the claim and opens its case."""

    claim_id: Key[ClaimId]
    policy_id: PolicyId


class CloseFraudCase(Command[FraudCaseClosed], of=fraud):
    """Undoes `ScreenFraud`, whether it was done or not."""

    claim_id: Key[ClaimId]


# adjusters ------------------------------------------------------------------------------------------------------------


class ClaimApproved(Event, of=desk):
    """An adjuster decided to pay. The audit has the name of the adjuster, since a form could give another one."""

    claim_id: Key[ClaimId]
    amount_cents: int


class DecisionWithdrawn(Event, of=desk):
    """The question was taken from the adjusters' desk."""

    claim_id: Key[ClaimId]


class AdjusterReminded(Event, of=desk):
    """The adjusters have a letter about the claim, if they had not decided by then."""

    claim_id: Key[ClaimId]


class ClaimEscalated(Event, of=desk):
    """The head of the adjusters has a letter about the claim, if it was not decided by then."""

    claim_id: Key[ClaimId]


class ClaimRefused(Rejection):
    """An adjuster decided not to pay."""

    reason: str


class DecideClaim(Command[ClaimApproved, ClaimRefused], of=desk):
    """Asks a person: the fields are the adjuster's information, and the answer is one of two forms."""

    claim_id: Key[ClaimId]
    policy_id: Annotated[PolicyId, Subject]
    loss: Annotated[str, PII]
    claimed_cents: int
    limit_cents: int
    score: float


class WithdrawDecision(Command[DecisionWithdrawn], of=desk):
    """Undoes `DecideClaim`: a later answer of an adjuster is a conflict."""

    claim_id: Key[ClaimId]


class RemindAdjuster(Command[AdjusterReminded], of=desk):
    """Asks the adjusters again."""

    claim_id: Key[ClaimId]


class EscalateClaim(Command[ClaimEscalated], of=desk):
    """Asks the head of the adjusters."""

    claim_id: Key[ClaimId]


# payouts --------------------------------------------------------------------------------------------------------------


class PayoutSent(Event, of=payouts):
    """The bank took the order to pay."""

    claim_id: Key[ClaimId]
    paid_cents: int


class SendPayout(Command[PayoutSent], of=payouts):
    """Pays the approved amount, and never more than the limit; it is decided, so this cannot be refused."""

    claim_id: Key[ClaimId]
    policy_id: PolicyId
    amount_cents: int
    limit_cents: int
