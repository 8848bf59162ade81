"""The owner of messages: the identity of a service, the only part of it that a message knows."""

from __future__ import annotations

from typing import Any

from partita.catalog.place import Place
from partita.catalog.service_name import check_name, check_namespace
from partita.schemas.languages import check_language


class Owner:
    """The identity of a service: a name, a namespace with its topics, and its message classes by their names on the wire.

    Every owner is a `Service`. A message names its owner, and a service reads messages in its handlers, so the common part
    is here, below both.
    """

    def __init__(self, name: str, namespace: str, place: Place, codec: str = "avro") -> None:
        check_name(name, place)
        check_namespace(namespace, place)
        self.name = name
        self.namespace = namespace
        self.place = place
        self.codec = check_language(codec, f"{place}: {name}")
        self.messages: dict[str, type[Any]] = {}

    @property
    def events_topic(self) -> str:
        """The topic of the events this service owns."""
        return f"{self.namespace}.events"

    @property
    def commands_topic(self) -> str:
        """The topic of the commands this service handles."""
        return f"{self.namespace}.commands"

    @property
    def faults_topic(self) -> str:
        """The topic of the faults of this service's messages."""
        return f"{self.namespace}.faults"
