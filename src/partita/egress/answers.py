"""The answers of a target, as failures or successes. No I/O."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping

from partita.clock import US
from partita.egress.target import Target
from partita.errors import WebhookFailed, WebhookGone

GONE = 410
WAIT_S_MAX = 86_400.0


def check_answer(target: Target, status: int, headers: Mapping[str, str], now_us: int) -> None:
    """Return if the target took the event.

    Raises:
        WebhookGone: it wants none any more. WebhookFailed: it did not take this one, a redirect included, which is not followed.
    """
    if 200 <= status <= 299:
        return
    if status == GONE:
        raise WebhookGone(
            f"{target.shown} answered 410: it wants no more events.",
            hint="Ask its owner. Then remove the webhook, or send the dead letters: partita dlq replay.",
        )
    moved = ": a redirect, which is not followed" if 300 <= status <= 399 else ""
    raise WebhookFailed(f"{target.shown} answered {status}{moved}.", wait_s=wait_of(headers, now_us))


def wait_of(headers: Mapping[str, str], now_us: int) -> float:
    """The seconds of the header Retry-After, a number or a date; 0 = it names none."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), WAIT_S_MAX)
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp() if text else 0.0
    except (ValueError, OverflowError, TypeError):
        return 0.0
    return min(max(at - now_us / US, 0.0), WAIT_S_MAX)
