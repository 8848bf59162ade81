"""Bugs planted in pending commands and their answers, for generated cases whose steps are answered from outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partita.runtime.path import admission, answering, handlers, unit_of_work
from partita.sagas import compensation
from partita.testing.generators.planted import Plant

ADAPTER = "partita.store.sqlite.pending"
OFTEN = {"AnsweredLater": 30.0}
OFTEN_WITH_STOPS = {**OFTEN, "Away": 30.0}


def _does_nothing(real: Callable[..., Any]) -> Callable[..., Any]:
    async def nothing(*_: Any) -> None:
        return None

    return nothing


def _withdraws_nothing(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda move, index: None


def _forgets_its_undo(real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda session, group, pending, undone, now_us: real(session, group, pending, (), now_us)


def _reads_as_open(state: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def bug(real: Callable[..., Any]) -> Callable[..., Any]:
        async def hold(self: Any, reply_to: str) -> Any:
            row = await real(self, reply_to)
            return row._replace(state="open") if row is not None and row.state == state else row

        return hold

    return bug


def _kept_and_never_sent(real: Callable[..., Any]) -> Callable[..., Any]:
    async def answer(*given: Any) -> None:
        await real(*given)

    return answer


def _leaves_all_the_same(real: Callable[..., Any]) -> Callable[..., Any]:
    def take_refusal(binding: Any, handling: Any, refusal: Any) -> None:
        before = list(handling.outputs)
        real(binding, handling, refusal)
        handling.outputs = [*before, *handling.outputs]

    return take_refusal


def _takes_answers_away(real: Any) -> Any:
    return real.replace("state = 'open'", "state <> 'undone'")


ANSWER_PLANTS = {
    "an undo leaves its command open": Plant(
        "an undo does not close the command that waits: an answer counts after it",
        admission.__name__,
        "close_undone",
        _does_nothing,
        OFTEN,
    ),
    "a question is not withdrawn": Plant(
        "a step without an effect is given up, and its participant goes on waiting for an answer",
        compensation.__name__,
        "withdraw",
        _withdraws_nothing,
        OFTEN,
    ),
    "an undo in the same transaction is overlooked": Plant(
        "a command that is handled and undone in one batch goes on waiting",
        unit_of_work.__name__,
        "keep_pending",
        _forgets_its_undo,
        OFTEN_WITH_STOPS,
    ),
    "a command that waits is not kept": Plant(
        "a handler returned later(), and nothing can answer its command",
        unit_of_work.__name__,
        "keep_pending",
        _does_nothing,
        OFTEN,
    ),
    "an answer counts after the undo": Plant(
        "an answer does not see that its step was undone",
        ADAPTER,
        "SqlitePending.hold",
        _reads_as_open("undone"),
        OFTEN,
    ),
    "each answer is sent": Plant(
        "an answer does not see the one before it: both leave",
        ADAPTER,
        "SqlitePending.hold",
        _reads_as_open("answered"),
        OFTEN,
    ),
    "another answer is quiet": Plant(
        "a second, different answer is taken for the first: its sender believes that it counts",
        answering.__name__,
        "Answering._check_same",
        _does_nothing,
        OFTEN,
    ),
    "an answer is kept and never sent": Plant(
        "an answer counts, and its saga never hears it",
        answering.__name__,
        "Answering.answer",
        _kept_and_never_sent,
        OFTEN,
    ),
    "the answer of a handler that refuses leaves": Plant(
        "a handler answers with its transaction and refuses: its writes are undone, and the answer leaves",
        handlers.__name__,
        "take_refusal",
        _leaves_all_the_same,
        OFTEN,
    ),
    "an undo takes an answer away": Plant(
        "an undo closes a command that has its answer: the same answer again is refused as too late",
        ADAPTER,
        "OF_SAGAS",
        _takes_answers_away,
        OFTEN,
    ),
}
