"""Progress: a saga comes to a place in the line of its steps. It sends the steps of that place, passes over a list without
items, or is complete."""

from __future__ import annotations

from partita.sagas.compensation import undo_next
from partita.sagas.ending import finish
from partita.sagas.items import Items
from partita.sagas.sending import send_steps
from partita.sagas.state import StepState
from partita.sagas.transition import Move
from partita.sagas.unfolding import unfolded


def go_to(move: Move, index: int, last: str) -> None:
    """Send the steps at a place of the line, or those behind it. `last`: the step that was done last, for the history."""
    state = move.state
    while index < len(move.definition.steps):
        state.index = index
        if move.definition.has_lists and _exceeds(move, index):
            return
        if move.definition.steps[index].each is None or _unfold(move, index):
            send_steps(move, index)
            return
        index += 1
    state.status = "completed"
    state.due_us = None
    move.note("completed", last)
    finish(move)


def _unfold(move: Move, index: int) -> bool:
    """Let the step at this place be one for each item of its list. Returns whether there are any."""
    state, spec = move.state, move.definition.steps[index]
    assert spec.each is not None
    count = spec.each.count(state.facts)
    state.sizes[spec.name] = count
    move.definition = unfolded(move.definition, state.sizes)
    if not count:
        move.note("passed", spec.name, f"{spec.each.label} has no items")
        return False
    state.steps[index : index + 1] = [StepState() for _ in range(count)]
    state.names = tuple(each.name for each in move.definition.steps)
    return True


def _exceeds(move: Move, index: int) -> bool:
    """Whether a list that has come is longer than its bound, and the saga stops here. Each list is looked at before the next
    command leaves, so that the saga can still be undone for a list of a step behind its point of no return."""
    definition, state = move.definition, move.state
    for number in range(index, len(definition.steps)):
        spec = definition.steps[number]
        if spec.each is None or spec.each.count(state.facts) <= spec.each.at_most:
            continue
        text = _too_long(spec.each, spec.each.count(state.facts))
        if _may_turn_back(move):
            state.reason = text
            move.note("exceeded", spec.name, text)
            undo_next(move)
            return True
        if number == index:
            move.note("exceeded", spec.name, text)
            state.due_us = None
            move.needs_attention(f"{text}: raise at_most= of {spec.name}, then resume", again=True)
            return True
    return False


def _may_turn_back(move: Move) -> bool:
    """Whether the saga is before its point of no return, also when it has just come to it."""
    definition, state, last = move.definition, move.state, move.definition.pivot_index
    if last < 0 or (definition.steps[last].kind == "pivot" and state.steps[last].phase == "done"):
        return False
    return all(step.phase == "idle" for step in state.steps[last + 1 :])


def _too_long(items: Items, count: int) -> str:
    return f"{items.label} has {count:,} items, and {items.at_most:,} are the most"
