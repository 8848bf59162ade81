"""The alert of an undo that no participant acknowledges: which comes first, and after how long, by the waits of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from partita.alerts.rules import RULES
from partita.design.document.quantity import span
from partita.sagas.sending import RESEND_CAP_S, TRIES_BEFORE_ALERT

SLOW_S = next(rule.limit for rule in RULES if rule.name == "CompensationSlow")


@dataclass(frozen=True, slots=True)
class UndoAlert:
    """The name of the alert, the seconds after the first send, and their arithmetic."""

    name: str
    after_s: float
    how: str


def undo_alert(timeout_s: float) -> UndoAlert:
    """An undo is sent again after its step's timeout, then after twice the time each, half an hour at most. CompensationSlow
    looks at the time since the last send, so that it comes only when one wait is longer than its limit."""
    waits = tuple(min(timeout_s * 2.0**tries, RESEND_CAP_S) for tries in range(TRIES_BEFORE_ALERT))
    over = next((number for number, wait in enumerate(waits) if wait > SLOW_S), None)
    number = len(waits) if over is None else over
    passed = sum(waits[:number])
    factors = " + ".join(str(2**tries) for tries in range(number))
    how = f"{span(timeout_s)} x ({factors}) = {span(passed)}" if number else ""
    if over is None:
        return UndoAlert("SagaNeedsAttention", passed, how)
    how = f"{how}, + {span(SLOW_S)} = {span(passed + SLOW_S)}" if how else span(SLOW_S)
    return UndoAlert("CompensationSlow", passed + SLOW_S, how)
