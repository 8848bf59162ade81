"""Each planted bug is found: a generated test that finds none of them proves nothing."""

from __future__ import annotations

from random import Random

import pytest

from partita.testing.generators.planted import PLANTS, planted
from partita.testing.generators.planted_answers import ANSWER_PLANTS
from partita.testing.generators.planted_children import CHILD_PLANTS
from partita.testing.generators.saga_judge import judge
from partita.testing.generators.saga_world import World
from partita.testing.generators.sagas import draw_case

CASES_MAX = 400
ALL = {**PLANTS, **ANSWER_PLANTS, **CHILD_PLANTS}


@pytest.mark.parametrize("name", ALL)
def test_it_replaces_something(name: str) -> None:
    """A function that has another name now is found before the long run."""
    with planted(ALL[name]):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
async def test_it_is_found(world: World, name: str) -> None:
    plant = ALL[name]
    for seed in range(CASES_MAX):
        case = draw_case(Random(seed), plant.weights)
        with planted(plant):
            wrong = judge(case, await world.run(case))
        if wrong and judge(case, await world.run(case)) == []:
            return
    raise AssertionError(f"{CASES_MAX} cases went well with it: {plant.meaning}")
