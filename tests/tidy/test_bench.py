"""The benchmarks follow the code: no other test runs them, and a renamed argument would be found by the next who measures."""

from __future__ import annotations

import subprocess
import sys

from tests.documents.wheelhouse import ROOT

BENCH = ROOT / "bench"


def test_each_program_of_the_benchmarks_is_imported() -> None:
    """Except those of the peers, whose packages only `make bench` installs."""
    names = sorted(path.stem for path in BENCH.glob("*.py") if not path.stem.startswith("peer_"))
    assert "walks" in names
    command = f"import sys; sys.path.insert(0, {str(BENCH)!r}); import {', '.join(names)}"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
