"""The failures of a webhook, and what each of them means for its event."""

from __future__ import annotations

from partita.catalog.retry import Counters, Decision, GiveUp, RetryAfter
from partita.errors import PartitaError


class WebhookFailed(PartitaError):
    """The target did not take the event. It is sent again after each delay, then it is a dead letter."""

    code = "PTA-1000"

    def __init__(self, what: str, *, wait_s: float = 0.0, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.wait_s = wait_s


class WebhookUnreached(PartitaError):
    """There was no answer of HTTP: no connection, none in time, or other bytes. The target may have taken the event."""

    code = "PTA-1003"


class WebhookRefused(PartitaError):
    """The event may not be sent to this target: its URL or its address is not allowed. Nothing was sent."""

    code = "PTA-1001"


class WebhookGone(PartitaError):
    """The target answered 410: it wants no more events. Its events are dead letters until it takes some again."""

    code = "PTA-1002"


def decide(error: BaseException, counters: Counters, message: object) -> Decision | None:
    """The retry policy of all webhooks, by Standard Webhooks: every answer but 2xx and 410 is tried again, also a 4xx, since a
    receiver mends its keys and its routes. An answer that names a time is waited for as long as a delay allows. None = by the
    retry's own rules, as for a connection that fails."""
    if isinstance(error, (WebhookGone, WebhookRefused)):
        return GiveUp(error.what)
    if isinstance(error, WebhookFailed):
        return RetryAfter(error.wait_s)
    return None
