"""The tutorial, followed from an empty folder and the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.documents.walk import Walk, blocks_of
from tests.documents.wheelhouse import ROOT, user_environment

TUTORIAL = ROOT / "docs" / "tutorial.md"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_tutorial_is_followed_from_an_empty_folder(tmp_path: Path, wheels: Path) -> None:
    """Each file is saved, each command typed, and what the page says it prints is what it prints."""
    (tmp_path / "checkout").mkdir()
    with Walk(tmp_path / "checkout", user_environment(tmp_path, wheels)) as walk:
        walk.follow(blocks_of(TUTORIAL))
    project = tmp_path / "rides/ride"
    for checked in (["mypy", "--cache-dir", os.devnull], ["ruff", "check", "--select", "E,F,I,UP,B", "--no-cache"]):
        done = subprocess.run(
            [sys.executable, "-m", *checked], cwd=project, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, f"as the project's own CI asks: {done.stdout}"
