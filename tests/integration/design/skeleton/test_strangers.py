"""Domains that are in no pattern, with every feature of the form: each becomes a project that runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.integration.design.skeleton.commands import PARTITA, check_lints, check_tests, check_types_and_style, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # several programs, one after the other
PYRIGHT = str(Path(sys.executable).with_name("pyright"))
STRANGERS = Path(__file__).parent / "strangers"


@pytest.mark.parametrize(
    ("name", "outcomes", "says"),
    [
        (
            "library",
            38,
            [
                "TakeCopy is done, its answer is lost, and AskTakeCopy finds it: CopyTaken published",
                "Wait\n  completed  everything goes well: WishNoted published",
                "EscalateLookAtCopy sent 2 x",
            ],
        ),
        (
            "clinic",
            54,
            [
                "BookDevice is refused: NoDevice: FreeRoom undid; FreeDoctor undid; AppointmentDropped published",
                "BookDevice is answered after 10 min: TryOtherDevice sent 1 x; RiskConfirmed published",
            ],
        ),
    ],
)
def test_the_brief_of_a_stranger_runs(name: str, outcomes: int, says: list[str], tmp_path: Path) -> None:
    """Every outcome, our lints, strict types by two checkers, and the style: nothing depends on the domains of the docs."""
    folder = tmp_path / name
    brief = str(STRANGERS / f"{name}.yaml")
    built = run(tmp_path, PARTITA, "design", "build", brief, "--code", str(folder), "--demo")
    assert built.returncode == 0, built.stdout + built.stderr
    assert f"{outcomes} of {outcomes} outcomes as the design promises" in built.stdout
    for words in says:
        assert words in built.stdout
    check_lints(folder)
    check_types_and_style(folder)
    pyright = run(folder, PYRIGHT, "--pythonpath", sys.executable, "-p", ".")
    assert pyright.returncode == 0, pyright.stdout
    check_tests(folder, outcomes)
    document = run(tmp_path, PARTITA, "design", "build", brief, "-o", str(tmp_path / "document"), "--to", "md")
    assert document.returncode == 0, document.stderr
