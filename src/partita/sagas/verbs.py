"""The verbs by which a person moves a saga instance, and the states in which each is legal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from partita.sagas.compensation import give_up, undo_next
from partita.sagas.definition import SagaDefinition
from partita.sagas.progress import go_to
from partita.sagas.sending import ask, resend, send_undo
from partita.sagas.state import AHEAD, SagaState
from partita.sagas.transition import Ignored, Move, Transition

Verb = Literal["retry", "resume", "skip", "compensate", "cancel", "note"]


def on_operator(
    definition: SagaDefinition, state: SagaState, verb: Verb, reason: str, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after an operator's action; `Ignored` says why it is not legal now.

    retry: send the awaited message again. resume: the same, and the saga no longer waits for an operator. skip: the
    awaited undo counts as done. compensate, cancel: undo all effects, before the point of no return. note: only add to
    the history.
    """
    move = Move(definition, state, now_us, new_id)
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    ahead = awaited(definition, state)
    index = next(iter(ahead), state.index) if undoing is None else undoing
    name = definition.steps[index].name
    if verb == "note":
        move.note("note", name, reason)
        return move.result()
    refusal = why_not(definition, state, verb, undoing)
    if refusal:
        return Ignored(refusal)
    move.note(verb, name, reason)
    if verb in ("compensate", "cancel"):
        give_up(move, index, f"{verb} by a person: {reason}" if reason else f"{verb} by a person")
    elif verb == "skip":
        state.steps[index].phase, state.last_error = "undone", ""
        undo_next(move)
    else:
        if verb == "resume":
            state.status, state.last_error = "running" if undoing is None else "compensating", ""
        if undoing is None and not ahead:  # it stopped before it sent the steps of a list
            go_to(move, state.index, name)
        for again in ahead if undoing is None else (undoing,):
            state.steps[again].tries = 0
            if undoing is not None:
                send_undo(move, again)
            elif state.steps[again].phase == "asking":
                ask(move, again)
            else:
                resend(move, again)
    return move.result()


def awaited(definition: SagaDefinition, state: SagaState) -> list[int]:
    """The steps whose answers are awaited: the current one, and those beside it that are not done."""
    return [n for n in range(state.index, definition.behind[state.index]) if state.steps[n].phase in AHEAD]


def why_not(definition: SagaDefinition, state: SagaState, verb: Verb, undoing: int | None) -> str:
    """The reason why a verb is not legal in this state; empty = it is legal."""
    if state.is_over:
        return f"it is {state.status} already"
    if verb == "skip" and undoing is None:
        return "it waits for no undo"
    if verb == "resume" and state.status != "needs_attention":
        return f"it does not wait for a person, it is {state.status}"
    if verb in ("compensate", "cancel"):
        if undoing is not None or state.status == "compensating":
            return "it is being undone already"
        if state.index > definition.pivot_index:
            pivot = any(spec.kind == "pivot" for spec in definition.steps)
            where = "pivot" if pivot else f"point of no return, {definition.steps[definition.pivot_index + 1].name}"
            return f"it is behind its {where}: done steps stay done, and the rest is sent until it succeeds"
    return ""
