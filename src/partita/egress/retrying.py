"""Retrying: what each failure of a webhook means for its event."""

from __future__ import annotations

from partita.catalog.retry import Counters, Decision, GiveUp, RetryAfter
from partita.errors import WebhookFailed, WebhookGone, WebhookRefused


def decide(error: BaseException, counters: Counters, message: object) -> Decision | None:
    """The retry policy of all webhooks, by Standard Webhooks: every answer but 2xx and 410 is tried again, also a 4xx, since a
    receiver mends its keys and its routes. An answer that names a time is waited for as long as a delay allows. None = by the
    retry's own rules, as for a connection that fails."""
    if isinstance(error, (WebhookGone, WebhookRefused)):
        return GiveUp(error.what)
    if isinstance(error, WebhookFailed):
        return RetryAfter(error.wait_s)
    return None
