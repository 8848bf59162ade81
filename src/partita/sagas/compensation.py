"""Compensation: the steps of an instance that may have an effect are undone in reverse, one at a time."""

from __future__ import annotations

from partita.sagas.ending import finish
from partita.sagas.sending import send_undo, withdraw
from partita.sagas.state import AHEAD, Phase
from partita.sagas.transition import Move

OWED: tuple[Phase, ...] = ("done", "unknown")


def give_up(move: Move, index: int, reason: str) -> None:
    """Rule 3: from here on every possible effect is undone, that of this step first."""
    move.state.steps[index].phase = "unknown"
    move.state.reason = reason
    move.note("timeout", move.definition.steps[index].name, reason)
    undo_next(move)


def undo_next(move: Move) -> None:
    """Send the undo of the last step that may have an effect; without one left, the saga is undone."""
    state = move.state
    state.status = "compensating"
    for step in state.steps:
        if step.phase in AHEAD:  # it was sent beside the one that failed: its answer is not awaited any more
            step.phase = "unknown"
    state.waiting.clear()  # a step that is undone waits for nothing that a reminder could bring
    for index in range(len(state.steps) - 1, -1, -1):
        step, spec = state.steps[index], move.definition.steps[index]
        if step.phase in OWED:
            if spec.undo is None:
                assert spec.no_effect, f"{spec.name} may have happened, and nothing undoes it"
                if step.phase == "unknown" and spec.answered_later:
                    withdraw(move, index)
                step.phase = "undone"
                continue
            step.phase, step.tries, step.epoch = "undoing", 0, 0
            send_undo(move, index)
            return
    state.status = "undone"
    state.due_us = None
    move.note("ended", state.names[0], state.reason)
    finish(move)
