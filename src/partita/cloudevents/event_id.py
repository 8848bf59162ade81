"""The id of a CloudEvent within Partita.

CloudEvents 1.0 distinguishes events by source and id together. Partita's own ids are unique by themselves. The id of a
foreign event is kept with its source, so that two programs that both count from 1 are not taken for one.
"""

from __future__ import annotations

_BETWEEN = " "  # no URI-reference has one


def of_source(source: str, event_id: str) -> str:
    """The id of a foreign event: its source and its own id."""
    return f"{source}{_BETWEEN}{event_id}"


def on_the_wire(message_id: str) -> str:
    """The event's own id, as its program gave it."""
    return message_id if _BETWEEN not in message_id else message_id.split(_BETWEEN, 1)[1]


def source_of(message_id: str, source: str) -> str:
    """The source of an event: that of its id where a foreign program made it, whose event a service of ours may have taken; else
    `source`, the database that wrote it."""
    return source if _BETWEEN not in message_id else message_id.split(_BETWEEN, 1)[0]
