"""Hearing: the decision of a saga about an event that answers none of its steps."""

from __future__ import annotations

from collections.abc import Callable

from partita.sagas.compensation import give_up
from partita.sagas.definition import SagaDefinition
from partita.sagas.facts import keep_attributes, seen_by_hooks
from partita.sagas.listener import Cancel
from partita.sagas.state import SagaState
from partita.sagas.transition import Ignored, Incoming, Move, Transition, wire_name
from partita.sagas.verbs import awaited, why_not


def on_event(
    definition: SagaDefinition, state: SagaState, incoming: Incoming, now_us: int, new_id: Callable[[], str]
) -> Transition | Ignored:
    """Decide after an event that the saga listens to. The hook is called until the instance has ended; a cancellation that is
    not legal any more is an entry in the history, with the reason."""
    message = incoming.message
    listener = next((each for each in definition.listeners if each.event.cls is type(message)), None)
    if listener is None:
        return Ignored(f"{type(message).__name__} is not heard by version {definition.version}")
    move = Move(definition, state, now_us, new_id)
    reason = wire_name(message) if listener.cancels else ""
    if listener.hook is not None and not state.is_over:
        saga = seen_by_hooks(definition, state)
        decided = listener.hook(saga, message)
        keep_attributes(definition, state, saga)
        if decided is not None and not isinstance(decided, Cancel):
            raise TypeError(f"{listener.place}: the hook of {listener.name} returned {type(decided).__name__}")
        reason = reason or (decided.reason if decided is not None else "")
    _hear(move, wire_name(message), reason)
    return move.result()


def on_early(
    definition: SagaDefinition, state: SagaState, reason: str, now_us: int, new_id: Callable[[], str]
) -> Transition:
    """Decide after the start about a cancellation that came before it."""
    move = Move(definition, state, now_us, new_id)
    _hear(move, f"{reason}, before the start", reason)
    return move.result()


def _hear(move: Move, text: str, reason: str) -> None:
    """Record the event; with a reason, undo everything if that is legal."""
    state = move.state
    undoing = next((i for i, s in enumerate(state.steps) if s.phase == "undoing"), None)
    refusal = why_not(move.definition, state, "cancel", undoing) if reason else ""
    index = next(iter(awaited(move.definition, state)), state.index)
    move.note("heard", move.definition.steps[index].name, f"{text}: {refusal}" if refusal else text)
    if reason and not refusal:
        give_up(move, index, reason)
