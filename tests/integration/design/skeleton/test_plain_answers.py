"""Four answers in plain words become a project that runs: its types, its tests, and every outcome of its saga."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.design.skeleton.test_running import python, write
from tests.unit.design.brief.domains import DOMAINS

from partita.design.brief.asking.answers import read_answers
from partita.design.brief.asking.drafting import draft
from partita.design.brief.reading import read_brief
from partita.design.skeleton.project import project_of
from partita.design.skeleton.regenerating import rewriting

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # several programs, one after the other


@pytest.mark.parametrize("name", ["claims", "food", "charging", "telecom"])
def test_the_project_of_four_answers_has_right_types_and_plays_its_outcomes(name: str, tmp_path: Path) -> None:
    """A decision with an escalation, captures after the point of no return, a check without an effect."""
    design = read_brief(draft(read_answers(*DOMAINS[name].answers)), f"{name}.yaml")
    write(tmp_path, dict(rewriting(project_of(design), {}).writes))

    types = python(tmp_path, "-m", "mypy", "--cache-dir", str(tmp_path.parent / "types"))
    assert types.returncode == 0, types.stdout
    tests = python(tmp_path, "-m", "unittest", "tests.test_states", "tests.test_outcomes")
    assert tests.returncode == 0 and "OK" in tests.stderr, tests.stderr
