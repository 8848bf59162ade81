"""The tests of the duties are believed: each is red where a program does not do its duty. Each bug is planted in one program, and
with PARTITA_LONG=1 in all of them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from servers.process import ServerFailed
from servers.programs import PROGRAMS
from tests.documents.test_participants_guide import duties
from tests.oracles.participant_plants import PLANTS, Plant
from tests.oracles.participant_world import saga_with
from tests.oracles.test_participants import built

pytestmark = [pytest.mark.oracles, pytest.mark.timeout(600)]
ALL = [(name, plant) for plant, each in PLANTS.items() for name in each.edits]
IN_TURN = [(sorted(each.edits)[place % len(each.edits)], plant) for place, (plant, each) in enumerate(PLANTS.items())]
CASES = ALL if os.environ.get("PARTITA_LONG") else IN_TURN
PATIENCE_S = 20.0
"""Shorter than the session of a killed member that is not static, 45 s."""


@pytest.mark.parametrize(("name", "plant"), CASES)
async def test_a_planted_bug_is_found(name: str, plant: str, tmp_path: Path) -> None:
    built(PROGRAMS[name])  # its modules are here now
    bug = PLANTS[plant]
    with pytest.raises((AssertionError, ServerFailed)) as red:
        await _try(bug, name, tmp_path)
    assert re.search(bug.said, str(red.value)), f"{plant} in {name} was found by another mistake: {red.value}"


def test_each_duty_of_the_guide_has_a_bug_that_breaks_it() -> None:
    assert {duty for duty, _ in duties()} <= {plant.duty for plant in PLANTS.values()}


async def _try(bug: Plant, name: str, folder: Path) -> None:
    async with saga_with(bug.planted_in(PROGRAMS[name], folder), bug.language, folder) as saga:
        await bug.test(saga, PATIENCE_S)
