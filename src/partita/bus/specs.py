"""Declarations of topics, for an append that creates one: the relay may reach the broker before the topics were ensured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from partita.bus.port import Outgoing, TopicSpec
from partita.cloudevents.binary_mode import HeaderSet


class Specs:
    """The newest declaration of each topic, whether or not the topic could be created then."""

    def __init__(self) -> None:
        self._declared: dict[str, TopicSpec] = {}

    def declare(self, topics: Iterable[TopicSpec]) -> None:
        """Remember these declarations; called before a broker is asked, which may be absent."""
        self._declared.update({topic.name: topic for topic in topics})

    def of(self, records: Iterable[Outgoing]) -> Sequence[TopicSpec]:
        """The topics of these records; an undeclared one has the defaults."""
        return [self._declared.get(name) or TopicSpec(name=name) for name in dict.fromkeys(r.topic for r in records)]

    def headers(self, topic: str) -> HeaderSet:
        """The headers of its records. A topic that is not declared here is of another app, or of a program that is not built
        with Partita, which reads the attributes: it has all of them."""
        declared = self._declared.get(topic)
        return "full" if declared is None else declared.headers
