"""Needed facts: the values that the code of today needs of an instance that earlier code started.

A state keeps only the values that the saga's commands needed when each message came. So code whose commands need another one
finds it missing. A field with a default gets its default: the deployment that started the instance would have sent the command
without that field. A field without one, and a hook that looks at a message of which a part is missing, would make a command of
a guess; then the instance is named, before a message moves it.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from partita.errors import StoreMismatch
from partita.sagas.definition import SagaDefinition
from partita.sagas.filling import Plan
from partita.sagas.state import AHEAD, SagaState
from partita.schemas.fields.field import fields_of

GIVE_A_DEFAULT = (
    "Give the field a default, which instances in flight send; or let the deployment of before finish its instances, then "
    "start this one."
)


def is_lacking(definition: SagaDefinition, state: SagaState) -> bool:
    """Whether a state has not all the values that this definition keeps of the messages that have come; nearly all have."""
    facts = state.facts.keys()
    for index, wanted in definition.wanted:
        if not wanted <= facts and (index < 0 or state.steps[index].phase == "done"):
            return True
    return definition.hooked and not state.is_whole


def rename(definition: SagaDefinition, state: SagaState) -> None:
    """Give the values of renamed fields their present names, by the names that are still read on the wire."""
    for source, contract in definition.sources.items():
        for field in fields_of(contract.shape.struct):
            fact = f"{source}.{field.name}"
            for earlier in (field.wire_name, *field.aliases):
                if fact not in state.facts and f"{source}.{earlier}" in state.facts:
                    state.facts[fact] = state.facts.pop(f"{source}.{earlier}")


def check(definition: SagaDefinition, state: SagaState) -> None:
    """Refuse a state of which a message that may still be sent cannot be made.

    Raises:
        StoreMismatch: it lacks a value, or a value no longer fits its field.
    """
    if state.is_over:
        return
    _check_types(definition, state)
    _check_lengths(definition, state)
    if definition.hooked and not state.is_whole:
        raise StoreMismatch(
            f"the hooks of {definition.name} see whole messages, and of {definition.start.name} its state keeps "
            f"{_kept(state, 'start')}",
            hint=f"Give the saga with hooks version={definition.version + 1}, and keep the one without them declared as version "
            f"{definition.version} until its instances have finished.",
        )
    come = {
        "start",
        *(spec.name for spec, step in zip(definition.steps, state.steps, strict=True) if step.phase == "done"),
    }
    for plan in _may_be_sent(definition, state):
        for wire, fact in plan.fills:
            source, _, name = fact.partition(".")
            if fact in plan.needed and source in come and fact not in state.facts:
                message, kept = definition.sources[source].name, _kept(state, source)
                raise StoreMismatch(
                    f"{plan.contract.name}.{wire} is of {message}.{name}, and of {message} its state keeps {kept}",
                    hint=GIVE_A_DEFAULT,
                )


def _may_be_sent(definition: SagaDefinition, state: SagaState) -> Iterator[Plan]:
    """The plans of the messages that this instance may still send: not of a command that was answered."""
    forward = not state.undoing and state.status != "compensating"
    undone = state.index <= definition.pivot_index or not forward
    for index, spec in enumerate(definition.steps):
        timed = (timer.plan for timer in spec.timers)
        plans = [spec.plan, spec.ask_plan, *timed] if forward and state.steps[index].phase in ("idle", *AHEAD) else []
        plans += [spec.undo_plan] if undone else []
        yield from (plan for plan in plans if plan is not None)
    if undone and definition.undone_plan is not None:
        yield definition.undone_plan
    if definition.answers is not None and forward and definition.answers.reply_plan is not None:
        yield definition.answers.reply_plan
    if definition.answers is not None and undone and definition.answers.refusal_plan is not None:
        yield definition.answers.refusal_plan


def _check_lengths(definition: SagaDefinition, state: SagaState) -> None:
    for spec in definition.steps:
        if spec.each is None or spec.item != 0:
            continue
        sent, now = state.sizes[spec.declared], spec.each.count(state.facts)
        if now != sent:
            raise StoreMismatch(
                f"{spec.declared} was sent for {sent} items, and {spec.each.label} has {now} after its upcaster",
                hint="An upcaster keeps the length and the order of a list for whose items steps are sent. Or let the deployment "
                "of before finish its instances, then start this one.",
            )


def _check_types(definition: SagaDefinition, state: SagaState) -> None:
    lists = {spec.each.fact: spec.each for spec in definition.steps if spec.each is not None}
    for source, contract in definition.sources.items():
        for field in msgspec.structs.fields(contract.shape.struct):
            fact = f"{source}.{field.name}"
            if fact in state.facts and (definition.hooked or fact in definition.facts):
                kept = state.facts[fact]
                if fact in lists and kept is not None:
                    kept = [lists[fact].renamed(item) for item in kept]
                try:
                    msgspec.convert(kept, field.type)
                except msgspec.ValidationError as error:
                    raise StoreMismatch(
                        f"it keeps a value of {contract.name}.{field.name} that its type no longer takes: {error}",
                        hint="Keep the wider type while instances are in flight; or let the deployment of before finish them.",
                    ) from error


def _kept(state: SagaState, source: str) -> str:
    names = [fact.removeprefix(f"{source}.") for fact in state.facts if fact.startswith(f"{source}.")]
    return ", ".join(names) or "nothing"
