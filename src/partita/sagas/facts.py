"""Facts: the values that an instance keeps of its messages, and the saga object that hooks see."""

from __future__ import annotations

from typing import Any

import msgspec

from partita.catalog.contract import Contract, contract_of
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.state import SagaState

PLAIN = (str, int, bool, float, type(None))


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
        spec.hooks[name](saga, message)
        keep_attributes(definition, state, saga)


def seen_by_hooks(definition: SagaDefinition, state: SagaState) -> Any:
    """The saga as its hooks see it."""
    saga = object.__new__(definition.cls)
    for name, default in definition.attributes.items():
        setattr(saga, name, state.user.get(name, default))
    saga.start = _message(definition.start, "start", state)
    saga.replies = {
        spec.name: _message_of(spec, state)
        for spec in definition.steps
        if any(fact.startswith(f"{spec.name}.") for fact in state.facts)
    }
    return saga


def keep_attributes(definition: SagaDefinition, state: SagaState, saga: Any) -> None:
    """Keep the values that a hook has set."""
    for name in definition.attributes:
        state.user[name] = msgspec.to_builtins(getattr(saga, name))


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
