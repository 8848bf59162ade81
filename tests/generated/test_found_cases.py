"""Cases that generated sagas have found wrong once, as small as they were made: each must go well for ever."""

from __future__ import annotations

import pytest

from partita.testing.generators.saga_judge import judge
from partita.testing.generators.saga_world import World
from partita.testing.generators.sagas import (
    HOME,
    Acts,
    Again,
    Away,
    DrawnChild,
    DrawnSaga,
    DrawnStep,
    Fails,
    Instance,
    Refuses,
    SagaCase,
    TooLarge,
    Trouble,
)

ORDERED, UNORDERED = (True, True, True), (True, False, False)


def case(
    *troubles: Trouble, steps: tuple[DrawnStep, ...], deadline_s: float = 60.0, ordered: tuple[bool, ...] = ORDERED
) -> SagaCase:
    """A saga with one instance, which starts at once."""
    return SagaCase(DrawnSaga(steps, deadline_s, ordered), (Instance(0.0, 0),), troubles)


RETRIABLE = (DrawnStep("retriable", 1, 1, 5.0, "retry", undoable=False),)
LATER = (DrawnStep("retriable", 1, 1, 60.0, "retry", undoable=False),)
STEP = (DrawnStep("step", 1, 0, 30.0),)
PATIENT = (DrawnStep("retriable", 1, 1, 100.0, "retry", undoable=False),)
PIVOT = (DrawnStep("pivot", 1, 0, 60.0),)

ASKING = (DrawnStep("step", 1, 0, 30.0, "ask"),)

CHILD_AT_ITS_PARENT = DrawnSaga(
    (DrawnStep("step", 1, 0, 10.0),),
    40.0,
    ORDERED,
    child=DrawnChild(0, 1, (DrawnStep("step", 1, 1, 5.0, "ask"),), 10.0),
)

CASES = {
    "an undo that comes with its command waits for the sub-saga, and so does a later copy": SagaCase(
        CHILD_AT_ITS_PARENT,
        (Instance(51.2, 0),),
        (Away(1, "consumer", 29.0, 216.6), Away(1, "relay", 52.9, 757.2), Fails(0, 100, undo=True, times=2)),
    ),
    "many copies of a dead command come in one batch, and it is done once": case(
        Away(HOME, "relay", 19.9, 2_300.2), Fails(0, 0, undo=False, times=4), steps=RETRIABLE, ordered=UNORDERED
    ),
    "the dead letter of a command that its saga sent again is closed when it is done": case(
        Fails(0, 0, undo=False, times=4), steps=LATER, ordered=UNORDERED
    ),
    "an undo out of the parking takes its command and its own copies along, or they hold the key": case(
        Fails(0, 0, undo=True, times=10), Fails(0, 0, undo=False, times=2), steps=PIVOT
    ),
    "a participant away past the deadline of a saga of retriables does it in the end": case(
        Away(1, "consumer", 0.0, 30.0), steps=LATER, deadline_s=10.0
    ),
    "a person cannot cancel what cannot be undone": case(
        Away(1, "consumer", 0.0, 30.0), Acts(0, "cancel", 5.0), Acts(0, "compensate", 20.0), steps=LATER
    ),
    "a pivot that is refused after its undo was sent is undone once": case(
        Away(1, "consumer", 0.0, 500.0), Refuses(0, 0), steps=PIVOT
    ),
    "a copy that comes again of a command that is dead leaves it dead, to be tried when its saga sends it again": case(
        Again(1, 170.0, 1), Fails(0, 0, undo=False, times=9), steps=PATIENT, deadline_s=600.0
    ),
    "the bus is away for minutes, and no step times out: their commands have not left": SagaCase(
        DrawnSaga((*STEP, DrawnStep("pivot", 2, 2, 60.0)), 900.0, ORDERED),
        tuple(Instance(float(n), 0) for n in range(5)),
        (Away(HOME, "relay", 0.0, 280.0),),
    ),
    "a reminder that is parked behind its command is not taken out by the undo of its step": case(
        Fails(0, 0, undo=False, times=4), steps=(DrawnStep("step", 1, 0, 60.0, timers=(54.0,)),), deadline_s=135.0
    ),
    "a late reminder does not ring again and again while the question of its step has not left": case(
        TooLarge(HOME, 3, 134.3),
        Fails(0, 0, undo=False, times=9),
        Away(HOME, "timers", 5.1, 38.1),
        steps=(DrawnStep("pivot", 1, 1, 30.0, "ask", timers=(3.0, 15.0)),),
        deadline_s=240.0,
    ),
    "a pivot that answers after its undo was sent is undone": case(Away(1, "relay", 0.0, 500.0), steps=PIVOT),
    "a person who has a step that asks sent again has the question asked again, not the command under its id": case(
        Away(1, "relay", 0.0, 2_996.6), Acts(0, "retry", 187.4), steps=ASKING, deadline_s=240.0
    ),
}


@pytest.mark.parametrize("what", CASES)
async def test_it_goes_well(world: World, what: str) -> None:
    seen = await world.run(CASES[what])
    assert judge(CASES[what], seen) == []


async def test_a_bus_that_is_away_for_minutes_undoes_nothing(world: World) -> None:
    """Their commands were in the outbox: no participant was silent."""
    case = CASES["the bus is away for minutes, and no step times out: their commands have not left"]
    seen = await world.run(case)
    assert [instance.status for instance in seen.instances] == ["completed"] * 5
    assert all(("unsent", "s0") in instance.history for instance in seen.instances)


async def test_what_happens_is_what_the_case_says(world: World) -> None:
    """A world in which nothing goes wrong would find nothing."""
    seen = await world.run(CASES["a pivot that answers after its undo was sent is undone"])
    (instance,) = seen.instances
    assert (instance.status, instance.done, instance.left, instance.told_undone) == ("undone", [1], [0], 1)
    seen = await world.run(CASES["a participant away past the deadline of a saga of retriables does it in the end"])
    assert ("overdue", "s0") in seen.instances[0].history and seen.virtual_s >= 30
    seen = await world.run(CASES["many copies of a dead command come in one batch, and it is done once"])
    assert seen.instances[0].done == [1] and seen.virtual_s > 2_000
