"""Generated sagas under generated faults: whatever happens, each ends once, and no effect or event of it is false.
`make prove` runs 20,000 of them."""

from __future__ import annotations

from random import Random

import pytest

from partita.testing.generators.planted import PLANTS, planted
from partita.testing.generators.proof import prove
from partita.testing.generators.saga_world import World
from partita.testing.generators.sagas import HOME, TROUBLES, draw_case
from partita.testing.generators.smaller import smaller

CASES = 300
pytestmark = [pytest.mark.slow]


async def test_hundreds_of_them_end_as_they_must(world: World) -> None:
    """In numbers that make each kind of end and each kind of fault happen."""
    proof = await prove(world, range(CASES))
    assert not proof.failures, proof.failures[0].describe()
    assert proof.ends["completed"] > 100 and proof.ends["undone"] > 50 and proof.refused > 2
    assert set(proof.troubles) == set(TROUBLES)


async def test_a_case_goes_the_same_way_again(world: World) -> None:
    """Otherwise a failing case could not be examined. Other cases in between change nothing."""
    cases = [draw_case(Random(seed)) for seed in range(8)]
    first = [await world.run(case) for case in cases]
    again = [await world.run(case) for case in reversed(cases)]
    assert list(reversed(again)) == first


async def test_what_goes_wrong_is_shown_as_small_as_it_still_does(world: World) -> None:
    plant = PLANTS["a pivot without undo"]
    with planted(plant):
        proof = await prove(world, range(2_000), plant.weights)
    (failure,) = proof.failures
    said = failure.describe()
    assert f"--seed {failure.seed} --cases 1" in said and "WRONG" in said and "without undo" in said
    assert len(failure.small.troubles) < max(len(failure.drawn.troubles), 2) and len(failure.small.instances) == 1


def test_each_smaller_case_is_one_that_could_have_been_drawn() -> None:
    """A step or an instance that is left out takes its faults along."""
    for seed in range(100):
        case = draw_case(Random(seed))
        for less in smaller(case):
            assert less != case and less.instances and less.saga.steps
            for trouble in less.troubles:
                assert getattr(trouble, "instance", 0) < len(less.instances)
                assert less.saga.step(getattr(trouble, "step", 0)) is not None
                assert getattr(trouble, "place", HOME) in less.saga.places
