"""The consent of an ingress: a sender asks by OPTIONS whether its events are wanted. Pure functions.

Source: CloudEvents, HTTP 1.1 Web Hooks, "Abuse Protection". It keeps a sender from flooding a target that expects no events.
It proves nothing about the sender: a signature does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from partita.errors import DeclarationError
from partita.ingress.refusal import Refusal

ASKED = "webhook-request-origin"
ANY = "*"


def check_origins(origins: Sequence[str], what: str) -> frozenset[str]:
    """The origins of an ingress, in lower case.

    Raises:
        DeclarationError: they are no list, or one is no name.
    """
    if isinstance(origins, str) or not all(isinstance(each, str) and each.strip() for each in origins):
        raise DeclarationError(f"origins= of {what} is a list of DNS names.", hint='origins=["events.example.com"]')
    return frozenset(each.lower() for each in origins)


def consent(origins: frozenset[str], headers: Mapping[str, str]) -> dict[str, str]:
    """The headers by which a sender knows that its events are wanted. An ingress has no limit of rate, and calls no callback.

    Raises:
        Refusal: they are not. It has no such header, since a status alone says nothing to a sender.
    """
    asked = headers.get(ASKED, "").strip()
    if not asked:
        raise Refusal(400, f"Name the origin of the events in {ASKED}.", ASKED, allow="POST")
    if ANY not in origins and asked.lower() not in origins:
        raise Refusal(403, "Events of this origin are not wanted here.", ASKED, allow="POST")
    return {
        "allow": "POST",
        "webhook-allowed-origin": ANY if ANY in origins else asked,
        "webhook-allowed-rate": ANY,
    }
