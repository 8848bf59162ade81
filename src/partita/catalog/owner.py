"""The owner of messages: the identity of a service, the only part of it that a message knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from partita.catalog.place import Place
from partita.catalog.service_name import check_name, check_namespace
from partita.errors import DeclarationError
from partita.schemas.evolution.level import DEFAULT, check_level
from partita.schemas.languages import check_language


class Owner:
    """The identity of a service: a name, a namespace with its topics, and its message classes by their names on the wire.

    Every owner is a `Service`. A message names its owner, and a service reads messages in its handlers, so the common part
    is here, below both.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        place: Place,
        codec: str = "avro",
        schemas: str | Path | None = None,
        compatibility: str = DEFAULT,
    ) -> None:
        check_name(name, place)
        check_namespace(namespace, place)
        self.name = name
        self.namespace = namespace
        self.place = place
        self.codec = check_language(codec, f"{place}: {name}")
        self.schemas = _home(schemas, place)
        self.compatibility = check_level(compatibility, f"{place}: {name}")
        self.messages: dict[str, type[Any]] = {}
        self.old_shapes: dict[str, None] = {}  # the names on the wire of those with an upcaster

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


def _home(schemas: object, place: Place) -> Path:
    """The folder of schemas that is declared, relative to the module with the declaration; else that module, above which the
    folder is looked for when a message needs it."""
    if schemas is None:
        return Path(place.file)
    if not isinstance(schemas, (str, Path)) or not str(schemas).strip():
        raise DeclarationError(f"{place}: schemas={schemas!r:.120} is not a folder.", hint='schemas="schemas"')
    folder = Path(place.file).absolute().parent / schemas
    if not folder.is_dir():
        raise DeclarationError(
            f"{place}: schemas={str(schemas)!r:.200} is not there: {folder} is no folder.",
            hint=f"mkdir {folder}, then: partita schema export {folder}",
        )
    return folder
