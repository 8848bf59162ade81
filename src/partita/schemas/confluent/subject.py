"""Subject name strategies: under which subject of a registry the schema of a message is registered."""

from __future__ import annotations

STRATEGIES = ("topic", "record", "topic-record")


def subject_of(strategy: str, topic: str, record: str) -> str:
    """The subject of the values on a topic: `topic` has one type of messages on each topic, `record` one subject for a type
    on all topics, `topic-record` one for each type on each topic."""
    assert strategy in STRATEGIES, strategy
    if strategy == "topic":
        return f"{topic}-value"
    return record if strategy == "record" else f"{topic}-{record}"
