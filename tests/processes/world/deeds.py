"""The deeds of people, written to a file when their results are known: a process that is killed goes on where it was."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

DEATHS = "deaths"
"""The file with the number of processes that have died so far."""


class Deed(NamedTuple):
    """One deed about one claim or ride, and its result."""

    about: str
    what: str
    result: str


class Deeds:
    """A file with one line for each deed; what was appended survives a SIGKILL."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, about: str, what: str, result: str) -> None:
        """Note a result."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{about}\t{what}\t{result}\n")

    def all(self) -> list[Deed]:
        """Each deed, the oldest first; without a line that a death cut short."""
        if not self._path.exists():
            return []
        lines = self._path.read_text(encoding="utf-8").split("\n")[:-1]
        return [Deed(*line.split("\t")) for line in lines if line.count("\t") == 2]

    def count(self) -> int:
        """How many there are."""
        return len(self.all())
