"""Unfolding: the definition of a saga for one instance, where a step for each item of a list is one step an item, sent together.

The engine sees a line of steps and groups of them, whatever the lists' lengths are. A list is unfolded when the saga reaches its
step; until then, and where the list has no items, the step is in the line once and is not sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from partita.sagas.definition import SagaDefinition, StepSpec
from partita.sagas.items import of_item
from partita.sagas.state import SagaState

KEPT_STEPS_MAX = 4_000


def definition_for(definition: SagaDefinition, state: SagaState) -> SagaDefinition:
    """The definition by which an instance is decided: all code that has a state takes its definition from here."""
    return unfolded(definition, state.sizes) if state.sizes else definition


def unfolded(definition: SagaDefinition, sizes: Mapping[str, int]) -> SagaDefinition:
    """A definition for lists of these lengths, by step."""
    declared = definition.declared or definition
    key = tuple(sizes.items())
    found = declared.unfolded.get(key)
    if found is None:
        found = _unfold(declared, sizes)
        forms = declared.unfolded
        while forms and len(found.steps) + sum(len(each.steps) for each in forms.values()) > KEPT_STEPS_MAX:
            del forms[next(iter(forms))]
        forms[key] = found
    return found


def _unfold(declared: SagaDefinition, sizes: Mapping[str, int]) -> SagaDefinition:
    steps: list[StepSpec] = []
    pivot_index = -1
    for number, spec in enumerate(declared.steps):
        count = sizes.get(spec.name, 0)
        steps += [_step(spec, item) for item in range(count)] if count else [spec]
        if number == declared.pivot_index:
            pivot_index = len(steps) - 1
    facts = [
        f"{source}/{item}.{name}" if sizes.get(source) else fact
        for fact in sorted(declared.facts)
        for source, _, name in [fact.partition(".")]
        for item in range(sizes.get(source) or 1)
    ]
    return replace(declared, steps=tuple(steps), facts=frozenset(facts), pivot_index=pivot_index, declared=declared)


def _step(spec: StepSpec, number: int) -> StepSpec:
    items = spec.each
    assert items is not None
    return replace(
        spec,
        name=f"{spec.name}/{number}",
        item=number,
        beside=f"{spec.name}/0",
        plan=of_item(spec.plan, items, spec.name, number),
        undo_plan=of_item(spec.undo_plan, items, spec.name, number),
        ask_plan=of_item(spec.ask_plan, items, spec.name, number),
        timers=tuple(replace(timer, plan=of_item(timer.plan, items, spec.name, number)) for timer in spec.timers),
    )
