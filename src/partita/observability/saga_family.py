"""The family of a saga instance: the step that asked for it, and the sagas that carry out its own steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from partita.message import SagaAddress, envelope_from_bytes
from partita.observability.instances import Instance
from partita.sagas.definition import SagaDefinition
from partita.sagas.state import SagaState, state_from_bytes
from partita.sagas.sub_sagas import carrying_out
from partita.sagas.unfolding import definition_for
from partita.store.port import Store


@dataclass(frozen=True, slots=True)
class Child:
    """A sub-saga of a step. `status` is empty where its database is not here, and "not begun" where it has no instance."""

    step: str
    saga: str
    saga_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Family:
    """`parent` is None for an instance that no saga's step asked for."""

    parent: SagaAddress | None = None
    children: tuple[Child, ...] = ()


async def family_of(stores: Mapping[str, Store], sagas: Sequence[SagaDefinition], instance: Instance) -> Family:
    """The family of an instance, as far as its state says. A step whose command a hook makes names its saga alone."""
    row = instance.row
    definition = next((each for each in sagas if (each.name, each.version) == (row.saga, row.definition_version)), None)
    try:
        state = state_from_bytes(row.data)
    except (msgspec.MsgspecError, RecursionError):
        return Family()
    parent = None if state.caller is None else envelope_from_bytes(state.caller.headers).saga
    if definition is None:
        return Family(parent)
    return Family(parent, tuple([each async for each in _children(stores, sagas, definition, state)]))


async def _children(
    stores: Mapping[str, Store], sagas: Sequence[SagaDefinition], definition: SagaDefinition, state: SagaState
) -> AsyncIterator[Child]:
    carried_out, definition = carrying_out(sagas), definition_for(definition, state)
    for spec, step in zip(definition.steps, state.steps, strict=False):
        child = carried_out.get(spec.command.identity)
        if child is None or step.phase == "idle":
            continue
        try:
            key = None if spec.plan is None else spec.command.key_of(spec.plan.make(state.facts))
        except msgspec.ValidationError:
            key = None  # a value of an older message; the step is named all the same
        yield Child(spec.name, child.name, key or "", await _status(stores, child, key))


async def _status(stores: Mapping[str, Store], child: SagaDefinition, key: str | None) -> str:
    store = stores.get(child.service.name)
    if store is None or key is None:
        return ""
    async with store.reading() as session:
        found = await session.sagas.load(child.name, [key])
    return found[key].status if key in found else "not begun"
