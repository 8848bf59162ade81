"""What a command leaves out, another one runs: CI leaves out nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {
    "test-all": [{"oracles"}, {"oracles"}],
    "test": [{"oracles", "long"}, {"oracles", "long"}],
    "check": [{"processes", "slow", "long", "oracles"}],
}


@pytest.mark.parametrize("target", LEFT_OUT)
def test_a_command_leaves_out_what_it_says(target: str) -> None:
    """The two halves of a run are those with processes and those without."""
    said = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    selected = re.findall(r'-m pytest .*-m "([^"]*)"', said)
    left_out = [set(re.findall(r"not (\w+)", marks)) for marks in selected]
    if len(left_out) == 2:
        assert "processes" in left_out[0] and selected[1].split()[0] == "processes"
        left_out[0].remove("processes")
    assert left_out == LEFT_OUT[target]


def test_ci_runs_all() -> None:
    """A mark must not be a way to be run by nobody."""
    commands = re.findall(r"make (\S+)", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert {"test-all", "oracles"} <= set(commands) and "test" not in commands
