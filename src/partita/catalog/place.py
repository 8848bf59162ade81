"""The place of a declaration: the line in the user's source that an error names."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import FrameType

DECLARING = ("partita.catalog", "partita.sagas", "dataclasses", "abc")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a declaration in the user's source."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def caller_place(depth: int = 1) -> Place:
    """The user's line with the declaration."""
    frame = declaring_frame(depth + 1)
    return Place(frame.f_code.co_filename, frame.f_lineno)


def declaring_frame(depth: int = 1) -> FrameType:
    """The nearest frame outside Partita's own declaring modules: the user's."""
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(DECLARING):
        frame = frame.f_back
    return frame
