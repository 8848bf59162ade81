"""The place of a declaration: the line in the user's source that an error names."""

from __future__ import annotations

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the user's source something was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def caller_place(depth: int = 1) -> Place:
    """The nearest frame outside Partita's own declaring modules: the user's line."""
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(
        ("partita.catalog", "partita.sagas", "dataclasses", "abc")
    ):
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)
