"""Commands in the folder of a project, as its reader types them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PARTITA = str(Path(sys.executable).with_name("partita"))
LINTS = (["flow", "check"], ["catalog", "lint", "--strict"], ["doctor"])
STYLES = (["check", "--select", "E4,E7,E9,F,I,UP,B"], ["format", "--check"])


def run(
    folder: Path, *words: str, variables: Mapping[str, str] | None = None, timeout_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """A command in a folder, with no variable of this test's own process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PARTITA_", "PYTEST_"))}
    env = {**clean, **(variables or {})}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=timeout_s)


def python(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Python in a folder."""
    return run(folder, sys.executable, *words, variables=variables)


COUNT = (
    "from unittest import defaultTestLoader as l; print(l.loadTestsFromName('tests.test_outcomes').countTestCases())"
)


def check_tests(folder: Path, outcomes: int) -> None:
    """The tests of states and of faults pass, and those of outcomes are as many as the demo has just played."""
    done = python(folder, "-m", "unittest", "tests.test_states", "tests.test_faults")
    assert done.returncode == 0, done.stderr
    assert python(folder, "-c", COUNT).stdout == f"{outcomes}\n"


def check_types_and_style(folder: Path) -> None:
    """Strict types; a formatter changes nothing, and a linter finds nothing."""
    types = python(folder, "-m", "mypy", "--cache-dir", str(folder.parents[1] / "types"))
    assert types.returncode == 0, types.stdout
    for words in STYLES:
        style = python(folder, "-m", "ruff", *words, "--no-cache", ".")
        assert style.returncode == 0, style.stdout


def check_lints(folder: Path) -> None:
    """The lints of Partita find nothing."""
    for words in LINTS:
        done = run(folder, PARTITA, *words)
        assert done.returncode == 0, done.stdout + done.stderr
