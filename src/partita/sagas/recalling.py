"""Recalling a sub-saga: the undo of the command that it carries out comes while it runs."""

from __future__ import annotations

from collections.abc import Callable

from partita.sagas.compensation import give_up
from partita.sagas.definition import SagaDefinition
from partita.sagas.ending import finish
from partita.sagas.state import Recall, SagaState
from partita.sagas.transition import Ignored, Move, Transition
from partita.sagas.verbs import awaited, why_not


def on_recall(
    definition: SagaDefinition, state: SagaState, recall: Recall, by: str, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after an undo of the instance's own command. The undo waits for the end of the instance: handled before, it would
    miss the effects of steps that are still on their way. Before the point of no return the instance is undone; behind it, it
    completes. A copy of the undo changes nothing."""
    if state.recall is not None and not state.is_over:
        return Ignored("the undo of its command waits for its end already")
    move = Move(definition, state, now_us, new_id)
    state.recall = recall
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    index = next(iter(awaited(definition, state)), state.index) if undoing is None else undoing
    refusal = why_not(definition, state, "cancel", undoing)
    move.note("recalled", definition.steps[index].name, f"{by}: {refusal}" if refusal else by)
    if state.is_over:
        finish(move)
    elif not refusal:
        give_up(move, index, f"undone by {by}")
    return move.result()
