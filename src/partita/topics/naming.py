"""Names of derived topics: the retry topics and the dead letters of one topic and one group.

The group is in the name, or two services would retry each other's failures.
"""

from __future__ import annotations

UNITS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def span(seconds: float) -> str:
    """A wait as people say it: 60 -> 1m, 1800 -> 30m, 0.5 -> 500ms."""
    for unit, name in UNITS:
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:.0f}{name}"
    return f"{seconds * 1_000:.0f}ms"


def retry_topic(topic: str, group: str, wait_s: float) -> str:
    """The topic in which a group's failed messages wait: `shop.payment.commands.payment-service.retry-1m`."""
    return f"{topic}.{group}.retry-{span(wait_s)}"


def dlq_topic(topic: str, group: str) -> str:
    """The topic of a group's dead letters."""
    return f"{topic}.{group}.dlq"
