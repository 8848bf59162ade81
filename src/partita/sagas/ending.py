"""The ending of a saga: the last message that leaves when an instance is complete or undone."""

from __future__ import annotations

from typing import Any

from partita.catalog.contract import Contract
from partita.sagas.answers import Answers
from partita.sagas.facts import keep_attributes, seen_by_hooks
from partita.sagas.transition import Answer, Move, Publish, UndoAgain


def finish(move: Move) -> None:
    """Let the last message of an instance leave: the event of an undone saga; or the answer to the command that started it.

    Where that command is undone meanwhile, no saga waits for its answer. Its undo has waited for this end, and is handled now.
    """
    definition, state = move.definition, move.state
    if definition.answers is None:
        plan = definition.undone_plan
        if state.status == "undone" and plan is not None and not state.undone_published:
            state.undone_published = True
            move.effects.append(Publish(plan.make({**state.facts, "saga.reason": state.reason})))
    elif state.recall is not None:
        move.effects.append(UndoAgain())
    elif state.caller is not None and not state.caller.answered:
        state.caller.answered = True
        move.effects.append(Answer(_answer(move, definition.answers)))


def _answer(move: Move, answers: Answers) -> Any:
    state = move.state
    if state.status == "completed":
        if answers.reply_plan is not None:
            return answers.reply_plan.make(state.facts)
        return _by_hand(move, answers.reply_hook, answers.reply)
    assert answers.refusal is not None, "a saga that can be undone has a refusal"
    if answers.refusal_plan is not None:
        return answers.refusal_plan.make({**state.facts, "saga.reason": state.reason})
    return _by_hand(move, answers.refusal_hook, answers.refusal, state.reason)


def _by_hand(move: Move, hook: Any, contract: Contract, *given: str) -> Any:  # a method of the user's class
    saga = seen_by_hooks(move.definition, move.state)
    made = hook(saga, *given)
    keep_attributes(move.definition, move.state, saga)
    if type(made) is not contract.cls:
        raise TypeError(
            f"{move.definition.place}: {hook.__name__} answers with {type(made).__name__}, not {contract.name}"
        )
    return made
