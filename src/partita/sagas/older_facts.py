"""Facts of older messages in the state of an instance: they become facts of the newest version, by the upcasters.

A state keeps only the values that the saga's commands need. An upcaster gets the old message with these values; each other field
is `NotKept`, which it may pass on and may not look at. So a fact is either right or missing, and never a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import msgspec

from partita.catalog.contract import Contract
from partita.catalog.upcaster import olds_of
from partita.errors import UpcastFailed
from partita.sagas.definition import SagaDefinition
from partita.sagas.facts import facts_wanted, keep_facts
from partita.sagas.needed_facts import check, rename
from partita.sagas.state import SagaState


class NotKept:
    """The value of a field that a state does not keep. An upcaster may put it into the new message, where the saga needs no
    such field either; each other use raises."""

    def __init__(self, field: str) -> None:
        self._field = field


def _refuse(self: Any, *_: object, **__: object) -> NoReturn:
    raise LookupError(f"{vars(self)['_field']} is not kept in the state")


_USES = """getattr str repr format bytes bool int float complex index len iter next reversed getitem contains call hash
eq ne lt le gt ge add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow or ror and rand xor rxor
lshift rshift neg pos abs invert round trunc floor ceil enter exit"""
for _use in _USES.split():
    setattr(NotKept, f"__{_use}__", _refuse)


def is_newer(definition: SagaDefinition, state: SagaState) -> bool:
    """Whether a state keeps values of messages that are newer than this process knows them."""
    return any(version > definition.versions.get(source, 1) for source, version in state.versions.items())


def renew(definition: SagaDefinition, state: SagaState) -> None:
    """Make the facts of older messages facts of the newest versions, in place, by the upcasters of the user.

    Raises:
        UpcastFailed: no upcaster leads from the kept version to the newest, or a value that the saga needs follows from one that
            is not kept. StoreMismatch: `needed_facts.check`. Any error of an upcaster.
    """
    for source, contract in definition.sources.items():
        kept = dict(_facts(state, source))
        version = state.versions.get(source, 1)
        if not kept or version == contract.version:
            continue
        old = next((each for each in olds_of(contract) if each.version == version), None)
        if old is None:
            raise UpcastFailed(
                f"it keeps values of {contract.in_version(version)}, and nothing leads from there to {contract.full_name}"
            )
        fresh = _fresh(definition, source, old, kept, state.is_whole)
        for name in kept:
            del state.facts[f"{source}.{name}"]
        state.facts.update(fresh)
        state.versions[source] = contract.version
    rename(definition, state)
    check(definition, state)


def _facts(state: SagaState, source: str) -> Iterator[tuple[str, Any]]:
    for fact, value in state.facts.items():
        owner, _, name = fact.partition(".")
        if owner == source:
            yield name, value


def _fresh(
    definition: SagaDefinition, source: str, old: Contract, kept: Mapping[str, Any], is_whole: bool
) -> dict[str, Any]:
    message, step = _partial(old, kept, is_whole), old.upcaster
    while step is not None:
        message = step.function(message)
        if type(message) is not step.to.cls:
            raise UpcastFailed(f"the upcaster {step.function.__name__} returned {type(message).__name__}")
        step = step.to.upcaster
    for name in facts_wanted(definition, source, message):
        if isinstance(getattr(message, name), NotKept):
            raise UpcastFailed(f"it needs {old.newest.name}.{name}, and of {old.full_name} it keeps {', '.join(kept)}")
    state = SagaState("", 0, "", 0, 0, [])
    keep_facts(definition, state, source, message)
    types = {field.name: field.type for field in msgspec.structs.fields(old.newest.shape.struct)}
    for name, value in _facts(state, source):
        msgspec.convert(value, types[name])  # a class checks no types when it is made
    return state.facts


def _partial(old: Contract, kept: Mapping[str, Any], is_whole: bool) -> Any:
    values = {}
    for f in msgspec.structs.fields(old.shape.struct):
        if f.name in kept:
            values[f.name] = msgspec.convert(kept[f.name], f.type)
        elif not is_whole or f.required:  # a field that a whole message lacks is newer than that message
            values[f.name] = NotKept(f"{old.name}.{f.name}")
    return old.cls(**values)
