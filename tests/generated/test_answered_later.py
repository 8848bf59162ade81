"""Generated sagas whose steps are answered from outside: each kind of answer happens there, and has the right result."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from partita.testing.generators.later_answers import Answer, AnsweredLater
from partita.testing.generators.saga_judge import judge
from partita.testing.generators.saga_world import World
from partita.testing.generators.sagas import Away, DrawnSaga, DrawnStep, Fails, Instance, SagaCase, Trouble, draw_case

WEIGHTS = {"AnsweredLater": 30.0}
STEP = DrawnStep("step", 1, 0, 30.0)
SURELY = DrawnStep("retriable", 1, 1, 30.0, "retry", undoable=False)
YES, NO = Answer(5.0, "yes", "code"), Answer(6.0, "no", "handler")


def case(*troubles: Trouble, step: DrawnStep = STEP) -> SagaCase:
    """A saga of one step with one instance."""
    return SagaCase(DrawnSaga((step,), 120.0, (True, True, True)), (Instance(0.0, 0),), troubles)


def answered(*answers: Answer) -> AnsweredLater:
    return AnsweredLater(0, 0, answers)


CASES = {
    "an answer in time": (case(answered(YES)), "completed", ["asked", "yes taken"]),
    "a refusal in time": (case(answered(NO)), "undone", ["asked", "no taken"]),
    "nobody answers": (case(answered()), "undone", ["asked", "undone"]),
    "an answer after the undo": (
        case(answered(Answer(31.0, "yes", "handler"))),
        "undone",
        ["asked", "undone", "yes Overtaken"],
    ),
    "the same answer twice": (
        case(answered(YES, Answer(6.0, "yes", "handler"))),
        "completed",
        ["asked", "yes taken", "yes taken"],
    ),
    "two different answers": (case(answered(YES, NO)), "completed", ["asked", "yes taken", "no Conflict"]),
    "a handler that answers and fails, and answers again": (
        case(answered(Answer(5.0, "yes", "handler", "fails"))),
        "completed",
        ["asked", "yes taken"],
    ),
    "a handler that answers and refuses gives no answer": (
        case(answered(Answer(5.0, "no", "handler", "refuses"), Answer(6.0, "yes", "code"))),
        "completed",
        ["asked", "yes taken"],
    ),
    "a participant that is away when the answer is given from outside": (
        case(answered(YES), Away(1, "consumer", 1.0, 20.0)),
        "completed",
        ["asked", "yes taken"],
    ),
    "a command that was a dead letter first": (
        case(answered(Answer(1.0, "yes", "code")), Fails(0, 0, undo=False, times=4), step=SURELY),
        "completed",
        ["asked", "yes taken"],
    ),
    "a command that is sent again finds itself waiting": (
        case(answered(Answer(2_000.0, "yes", "code")), step=SURELY),
        "completed",
        ["asked", "yes taken"],
    ),
}


@pytest.mark.parametrize("what", CASES)
async def test_an_answer_has_the_result_that_it_must_have(world: World, what: str) -> None:
    drawn, status, facts = CASES[what]
    seen = await world.run(drawn)
    assert judge(drawn, seen) == []
    (instance,) = seen.instances
    assert instance.status == status
    assert [f"{fact.what} {fact.result}".strip() for fact in instance.answers[0, 0].facts] == facts


@pytest.mark.slow
async def test_hundreds_of_them_are_right(world: World) -> None:
    """In numbers that make each kind of answer happen, also beside stops, copies and refusals of the bus."""
    found = Counter[str]()
    for seed in range(120):
        drawn = draw_case(Random(seed), WEIGHTS)
        seen = await world.run(drawn)
        assert judge(drawn, seen) == [], drawn.describe()
        for instance in seen.instances:
            for answers in instance.answers.values():
                found.update(fact.result or fact.what for fact in answers.facts)
                found["never answered"] += bool(answers.facts) and not answers.replies
    assert min(found[each] for each in ("asked", "undone", "taken", "Overtaken", "Conflict", "never answered")) >= 10
