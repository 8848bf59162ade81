"""What was declared of topics, for an append that makes one: the relay may find the broker before it was told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from partita.bus.port import Outgoing, TopicSpec


class Specs:
    """The newest declaration of each topic that was told of, whether the topic could be made then or not."""

    def __init__(self) -> None:
        self._told: dict[str, TopicSpec] = {}

    def tell(self, topics: Iterable[TopicSpec]) -> None:
        """These are declared; to be called before a broker is asked, which may not be there."""
        self._told.update({topic.name: topic for topic in topics})

    def of(self, records: Iterable[Outgoing]) -> Sequence[TopicSpec]:
        """The topics of these records; one that nobody declared has the defaults."""
        return [self._told.get(name) or TopicSpec(name=name) for name in dict.fromkeys(r.topic for r in records)]
