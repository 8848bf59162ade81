"""Sub-sagas across services: steps whose commands sagas carry out, looked at when all services of an app are known.

A step that could not wait for its sub-saga, an undo that could not wait for it, and a circle are refused at import.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from partita.catalog.contract import Contract
from partita.catalog.service import Service
from partita.errors import DeclarationError
from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.durations import shown


class SubSaga(NamedTuple):
    """A step of a saga, and the saga that carries out its command."""

    parent: SagaDefinition
    step: StepSpec
    child: SagaDefinition


def newest(definitions: Sequence[SagaDefinition]) -> list[SagaDefinition]:
    """The newest version of each saga, in the order of declaration."""
    found: dict[tuple[str, str], SagaDefinition] = {}
    for definition in definitions:
        named = definition.service.name, definition.name
        if named not in found or found[named].version < definition.version:
            found[named] = definition
    return list(found.values())


def carrying_out(definitions: Sequence[SagaDefinition]) -> dict[str, SagaDefinition]:
    """The saga that carries out a command, by the identity of the command."""
    return {each.start.identity: each for each in newest(definitions) if each.answers is not None}


def sub_sagas(definitions: Sequence[SagaDefinition]) -> Iterator[SubSaga]:
    """The steps of these sagas whose commands are carried out by one of them."""
    children = carrying_out(definitions)
    for parent in newest(definitions):
        for step in parent.steps:
            child = children.get(step.command.identity)
            if child is not None:
                yield SubSaga(parent, step, child)


def with_participants(definitions: Sequence[SagaDefinition], services: Sequence[Service]) -> tuple[SagaDefinition, ...]:
    """These definitions, whose steps know their participants in these services: a step that a saga carries out has its name and
    its deadline, and one whose handler may answer later says so."""
    children = carrying_out([saga for service in services for saga in service.declared.sagas])
    later = {
        contract.identity
        for service in services
        for binding in service.declared.bindings
        if binding.later
        for contract in binding.contracts
    }
    found = []
    for definition in definitions:
        steps = tuple(_with_participant(step, children, later) for step in definition.steps)
        found.append(definition if steps == definition.steps else replace(definition, steps=steps))
    return tuple(found)


def _with_participant(step: StepSpec, children: Mapping[str, SagaDefinition], later: Collection[str]) -> StepSpec:
    child = children.get(step.command.identity)
    if child is not None:
        return replace(step, child=child.name, child_s=child.deadline_s)
    return replace(step, answered_later=True) if step.command.identity in later else step


def check_sub_sagas(services: Sequence[Service]) -> None:
    """Refuse sub-sagas that could not be kept.

    Raises:
        DeclarationError: with file, line and what to write.
    """
    found = list(sub_sagas([definition for service in services for definition in service.declared.sagas]))
    for each in found:
        _check_time(each)
        _check_items(each)
        if each.step.undo is not None:
            _check_undo(each, each.step.undo, services)
    _check_circles(found)


def _check_items(of: SubSaga) -> None:
    command = of.step.command
    sent = of.parent.sent_for_items if of.step.each is not None else {}
    if command in sent and command.key_field not in sent[command]:
        raise DeclarationError(
            f"{of.step.place}: {of.step.name} sends {command.name} for each item of a list, and saga {of.child.name} would carry "
            f"them all out as one: their key {command.key_field} is the same.",
            hint=f"Write: a field of the item of the name and type of {command.key_field} in {command.name}.",
        )


def _check_time(of: SubSaga) -> None:
    if of.step.timeout_s < of.child.deadline_s:
        raise DeclarationError(
            f"{of.step.place}: {of.step.name} times out after {shown(of.step.timeout_s)}, and saga {of.child.name}, which "
            f"carries {of.step.command.name} out, has a deadline of {shown(of.child.deadline_s)}.",
            hint=f"Write: timeout=seconds({of.child.deadline_s:g}) or more, or a shorter deadline at {of.child.place}.",
        )


def _check_undo(of: SubSaga, undo: Contract, services: Sequence[Service]) -> None:
    """The undo waits for the end of the sub-saga and comes again then, so its handler runs in its transaction."""
    for service in services:
        for binding in service.declared.bindings:
            if undo not in binding.contracts:
                continue
            option = (
                "concurrency=" if binding.concurrency > 1 else "dedupe_by=" if binding.dedupe_by is not None else ""
            )
            if option:
                raise DeclarationError(
                    f"{binding.place}: {binding.name} handles {undo.name} with {option}, and {undo.name} undoes "
                    f"{of.step.name} of {of.parent.name}, which saga {of.child.name} carries out: the undo waits for the end of "
                    "that saga.",
                    hint=f"Write: @{service.name}.handles({undo.name}) without {option}",
                )


def _check_circles(found: Sequence[SubSaga]) -> None:
    children: dict[str, dict[str, SubSaga]] = {}
    for each in found:
        children.setdefault(_named(each.parent), {}).setdefault(_named(each.child), each)
    done: set[str] = set()
    for name in children:
        _follow(name, children, {}, done)


def _follow(
    name: str, children: Mapping[str, Mapping[str, SubSaga]], way: Mapping[str, SubSaga], done: set[str]
) -> None:
    """Look at the sagas below one; `way` are the steps that lead to it, by the saga that each begins at."""
    for below, each in children.get(name, {}).items() if name not in done else ():
        steps = {**way, name: each}
        if below in steps:
            names = list(steps)
            circle = [steps[at].child.name for at in names[names.index(below) :]]
            raise DeclarationError(
                f"{each.step.place}: {each.step.name} of {each.parent.name} sends {each.step.command.name}, and so "
                f"saga {' begins '.join([circle[-1], *circle])}: none of them would ever end.",
                hint="A saga begins no saga that begins it: send another command in one of these steps.",
            )
        _follow(below, children, steps, done)
    done.add(name)


def _named(definition: SagaDefinition) -> str:
    return f"{definition.service.name}/{definition.name}"
