"""The files of a project, and the rule by which each is written again after the design has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from partita.exports.seal import UNSEALED, sealed

Rule = Literal["derived", "begun"]
"""derived: the design gives all of it, so an edited one is refused. begun: it belongs to the project, so an edited one stays."""

_COMMENTS = {".md": ("<!-- ", " -->"), ".sql": ("-- ", "")}
_DERIVED = "Derived from the design by `partita design build`: change the brief, not this file."
_BEGUN = "Begun by `partita design build`; it is yours: once you edit it, no build changes it."


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file with one seal over all of it."""

    path: str
    text: str
    rule: Rule = "derived"

    def sealed(self) -> str:
        """The text with its seal in the first line."""
        before, after = _COMMENTS.get(PurePosixPath(self.path).suffix, ("# ", ""))
        words = _DERIVED if self.rule == "derived" else _BEGUN
        return sealed(f"{before}{words}{after}\n{before}{UNSEALED}{after}\n{self.text}")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file that a person fills: a function. `contract` says in one line the messages that it takes and gives: a part
    that a person has filled needs a look when its contract has changed, and at no other time."""

    name: str
    contract: str
    text: str


@dataclass(frozen=True, slots=True)
class FilledFile:
    """A file of parts. The head is the text above the first part: docstring and imports."""

    path: str
    head: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """A numbered SQL file. Databases have applied it, so it is never written again; a new one takes the next free number."""

    folder: str
    name: str
    text: str


ProjectFile = WholeFile | FilledFile | MigrationFile
