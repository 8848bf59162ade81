"""Registering: the newest schemas of an app in a schema registry, before the first message needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from partita.errors import RegistryRefused
from partita.observability.declarations import Declarations
from partita.schemas.confluent.client import RegisteredSchema, RegistryClient
from partita.schemas.confluent.subject import subject_of
from partita.schemas.languages import schema_of

LANGUAGES = {"avro": "AVRO", "json": "JSON", "protobuf": "PROTOBUF"}


class Planned(NamedTuple):
    """The newest schema of a message: `known` to its subject, `new` there, or `refused`, with the registry's reasons."""

    message: str
    subject: str
    schema: RegisteredSchema
    state: Literal["known", "new", "refused"]
    reasons: tuple[str, ...] = ()


async def plan_registrations(app: Declarations, client: RegistryClient) -> Sequence[Planned]:
    """The messages that the app writes, each with the registry's verdict; nothing is registered.

    Raises:
        RegistryUnavailable, RegistryRefused: see `RegistryClient`.
    """
    plan = []
    for name, contract in sorted(app.catalog.written().items()):
        subject = subject_of(app.settings.registry_subjects, contract.topic, contract.full_name)
        schema = RegisteredSchema(schema_of(contract.shape), LANGUAGES[contract.shape.language])
        if await client.look_up(subject, schema) is not None:
            plan.append(Planned(name, subject, schema, "known"))
            continue
        reasons = tuple(await client.compatibility(subject, schema))
        plan.append(Planned(name, subject, schema, "refused" if reasons else "new", reasons))
    return plan


async def register(client: RegistryClient, plan: Sequence[Planned]) -> Sequence[int]:
    """Register the new schemas of a plan; returns their ids. A kill between two leaves the first ones, and the next run the rest.

    Raises:
        RegistryRefused: the registry refuses one of the plan: none was registered, or another process was faster.
    """
    refused = next((each for each in plan if each.state == "refused"), None)
    if refused is not None:
        raise RegistryRefused(f"{refused.message} is refused as a version of {refused.subject}.", error_code=409)
    return [await client.register(each.subject, each.schema) for each in plan if each.state == "new"]
