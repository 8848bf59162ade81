"""An app with a task: a saga asks for a decision about a claim, and a person decides. Run by tests of the command line."""

from __future__ import annotations

import datetime as dt

from partita import App, Command, Event, Key, Rejection, Saga, Service, hours, retriable, step

claims = Service("claims", namespace="tasks.claim")
desk = Service("desk", namespace="tasks.desk")


class ClaimFiled(Event, of=claims):
    claim_id: Key[str]
    cents: int


class ClaimClosed(Event, of=claims):
    claim_id: Key[str]


class ClaimLapsed(Event, of=claims):
    claim_id: Key[str]
    reason: str


class FileClaim(Command[ClaimFiled], of=claims):
    claim_id: Key[str]
    cents: int


class CloseClaim(Command[ClaimClosed], of=claims):
    claim_id: Key[str]


class ClaimApproved(Event, of=desk):
    claim_id: Key[str]
    amount: int
    until: dt.date | None = None
    parts: tuple[str, ...] = ()


class DecisionWithdrawn(Event, of=desk):
    claim_id: Key[str]


class ClaimDenied(Rejection):
    why: str


class DecideClaim(Command[ClaimApproved, ClaimDenied], of=desk):
    claim_id: Key[str]
    cents: int


class WithdrawDecision(Command[DecisionWithdrawn], of=desk):
    claim_id: Key[str]


class Claim(Saga, start=ClaimFiled, deadline=hours(24 * 40), undone=ClaimLapsed, of=claims):
    decide = step(DecideClaim, undo=WithdrawDecision, timeout=hours(24 * 30))
    close = retriable(CloseClaim)


@claims.handles(FileClaim)
async def file_claim(cmd: FileClaim) -> ClaimFiled:
    return ClaimFiled(claim_id=cmd.claim_id, cents=cmd.cents)


@claims.handles(CloseClaim)
async def close_claim(cmd: CloseClaim) -> ClaimClosed:
    return ClaimClosed(claim_id=cmd.claim_id)


desk.task(DecideClaim, owner="adjusters", title="Decide claim {claim_id} over {cents} cents")


@desk.handles(WithdrawDecision)
async def withdraw(cmd: WithdrawDecision) -> DecisionWithdrawn:
    return DecisionWithdrawn(claim_id=cmd.claim_id)


app = App(claims, desk)
