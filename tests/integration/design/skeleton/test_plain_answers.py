"""Four answers in plain words become a project that runs: its types, its tests, and each kind of outcome of its saga.

Every outcome of every step: PARTITA_LONG=1. Of the projects of briefs all are played always (test_running.py, test_strangers.py).
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.integration.design.skeleton.test_running import python, write
from tests.unit.design.brief.domains import DOMAINS

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.skeleton.project import project_of
from partita.design.skeleton.regenerating import rewriting

LONG = bool(os.environ.get("PARTITA_LONG"))
CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
TEST = re.compile(r"^    async def (test_\w+)\(", re.MULTILINE)
KIND = re.compile(r"_((?:goes|begins|each|is|fails|waits)_\w+?)(?:_by_\w+)?$")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # several programs, one after the other


def last_of_each_kind(outcomes: str) -> list[str]:
    """Of each kind of outcome the test of the last step that has it: when that step is refused or silent, all earlier steps are
    undone."""
    (group,) = CLASS.findall(outcomes)
    last = {found[1]: test for test in TEST.findall(outcomes) if (found := KIND.search(test)) is not None}
    return [f"tests.test_outcomes.{group}.{test}" for test in last.values()]


@pytest.mark.parametrize("name", ["claims", "food", "charging", "telecom"])
def test_the_project_of_four_answers_has_right_types_and_plays_its_outcomes(name: str, tmp_path: Path) -> None:
    """A decision with an escalation, captures after the point of no return, a check without an effect."""
    design = read_brief(draft(read_answers(*DOMAINS[name].answers)), f"{name}.yaml")
    write(tmp_path, dict(rewriting(project_of(design), {}).writes))

    types = python(tmp_path, "-m", "mypy", "--cache-dir", str(tmp_path.parent / "types"))
    assert types.returncode == 0, types.stdout
    played = last_of_each_kind((tmp_path / "tests/test_outcomes.py").read_text(encoding="utf-8"))
    assert len(played) >= 12
    tests = python(tmp_path, "-m", "unittest", "tests.test_states", *(["tests.test_outcomes"] if LONG else played))
    assert tests.returncode == 0 and "OK" in tests.stderr, tests.stderr
