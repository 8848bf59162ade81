"""The saga of a claim: it waits twenty days for a person, reminds, asks a superior, and pays once."""

from __future__ import annotations

from partita import Saga, days, hours, pivot, retriable, step
from partita.examples.claims.messages import (
    ClaimClosed,
    ClaimFiled,
    ClaimWithdrawn,
    CloseFraudCase,
    DecideClaim,
    EscalateClaim,
    ReleaseCoverage,
    RemindAdjuster,
    ReserveCoverage,
    ScreenFraud,
    SendPayout,
    WithdrawDecision,
)
from partita.examples.claims.services import claims
from partita.sagas import after, on


class HandleClaim(Saga, start=ClaimFiled, deadline=days(30), undone=ClaimClosed, of=claims):
    """Until the adjuster approves, everything can be taken back. Then the claim is paid, whatever happens."""

    reserve = step(ReserveCoverage, undo=ReleaseCoverage, timeout=hours(1))
    screen = step(ScreenFraud, undo=CloseFraudCase, timeout=days(2))
    decide = pivot(
        DecideClaim,
        undo=WithdrawDecision,
        timeout=days(20),
        timers=(after(days(5), RemindAdjuster), after(days(10), RemindAdjuster), after(days(15), EscalateClaim)),
    )
    pay = retriable(SendPayout, timeout=hours(1))
    withdrawn = on(ClaimWithdrawn, then="cancel")
