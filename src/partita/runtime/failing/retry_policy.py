"""The retry policy: a pure decision over a failure and its counters.

Walk 12: a handler raised; what happens next is decided here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from partita.catalog.retry import Counters, Decision, GiveUp, Retry, RetryAfter, RetryNow
from partita.errors import Expired, Malformed, UnknownSchema, UnknownType

PERMANENT = (Expired, Malformed, UnknownSchema, RecursionError)


def is_permanent(retry: Retry, error: BaseException) -> bool:
    """Whether no retry can heal this error."""
    return isinstance(error, (*PERMANENT, *retry.permanent))


def decide(retry: Retry, error: BaseException, counters: Counters, message: Any, dice: float) -> Decision:
    """Decide after a failed try; `dice` in [0, 1) is the jitter.

    The user's policy is asked first, within bounds: it cannot keep a message alive beyond the last delay, and an
    answer that is none of the four means a dead letter.

    Raises:
        Exception: any exception of the user's policy.
    """
    if retry.policy is not None:
        answer = retry.policy(error, counters, message)
        if answer is not None:
            return _bounded(retry, answer, counters)
    if is_permanent(retry, error):
        return GiveUp(f"{type(error).__name__} is permanent")
    # No later try in this process knows the type; a process of a newer version may take it out of a retry topic.
    if counters.tries <= retry.in_place and not isinstance(error, UnknownType):
        wait = min(retry.wait_s_max, retry.first_wait_s * 2 ** max(counters.tries - 1, 0))
        return RetryNow(wait * (1 + retry.jitter * dice))
    if counters.delays < len(retry.delays):
        return RetryAfter(retry.delays[counters.delays])
    return GiveUp(f"failed in place and after {len(retry.delays)} delays")


def delay_of(retry: Retry, decision: RetryAfter, behind: int) -> int:
    """The delay of a decision: the first that waits long enough, never one that the message has already been in."""
    for number, wait_s in enumerate(retry.delays):
        if number >= behind and wait_s >= decision.wait_s:
            return number
    return len(retry.delays) - 1


def _bounded(retry: Retry, answer: object, counters: Counters) -> Decision:
    if not isinstance(answer, Decision):
        return GiveUp(f"its retry policy answered {answer!r:.100}")
    over = counters.tries > retry.in_place
    if isinstance(answer, RetryNow) and over:
        return RetryAfter(0.0) if counters.delays < len(retry.delays) else GiveUp("its retry policy never gives up")
    if isinstance(answer, RetryAfter) and counters.delays >= len(retry.delays):
        return GiveUp(f"failed after {len(retry.delays)} delays")
    return answer
