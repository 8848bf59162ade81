"""The schema registry that the settings name: relays send nothing before their schemas are registered there."""

from __future__ import annotations

from partita.errors import PartitaError
from partita.machine.system import this_machine
from partita.observability.declarations import Declarations
from partita.schemas.confluent.client import RegistryClient
from partita.topics.health import Finding

ANY_SUBJECT = "partita-doctor"
"""A registry answers a question about a subject also when it does not have the subject."""


async def check_registry(app: Declarations) -> list[Finding]:
    """Whether the registry answers; nothing where the bus keeps the schemas."""
    settings = app.settings
    if not settings.registry:
        return []
    client = RegistryClient(settings.registry, this_machine().clock, whole_s=settings.ask_s)
    try:
        await client.versions(ANY_SUBJECT)
    except PartitaError as error:
        return [Finding("bad", "schema registry", error.what, error.hint)]
    return [Finding("ok", "schema registry", client.where)]
