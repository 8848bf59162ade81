"""The folders of the tests beside those of the source, as one function from a tree to its complaints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MIRRORS = ("tests/unit", "tests/integration")
BESIDE = "servers"
"""Source of the checkout beside `src/partita`: the servers of the tests."""


def complaints(root: Path) -> list[str]:
    """Areas without tests, tests outside of a room, and rooms of no area: each with what to do."""
    return [*_areas_without_tests(root), *_tests_outside(root), *_rooms_of_no_area(root)]


def _areas_without_tests(root: Path) -> Iterator[str]:
    """An area's folder in tests/unit is the place where a reader looks first."""
    for area in sorted(path for path in (root / "src/partita").iterdir() if any(path.rglob("*.py"))):
        if not any((root / "tests/unit" / area.name).rglob("test_*.py")):
            yield f"src/partita/{area.name}: no test in tests/unit/{area.name}: write one there."


def _tests_outside(root: Path) -> Iterator[str]:
    modules = {path.stem for path in (root / "src/partita").glob("*.py")}
    for path in sorted((root / "tests").rglob("test_*.py")):
        where = path.relative_to(root).as_posix()
        folder = where.rpartition("/")[0]
        if folder == "tests":
            yield f"{where}: in no room: move it to a folder of tests/."
        elif folder == "tests/integration":
            yield f"{where}: in no room: move it to the folder of the area that it tests."
        elif folder == "tests/unit" and path.stem.removeprefix("test_") not in modules:
            yield f"{where}: named after no module of src/partita: move it to the folder of the area that it tests."


def _rooms_of_no_area(root: Path) -> Iterator[str]:
    for mirror in MIRRORS:
        for folder in sorted({path.parent for path in (root / mirror).rglob("test_*.py")}):
            room = folder.relative_to(root / mirror)
            there = room.parts[:1] == (BESIDE,) or any((root / "src/partita" / room).rglob("*.py"))
            if not there:
                yield f"{mirror}/{room.as_posix()}: there is no src/partita/{room.as_posix()}: rename the folder."
