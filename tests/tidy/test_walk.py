"""The walk of a message in ARCHITECTURE.md and the `Walk n:` of the files it leads through are the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATION = re.compile(r"^(\d+)\. `([\w/]+\.py)`: ((?:.+\n)(?: +.+\n)*)", re.MULTILINE)
MARK = re.compile(r"^Walk (\d+): (.+?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


def test_the_walk_of_the_architecture_is_the_walk_of_the_files() -> None:
    """Who reads the files in the order of the page must find the page's sentence in each."""
    found = differences((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), ROOT / "src/partita")
    assert not found, "\n" + "\n".join(found)


def test_each_difference_is_named(tmp_path: Path) -> None:
    """A planted difference of each kind, so that the comparison is known to see."""
    page = "## The walk\n\n1. `app.py`: it enters.\n2. `bus/port.py`: it is\n   kept.\n4. `gone.py`: never.\n"
    (tmp_path / "bus").mkdir()
    (tmp_path / "app.py").write_text('"""App.\n\nWalk 1: it leaves.\n"""\n', encoding="utf-8")
    (tmp_path / "bus/port.py").write_text('"""Bus.\n\nWalk 2: it\nis kept; for a while.\n"""\n', encoding="utf-8")
    (tmp_path / "stray.py").write_text('"""Stray.\n\nWalk 9: lost.\n"""\n', encoding="utf-8")

    assert differences(page, tmp_path) == [
        "ARCHITECTURE.md: the walk's numbers are [1, 2, 4]; count from 1 without a gap.",
        "src/partita/app.py: its docstring should say 'Walk 1: it enters', and says 'Walk 1: it leaves.'",
        "src/partita/gone.py: its docstring should say 'Walk 4: never', and says nothing of the walk",
        "src/partita/stray.py: says 'Walk 9: lost.', which ARCHITECTURE.md does not lead through.",
    ]


def differences(page: str, package: Path) -> list[str]:
    """Where page and docstrings disagree. A docstring may go on after the page's sentence."""
    stations = [(int(n), where, " ".join(text.split()).rstrip(".")) for n, where, text in STATION.findall(page)]
    marks = {path.relative_to(package).as_posix(): said for path in package.rglob("*.py") if (said := _mark(path))}
    found = []
    numbers = [n for n, _, _ in stations]
    if not numbers or numbers != list(range(1, len(numbers) + 1)):
        found.append(f"ARCHITECTURE.md: the walk's numbers are {numbers}; count from 1 without a gap.")
    for n, where, sentence in stations:
        expected = f"Walk {n}: {sentence}"
        said = marks.pop(where, "")
        if not re.match(rf"{re.escape(expected)}(?!\w)", said):
            heard = repr(said) if said else "nothing of the walk"
            found.append(f"src/partita/{where}: its docstring should say {expected!r}, and says {heard}")
    for where, said in sorted(marks.items()):
        found.append(f"src/partita/{where}: says {said!r}, which ARCHITECTURE.md does not lead through.")
    return found


def _mark(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    match = MARK.search(docstring)
    return f"Walk {match[1]}: {' '.join(match[2].split())}" if match else ""
