"""The handshake before the first event: a target says that it wants events of this sender. No I/O.

Source: CloudEvents, HTTP 1.1 Web Hooks, "Abuse Protection". A status code is no consent, since many servers answer OPTIONS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from partita.egress.target import Target
from partita.errors import DeclarationError, WebhookFailed

ORIGIN = "webhook-request-origin"
ALLOWED = "webhook-allowed-origin"
_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)


def check_origin(origin: str, what: str) -> str:
    """The name of a sending system, in lower case.

    Raises:
        DeclarationError: it is no DNS name.
    """
    if not isinstance(origin, str) or not _NAME.match(origin):
        raise DeclarationError(
            f"{what}={origin!r} cannot be.", hint='A DNS name, without a scheme: "events.example.com".'
        )
    return origin.lower()


def check_consent(target: Target, origin: str, status: int, headers: Mapping[str, str]) -> None:
    """Return if the target wants events of this origin.

    Raises:
        WebhookFailed: it does not say so. It is asked again with the next try.
    """
    allowed = headers.get(ALLOWED, "").strip().lower()
    if 200 <= status <= 299 and allowed in ("*", origin):
        return
    raise WebhookFailed(
        f"{target.shown} does not agree to events of {origin}: it answered OPTIONS with {status}"
        f" and {f'{ALLOWED}: {allowed:.100}' if allowed else f'no {ALLOWED}'}.",
        hint="Ask its owner to allow this origin, or leave origin= out.",
    )
