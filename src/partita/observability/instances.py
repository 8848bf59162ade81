"""Saga instances, and the history of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from partita.errors import NotFound
from partita.observability.awaited import AwaitedAnswer, awaited_answers
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import state_from_bytes
from partita.store.port import Store
from partita.store.sagas import SagaEvent, SagaRow

STATUSES = ("running", "compensating", "completed", "undone", "needs_attention")


@dataclass(frozen=True, slots=True)
class Instance:
    """A saga instance in the database of its service, with its history, the oldest entry first."""

    service: str
    row: SagaRow
    history: tuple[SagaEvent, ...] = ()


def awaited_by(row: SagaRow, sagas: Sequence[SagaDefinition]) -> list[AwaitedAnswer]:
    """The answers that an instance waits for; none where its version is not declared here or its state cannot be read."""
    for definition in sagas:
        if (definition.name, definition.version) == (row.saga, row.definition_version):
            try:
                return awaited_answers(definition, state_from_bytes(row.data))
            except msgspec.MsgspecError:
                break
    return []


async def instances(stores: Mapping[str, Store], status: str | None, limit: int) -> list[Instance]:
    """Instances without their histories, the latest changed first."""
    found: list[Instance] = []
    for name, store in stores.items():
        async with store.reading() as session:
            found += [Instance(name, row) for row in await session.sagas.find(status=status, limit=limit)]
    return sorted(found, key=lambda each: -each.row.updated_us)[:limit]


async def instances_of(
    stores: Mapping[str, Store], sagas: Sequence[SagaDefinition], key: str, saga: str | None = None
) -> list[Instance]:
    """The instances of a key with their histories, of all sagas or of the saga named `saga`."""
    found: list[Instance] = []
    for service, name in dict.fromkeys((each.service.name, each.name) for each in sagas):
        if service in stores and saga in (None, name):
            async with stores[service].reading() as session:
                for row in (await session.sagas.load(name, [key])).values():
                    found.append(Instance(service, row, tuple(await session.sagas.history(name, key))))
    return found


async def the_instance(
    stores: Mapping[str, Store], sagas: Sequence[SagaDefinition], key: str, saga: str | None = None
) -> Instance:
    """The one instance of a key.

    Raises:
        NotFound: no saga has the key, or several have it and none is named.
    """
    found = await instances_of(stores, sagas, key, saga)
    if not found:
        raise NotFound(f"No saga has the key {key!r}.", hint="partita saga list")
    if len(found) > 1:
        names = ", ".join(each.row.saga for each in found)
        raise NotFound(f"Several sagas have the key {key!r}: {names}.", hint="Name one with --saga.")
    return found[0]
