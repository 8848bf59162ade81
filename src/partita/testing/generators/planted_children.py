"""Bugs planted in sub-sagas and in the undos that wait for them, for generated cases with parents and children."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partita.runtime.path import admission, saga_steps, unit_of_work
from partita.sagas import compensation, progress, recalling
from partita.testing.generators.planted import Plant

OFTEN = {"Child": 1.0, "Acts": 20.0, "Away": 20.0}


def _waits_for_none(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda admitted, before, carried_out: {}


def _not_of_this_batch(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda admitted, before, carried_out: real(admitted, (), carried_out)


def _closes_all(real: Callable[..., Any]) -> Callable[..., Any]:
    async def close_undone(session: Any, group: str, steps: Any, now_us: int, but: Any = ()) -> Any:
        return await real(session, group, steps, now_us, ())

    return close_undone


def _runs_on(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda move, index, reason: None


def _answers_all_the_same(real: Callable[..., Any]) -> Callable[..., Any]:
    def finish(move: Any) -> None:
        recall, move.state.recall = move.state.recall, None
        real(move)
        move.state.recall = recall

    return finish


def _says_nothing(real: Callable[..., Any]) -> Callable[..., Any]:
    def finish(move: Any) -> None:
        if move.definition.answers is None or move.state.recall is not None:
            real(move)

    return finish


def _leaves_it_open(real: Callable[..., Any]) -> Callable[..., Any]:
    async def close_ended(*_: Any) -> None:
        return None

    return close_ended


def _never_comes_again(real: Callable[..., Any]) -> Callable[..., Any]:
    def on_recall(definition: Any, state: Any, recall: Any, by: str, now_us: int, new_id: Any) -> Any:
        result = real(definition, state, recall, by, now_us, new_id)
        if not state.is_over:
            state.recall = None
        return result

    return on_recall


CHILD_PLANTS = {
    "an undo does not wait": Plant(
        "the undo of a step is handled while the saga runs that carries the step out",
        unit_of_work.__name__,
        "recalled",
        _waits_for_none,
        OFTEN,
    ),
    "an undo does not wait in one batch": Plant(
        "a command and its undo are in one batch: the saga begins, and the handler of the undo runs beside it",
        unit_of_work.__name__,
        "recalled",
        _not_of_this_batch,
        {"Child": 1.0, "Acts": 30.0, "Away": 30.0, "Withdraws": 30.0, "AnsweredLater": 0.0},
    ),
    "an undo closes the command of a saga": Plant(
        "an undo closes the pending command of a saga that runs, and finds nothing to wait for",
        admission.__name__,
        "close_undone",
        _closes_all,
        OFTEN,
    ),
    "a recalled sub-saga runs on": Plant(
        "a saga whose step is undone before its point of no return is completed",
        recalling.__name__,
        "give_up",
        _runs_on,
        OFTEN,
    ),
    "a recalled sub-saga answers": Plant(
        "a saga whose step is undone meanwhile answers its command at its end",
        progress.__name__,
        "finish",
        _answers_all_the_same,
        OFTEN,
    ),
    "an undo is forgotten by its sub-saga": Plant(
        "a saga does not keep the undo that waits for its end",
        saga_steps.__name__,
        "on_recall",
        _never_comes_again,
        OFTEN,
    ),
    "an undone sub-saga says nothing": Plant(
        "a saga that is undone does not refuse its command",
        compensation.__name__,
        "finish",
        _says_nothing,
        {"Child": 1.0, "Refuses": 30.0},
    ),
    "the command of a sub-saga stays open": Plant(
        "the pending command is not closed when its saga ends",
        unit_of_work.__name__,
        "close_ended",
        _leaves_it_open,
    ),
}
