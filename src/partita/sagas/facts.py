"""Facts: the values that an instance keeps of its messages, and the saga object that hooks see."""

from __future__ import annotations

from typing import Any

import msgspec

from partita.catalog.contract import Contract, contract_of
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.filling import PLAIN
from partita.sagas.state import SagaState


def keep_facts(definition: SagaDefinition, state: SagaState, source: str, message: Any) -> None:
    """Keep the values that later commands need of a message; all of them where a hook may look at it."""
    facts = state.facts
    wanted = definition.kept.get(source, ())
    if source in definition.versions:
        state.versions[source] = definition.versions[source]
    if definition.hooked:
        wanted = tuple((name, f"{source}.{name}") for name in message.__struct_fields__)
        state.is_whole = state.is_whole or source == "start"
    else:
        state.is_whole = False
    for name, fact in wanted:
        value = getattr(message, name)
        facts[fact] = value if type(value) in PLAIN else msgspec.to_builtins(value, builtin_types=(bytes,))


def facts_wanted(definition: SagaDefinition, source: str, message: Any) -> tuple[str, ...]:
    """The fields of a message whose values an instance keeps."""
    if definition.hooked:
        return tuple(message.__struct_fields__)
    return tuple(name for name, _ in definition.kept.get(source, ()))


def call_hook(definition: SagaDefinition, state: SagaState, spec: StepSpec, name: str, message: Any) -> None:
    """Call a step's hook with a message, if the step has one."""
    if name in spec.hooks:
        saga = seen_by_hooks(definition, state)
        spec.hooks[name](saga, *item_of(spec, state), message)
        keep_attributes(definition, state, saga)


def item_of(spec: StepSpec, state: SagaState) -> tuple[Any, ...]:
    """The argument that the hooks of a step for each item get before others: its item."""
    return () if spec.each is None else (spec.each.item(state.facts, spec.item),)


def reply_of(spec: StepSpec, state: SagaState) -> Any:
    """The reply to a step; None where none has come."""
    return _message_of(spec, state) if any(fact.startswith(f"{spec.name}.") for fact in state.facts) else None


def seen_by_hooks(definition: SagaDefinition, state: SagaState) -> Any:
    """The saga as its hooks see it."""
    saga = object.__new__(definition.cls)
    for name, default in definition.attributes.items():
        setattr(saga, name, state.user.get(name, default))
    saga.start = _message(definition.start, "start", state)
    saga.replies = _replies(definition, state)
    return saga


def keep_attributes(definition: SagaDefinition, state: SagaState, saga: Any) -> None:
    """Keep the values that a hook has set."""
    for name in definition.attributes:
        state.user[name] = msgspec.to_builtins(getattr(saga, name))


def _replies(definition: SagaDefinition, state: SagaState) -> dict[str, Any]:
    """The replies so far by step; of a step for each item a list in the order of the items, with None where none has come."""
    come = {fact.partition(".")[0] for fact in state.facts}
    found: dict[str, Any] = {name: [] for name in state.sizes}
    for spec in definition.steps:
        if spec.item >= 0:
            found[spec.declared].append(_message_of(spec, state) if spec.name in come else None)
        elif spec.name in come:
            found[spec.name] = _message_of(spec, state)
    return found


def _message_of(spec: StepSpec, state: SagaState) -> Any:
    assert spec.command.reply is not None
    return _message(contract_of(spec.command.reply), spec.name, state)


def _message(contract: Contract, source: str, state: SagaState) -> Any:
    names = contract.shape.struct.__struct_fields__
    wires = contract.shape.struct.__struct_encode_fields__
    facts = {
        wire: state.facts[f"{source}.{n}"]
        for n, wire in zip(names, wires, strict=True)
        if f"{source}.{n}" in state.facts
    }
    return msgspec.convert(facts, contract.cls)
